"""The page under test: opens it, reads its numbers, and notes what must not happen."""

from pathlib import Path
from urllib.parse import urlsplit

SCRIPTS = Path(__file__).with_name("scripts")

PANELS = (
    "probabilities",
    "worked",
    "temperature",
    "stability",
    "derivative",
    "compare",
    "loss",
    "confidence",
)


class Lab:
    """One page in a context of its own.

    Requests that leave the machine are stopped and noted; so are errors and warnings of the
    console, uncaught errors, and violations of the Content-Security-Policy. `close` returns them,
    but for those that a test has said it `expects`.
    """

    def __init__(self, browser, url, options):
        self.url = url
        self.context = browser.new_context(**options)
        for name in ("lab.js", "focus.js", "drag.js", "look.js"):
            self.context.add_init_script(path=SCRIPTS / name)
        self.problems = []
        self.expected = []
        self.context.route("**", self._guard)
        self.page = self.context.new_page()
        self._listen(self.page)

    def _listen(self, page):
        page.set_default_timeout(60_000)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))

    def _guard(self, route):
        parts = urlsplit(route.request.url)
        if parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1":
            route.continue_()
        else:
            self.problems.append(f"a request left the machine: {route.request.url}")
            route.abort()

    def unguard(self):
        """Let requests go their own way from now on, not by way of this process."""
        self.context.unroute("**")

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def expect(self, *parts):
        """Allow problems that hold one of these texts, and wait for none."""
        self.expected.extend(parts)

    def open(self, fragment="", query=""):
        """Go to a link and wait for its numbers."""
        hash_ = f"#{fragment}" if fragment else ""
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}{query}{hash_}")
        self.page.evaluate("lab.opened()")
        self.settle()

    def settle(self):
        """Wait until the newest answer is on the screen."""
        self.page.evaluate("lab.settle()")

    def go(self, fragment):
        """Change the link in place, as Back and Forward do."""
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        self.settle()

    def panel(self, slug):
        """Return the element of a panel, scrolled into view."""
        panel = self.page.locator(f"#panel-{slug}")
        panel.evaluate("panel => panel.scrollIntoView({block: 'start'})")
        self.settle()
        return panel

    def tables(self, slug):
        """Return the tables of a panel."""
        return self.page.evaluate("slug => lab.tables(slug)", slug)

    def readouts(self, slug):
        """Return the single numbers of a panel by their names."""
        return self.page.evaluate("slug => lab.readouts(slug)", slug)

    def shown(self, slug):
        """Return all that a panel shows."""
        return self.page.evaluate("slug => lab.shown(slug)", slug)

    def fragment(self):
        """Return the fragment of the address bar, once it is written."""
        self.page.wait_for_timeout(200)  # a drag writes it every 120 ms
        return self.page.evaluate("location.hash").removeprefix("#")

    def status(self):
        """Return what the one live region says."""
        return self.page.locator("#status").text_content()

    def take_problems(self):
        """Return what must not have happened since the last call."""
        if not self.page.is_closed():
            self.problems += self.page.evaluate("window.lab ? lab.violations.splice(0) : []")
        problems, self.problems = self.problems, []
        expected, self.expected = self.expected, []
        return [one for one in problems if not any(part in one for part in expected)]

    def close(self):
        """Close the context; return what `take_problems` has."""
        problems = self.take_problems()
        self.context.close()
        return problems


def column(table, number):
    """Return the exact values of a column; None where a cell has none."""
    return [None if row[number][1] is None else float(row[number][1]) for row in table["rows"]]
