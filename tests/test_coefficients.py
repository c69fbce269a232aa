"""The constants in the kernels are those that tools/fit_coefficients.py fits."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "src" / "core" / "math").glob("*.hpp"))
# Hex floats with a fraction of three digits or more: what is not a plain power of two.
FITTED = re.compile(r"-?0x[01]\.[0-9a-f]{3,}p[+-]\d+f?\b")
# The largest finite float stands beside them.
KNOWN = {"0x1.fffffep+127f", "-0x1.fffffep+127f"}


@pytest.fixture(scope="module")
def groups():
    spec = importlib.util.spec_from_file_location("fit", ROOT / "tools" / "fit_coefficients.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.constants()


@pytest.fixture(scope="module")
def written():
    return set(FITTED.findall("\n".join(page.read_text(encoding="utf-8") for page in PAGES)))


def test_every_fitted_constant_stands_in_the_kernels(groups, written):
    fitted = {
        name: [text for text in group if FITTED.fullmatch(text)] for name, group in groups.items()
    }
    assert sum(map(len, fitted.values())) > 25
    for name, literals in fitted.items():
        assert [text for text in literals if text not in written] == [], name


def test_every_constant_of_the_kernels_is_fitted(groups, written):
    fitted = {text for group in groups.values() for text in group}
    assert len(written) > 25
    assert written - fitted - KNOWN == set()


def test_the_bounds_on_the_page_are_those_of_the_fit(groups):
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    bounds = re.findall(r"relative error 2\^(-\d+\.\d+)", "\n".join(groups))
    assert len(bounds) == 3
    for bound in bounds:
        assert f"2^{float(bound):.1f}" in text
