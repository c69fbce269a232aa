"""Four gigabytes of scores: a call needs their arrays, and less than 64 MB more.

Run by `make test-large`; needs up to 13 GB of memory, for the gradients have three such arrays.
"""

import pytest

from benchmarks import memory, tables

pytestmark = [pytest.mark.large, pytest.mark.timeout(3600)]

LIMIT = 64 * memory.MB


def measured(case):
    """Measure and print; -s shows it of a test that passes."""
    record = memory.measure(case, memory.SIZE)
    print(f"\n{tables.text(*memory.cells([record]))}")
    assert record["arrays"] >= memory.SIZE
    return record


@pytest.mark.parametrize("case", memory.CASES, ids=lambda case: case.name)
def test_a_process_is_its_arrays_and_less_than_64_mb(case):
    """Interpreter and NumPy are among the 64."""
    record = measured(case)
    assert record["of_call"] <= record["beside"] < LIMIT
