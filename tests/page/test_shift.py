"""What is added to all scores: the stable probabilities change by the rounding of the sum alone."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np

import logitkit as lk
from page.lab import column
from page.states import DTYPES, State

QUARTERS = [1.5, 2.25, -0.25, 0.75]  # exact in every type, and so is a sum that is not too large
SHIFTS = [0, -0.5, 8, 24.25, 64, 85, 1000, 1024, 0.1, -33.3, 700.7, -4096.5, 99999.9]


def library(lab, dtype):
    """Return the kernel's probabilities in the stability panel."""
    (table,) = lab.tables("stability")
    values = np.array(column(table, table["columns"].index(f"{dtype} logitkit")))
    return values.astype(DTYPES[dtype])


def test_what_is_added_to_all_scores_changes_the_answer_by_its_rounding_alone(lab):
    """The bounds are those of docs/lab-page.md."""
    seen = []
    for shift in SHIFTS:
        lab.go(State(logits=QUARTERS, shift=shift).link("stability"))
        lab.panel("stability")
        for dtype, kind in DTYPES.items():
            eps = float(ml_dtypes.finfo(kind).eps)
            with np.errstate(over="ignore"):
                x, moved = (
                    np.array(QUARTERS).astype(kind),
                    (np.array(QUARTERS) + shift).astype(kind),
                )
            p, shifted = lk.softmax(x), library(lab, dtype)
            exact = [Fraction(float(a)) + Fraction(shift) for a in x]
            if not np.isfinite(moved.astype(float)).all():  # it does not fit in float16
                assert np.isnan(shifted.astype(float)).all()
                seen.append((dtype, "none"))
                continue
            spacing = np.array([float(np.spacing(one)) for one in p])
            off = (np.abs(shifted.astype(float) - p.astype(float)) / spacing).max()
            if exact == [Fraction(float(one)) for one in moved]:
                assert off <= (0 if dtype == "float64" else 1), (dtype, shift)
                seen.append((dtype, "exact"))
            else:
                largest = float(np.abs(moved.astype(float)).max())
                bound = 2 * math.expm1(min(eps * largest, 700)) / eps + 2
                assert off <= bound, (dtype, shift)
                seen.append((dtype, "rounded"))
    wanted = {(dtype, kind) for dtype in DTYPES for kind in ("exact", "rounded")}
    assert set(seen) == wanted | {("float16", "none")}
