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
FRUIT = "v=1"
FIVE = "v=1&c=" + ",".join(
    f"{digit}:{score}"
    for digit, score in enumerate([-3.2, 1.1, -0.4, 6.3, -5.1, 5.6, -2.9, 0.2, 2.4, 1.7])
)
HUGE = "v=1&c=left:88,middle:89,right:90"

# Each picture: its name, its link, its panel (None: the head of the page), its window.
PICTURES = (
    ("page", FRUIT, None, {"width": 1280, "height": 800}),
    ("narrow", FRUIT, None, {"width": 390, "height": 800}),
    ("temperature", FIVE, "temperature", {"width": 1120, "height": 900}),
    ("stability", HUGE, "stability", {"width": 1120, "height": 900}),
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
    name, link, panel, size = picture
    page = browser.new_page(viewport=size, color_scheme=theme, reduced_motion="reduce")
    page.goto(f"{url}#{link}")
    page.locator("lk-strip").get_by_text("µs").wait_for(state="attached")
    page.wait_for_timeout(500)  # panels out of sight follow
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
