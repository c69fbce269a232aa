"""How many threads a call may use: for the process, or for a block of code in one thread.

The default is LOGITKIT_NUM_THREADS, else the CPUs that the affinity mask and the cgroup leave to
the process. Results do not depend on it: the bits are the same for any number.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager

from logitkit import _core

_MOST = 1024


def set_num_threads(n: int) -> None:
    """Set the number of threads of the process.

    Parameters
    ----------
    n : int
        From 1 to 1024.

    Raises
    ------
    TypeError, ValueError
        If n is not such a number.

    Examples
    --------
    >>> import logitkit as lk
    >>> before = lk.get_num_threads()
    >>> lk.set_num_threads(2)
    >>> lk.get_num_threads()
    2
    >>> lk.set_num_threads(before)
    """
    _core.set_thread_count(_checked(n))


def get_num_threads() -> int:
    """Return how many threads a call from this thread may use.

    Returns
    -------
    int
        At least 1: the limit of the surrounding `num_threads` block, else that of the process.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.get_num_threads() >= 1
    True
    """
    return _core.thread_count()


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Limit the calls of this thread to n threads inside a ``with`` block.

    Other threads of the program are not affected.

    Parameters
    ----------
    n : int
        From 1 to 1024.

    Raises
    ------
    TypeError, ValueError
        If n is not such a number.

    Examples
    --------
    >>> import logitkit as lk
    >>> with lk.num_threads(1):
    ...     lk.get_num_threads()
    1
    """
    before = _core.thread_limit()
    _core.set_thread_limit(_checked(n))
    try:
        yield
    finally:
        _core.set_thread_limit(before)


def _checked(n: int) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"n is {n!r}; it must be an int from 1 to {_MOST}") from None
    if not 1 <= count <= _MOST:
        raise ValueError(f"n is {count}; it must be from 1 to {_MOST}")
    return count
