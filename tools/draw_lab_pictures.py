"""Take the pictures of the lab for the README and docs/lab.md, from the page itself.

The page runs on a server of its own; every number in a picture is one that the kernels gave. Needs
Playwright and Chromium, as the tests do:

    python tools/draw_lab_pictures.py            docs/images/lab-*.png
"""

import argparse
import contextlib
import shutil
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from logitkit.lab.app import create_app
from logitkit.lab.server import bind, serve

ROOT = Path(__file__).resolve().parent.parent
THEMES = ("light", "dark")

# Each picture: its name, its example, its panel (None: the head of the page), its window.
PICTURES = (
    ("page", "Fruit", None, {"width": 1280, "height": 920}),
    ("narrow", "Fruit", None, {"width": 390, "height": 800}),
    ("temperature", "A handwritten 5", "temperature", {"width": 1120, "height": 900}),
    ("stability", "Huge scores", "stability", {"width": 1120, "height": 900}),
)


@contextlib.contextmanager
def running():
    """Serve the page in this process; yield its address."""
    listener = bind(0)
    ready = threading.Event()
    server = threading.Thread(target=serve, args=(create_app(), listener, ready.set), daemon=True)
    server.start()
    ready.wait()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def take(browser, url, folder, picture, theme):
    """Take one picture in one theme."""
    name, example, panel, size = picture
    page = browser.new_page(viewport=size, color_scheme=theme, reduced_motion="reduce")
    page.goto(url)
    page.locator("lk-strip").get_by_text("µs").wait_for(state="attached")
    # Of the first answers the times are those of a cold start.
    for one in ("Huge scores", "A tie", example):
        page.get_by_role("button", name=one, exact=True).locator("visible=true").click()
        page.wait_for_timeout(500)  # panels out of sight follow
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    page.mouse.move(0, 0)
    path = folder / f"lab-{name}-{theme}.png"
    if panel is None:
        page.screenshot(path=path)
    else:
        page.locator(f"#panel-{panel} lk-figure").first.screenshot(path=path)
    page.close()
    print(f"{path} {path.stat().st_size} bytes")


def main():
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description="Take the pictures of the lab.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(one[0] for one in PICTURES)}")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "images")
    chosen = parser.parse_args()
    with running() as url, sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=program)
        for picture in PICTURES:
            for theme in THEMES:
                if not chosen.names or picture[0] in chosen.names:
                    take(browser, url, chosen.output, picture, theme)
        browser.close()


if __name__ == "__main__":
    main()
