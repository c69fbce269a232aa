"""The page stays small: what its files hold, and what one load brings over."""

import re
from pathlib import Path

from logitkit.lab.assets import listing

FILES = 280 << 10
LOAD = 340 << 10  # with the headers and the first answers
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "lab-page.md"


def test_the_files_and_one_load_are_within_their_budget(open_lab, capsys):
    lab = open_lab()
    lab.unguard()  # a request that a test hands on has no size
    lab.open()
    lab.page.wait_for_timeout(300)  # panels out of sight follow
    lab.settle()
    found = lab.page.evaluate(
        """["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
          .map(({ name, transferSize }) => [name, transferSize])"""
    )
    names = {name.removeprefix(lab.url) or "index.html" for name, _ in found}
    kept = {name: entry.read_bytes() for name, entry in listing().items()}
    files, load = sum(map(len, kept.values())), sum(size for _, size in found)
    with capsys.disabled():
        print(
            f"\n{len(kept)} files of {files} bytes; one load: {len(found)} requests, {load} bytes"
        )
    # All of it came over now, and but for the example that is fetched when it is taken, it is all.
    assert set(kept) - names == {"data/digit_five.json"}
    assert all(size > 0 for _, size in found)
    assert files <= FILES
    assert load <= LOAD


def test_the_budget_is_written_down():
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    assert re.findall(r"(\d+) KiB", text) == [str(FILES >> 10), str(LOAD >> 10)]
