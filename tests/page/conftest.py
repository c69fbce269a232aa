"""The browser, the server and the pages that the tests share.

Fixtures live as long as this package: Playwright keeps an event loop in the thread, and tests
elsewhere start their own.
"""

import shutil

import pytest
from lab_client import server
from playwright.sync_api import sync_playwright

from page.lab import Lab

WIDE = {"width": 1280, "height": 900}
# Every panel is within the window, so that every panel follows every change.
TALL = {"width": 1280, "height": 12_000}


def chromium():
    """Return the path of the system's Chromium; None takes the one that Playwright installs."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="package")
def playwright():
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright):
    """Chromium without a window."""
    launched = playwright.chromium.launch(executable_path=chromium())
    yield launched
    launched.close()


@pytest.fixture(scope="package")
def url():
    """The address of a server as `logitkit lab` starts it."""
    with server() as (_, address):
        yield address


@pytest.fixture
def open_lab(browser, url):
    """Open the page in a context of its own; what was not allowed to happen fails the test."""
    opened = []

    def open_one(fragment="", *, at=url, query="", **options):
        lab = Lab(browser, at, {"viewport": WIDE, "reduced_motion": "reduce", **options})
        opened.append(lab)
        lab.open(fragment, query)
        return lab

    yield open_one
    problems = [problem for lab in opened for problem in lab.close()]
    assert problems == []


def visit(lab):
    """Open the page for one test, and see afterwards that nothing went wrong."""
    lab.open()
    yield lab
    assert lab.take_problems() == []


@pytest.fixture(scope="module")
def wide_context(browser, url):
    lab = Lab(browser, url, {"viewport": WIDE, "reduced_motion": "reduce"})
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def tall_context(browser, url):
    lab = Lab(browser, url, {"viewport": TALL, "reduced_motion": "reduce"})
    yield lab
    lab.close()


@pytest.fixture
def lab(wide_context):
    """The page with its defaults."""
    yield from visit(wide_context)


@pytest.fixture
def tall(tall_context):
    """The page with its defaults, and all panels in view."""
    yield from visit(tall_context)
