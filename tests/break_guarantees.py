"""Break the code once for each test that docs/contract.md names, and see the test fail.

The rules of the table are broken in the suite itself, by `test_each_rule_can_fail`. What is here
needs a process of its own: the mistake is there before the tests and in the processes they start.
`python tests/break_guarantees.py` runs each named test right and broken, and prints both.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from guarantee_mistakes import break_import, mistakes

TESTS = Path(__file__).resolve().parent
CHOSEN = "LOGITKIT_MISTAKE"
# Of C++ that is compiled by the test itself: break src/core by hand to see it fail.
BY_HAND = {"test_core_native.py::test_bits_are_equal_on_every_machine"}


def break_now():
    """Make the mistake that the environment names, before anything of the tests is loaded."""
    name = os.environ.get(CHOSEN)
    if name == "test_nothing_heavy_is_loaded":
        break_import()
    elif name:
        mistakes()[name]()


def run(test, broken):
    """Return whether a named test passes, and the last line of pytest."""
    with tempfile.TemporaryDirectory() as site:
        code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import break_guarantees as b"
        (Path(site) / "sitecustomize.py").write_text(code + "; b.break_now()\n")
        environment = os.environ | {"PYTHONPATH": site, CHOSEN: ""}
        if broken:
            environment[CHOSEN] = test.rpartition("::")[2]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "--tb=no",
                "-p",
                "no:cacheprovider",
                TESTS / test,
            ],
            env=environment,
            capture_output=True,
            text=True,
        )
    return done.returncode, (done.stdout.splitlines() or [done.stderr])[-1]


def main():
    page = (TESTS.parent / "docs" / "contract.md").read_text(encoding="utf-8")
    named = sorted(set(re.findall(r"`(test_\w+\.py::test_\w+)`", page)) - BY_HAND)
    wrong = 0
    for test in named:
        (right, shown), (broken, shown_broken) = run(test, False), run(test, True)
        seen = (right, broken) == (0, 1)
        wrong += not seen
        print(
            f"{'seen' if seen else 'NOT SEEN'}  {test}\n    {shown}\n    broken: {shown_broken}",
            flush=True,
        )
    print(f"{len(named)} tests, {wrong} not seen to fail")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
