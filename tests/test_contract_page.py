"""docs/contract.md: every rule stands in it, and every test that it names is there."""

import ast
import re
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from conformance.rules import RULES

import logitkit as lk
from logitkit import _core

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / "docs" / "contract.md").read_text(encoding="utf-8")


def rows(*headings):
    """Return the cells of the tables under some headings."""
    found = []
    for heading in headings:
        (part,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
        lines = [line for line in part.splitlines() if line.startswith("| ")]
        found += [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return found


@cache
def names_in(file):
    """Return the names that pytest collects from a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and "test_" in n.name[:5]}


def test_every_rule_stands_in_the_page_once():
    stated = [row[0].strip("`") for row in rows("Rules", "Guarantees") if "`" in row[0]]
    assert sorted(stated) == sorted(RULES)


def test_every_test_that_the_page_names_exists():
    for rule, statement, tests in rows("Rules", "Guarantees"):
        assert statement
        names = re.findall(r"`([^`]+)`", tests)
        assert names, f"{rule} names no test"
        if "`" in rule:
            assert names[0] == f"test_rule[{rule.strip('`')}-*]"
        for name in names:
            file, _, test = name.rpartition("::")
            test = test.partition("[")[0]
            assert test in names_in(file or "test_conformance.py"), f"{rule}: there is no {name}"


@pytest.mark.parametrize("function", ["softmax", "logsumexp", "entropy", "filter_logits"])
def test_what_is_put_in_the_place_of_the_core_is_called(function, monkeypatch):
    # `break_guarantees.py` makes its mistakes there.
    def mistaken(*_, **__):
        raise ArithmeticError

    call = partial(getattr(lk, function), np.ones(3), temperature=0.7)
    call()  # loads what would else be loaded with the mistake in place
    for name in ("apply", "sample"):
        monkeypatch.setattr(_core, name, mistaken)
    with pytest.raises(ArithmeticError):
        call()
