"""More than 2^31 elements: every index is 64 bit wide.

The memory is read and never written, but at its end: it is one page of zeros, seen everywhere.
"""

import mmap

import numpy as np
import pytest
from tolerances import assert_within

import logitkit as lk

LENGTH = 2**31 + 2048


@pytest.fixture(scope="module")
def long():
    """Zeros, but a score of 30 at the very end."""
    memory = mmap.mmap(
        -1,
        4 * LENGTH,
        flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0),
    )
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    x = np.frombuffer(memory, np.float32)
    x[-1] = 30
    return x


def test_one_row_is_longer(long):
    want = np.log(np.longdouble(LENGTH - 1) + np.exp(np.longdouble(30)))
    assert_within("logsumexp", lk.logsumexp(long), want)


def test_all_rows_together_are_more(long):
    got = lk.logsumexp(long.reshape(-1, 1024))
    zeros, last = np.log(np.longdouble(1024)), np.log(1023 + np.exp(np.longdouble(30)))
    assert len(got) == LENGTH // 1024
    assert_within("logsumexp", got[-1:], np.array([last]))
    assert_within("logsumexp", got[:1], np.array([zeros]))
    assert (got[:-1] == got[0]).all()
