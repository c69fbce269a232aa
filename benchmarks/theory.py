"""What the kernels' own source asks for: instructions for sixteen float32 with AVX-512, by hand.

One instruction an operation on `F32x16`, a load that an operation can take with it free, and
nothing for loops, addresses, copies of registers, and what is done once a row: what is counted
beyond that is the compiler's, or a row's. docs/performance.md says what each part is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Instructions for one vector of sixteen scores, and how many of them multiply."""

    instructions: float
    products: float = 0

    def __add__(self, other: Work) -> Work:
        """Return both together."""
        return Work(self.instructions + other.instructions, self.products + other.products)

    def __mul__(self, times: int) -> Work:
        """Return it several times."""
        return Work(self.instructions * times, self.products * times)


# Of one row, by rows/dense.hpp, rows/sums.hpp, rows/anchored.hpp and math/exp.hpp:
MAXIMUM = Work(2)  # a load, whose NaN must be the operand that max drops, and max
REDUCE = Work(8, 3)  # clamp; n, + magic, - magic; + offset, shift; rest, small
EXPM1 = Work(8, 6)  # rest + small, r^2, p01, p23, two to join them, + small, + rest
LOST = Work(2)  # what the last addition lost, in two
SUM = Work(6, 2)  # 1 + q; added to upper, taken off again, off the scale; lower; added to lower
CARE = Work(1, 1)  # what was lost, times the scale
FLUSH = Work(13 / 16)  # a sixteenth of next_run: two vectors added in float64, and set anew
FETCH = KEEP = Work(1)  # a prefetch; a store of q
FROM_KEPT = Work(10, 3)  # clamp; n, + magic, + offset, shift; load q, fused, 1 +, product, store
QUOTIENT = Work(4, 2)  # fused, 1 +, product, store
LOGARITHMS = Work(8)  # two loads that widen, two differences, two narrowed, joined, stored
MASK = Work(3)  # bytes loaded and tested; -inf where they are 0

EXPONENTIALS = MAXIMUM + REDUCE + EXPM1 + SUM + FLUSH + FETCH
LOGSUMEXP = EXPONENTIALS + LOST + CARE
SOFTMAX = EXPONENTIALS + KEEP + FROM_KEPT
LOG_SOFTMAX = LOGSUMEXP + LOGARITHMS
AGAIN = EXPONENTIALS + REDUCE + EXPM1 + QUOTIENT + FETCH
# By rows/gradient.hpp, for each eight doubles: p and g widened as they load, a comparison, a
# product, seven of a sum in pairs; p and g again, two differences, three products, a comparison,
# one narrowed, one stored.
VJP = Work(11, 1) * 2 + Work(10, 3) * 2
MOVE = Work(32)  # by packing.cpp, sixteen elements one by one: a load and a store each
SQUARE = Work(16)  # the same of rows side by side, four by four: loads, eight interleaved, stores

# Of a column of sixteen rows, by rows/columns.hpp: exponents differ by lane, so n is rounded and
# the row's taken off before a power is made of it; sums stand in memory.
COLUMN = REDUCE + Work(3) + EXPM1
TILE = Work(4) + Work(2)  # a load, a store, a maximum, a prefetch; at the end a load, a store
TILE_SUM = SUM + Work(2)
TILE_LOGARITHMS = Work(10)  # beside LOGARITHMS the second of two differences, for two halves
# Rows in rows/short.hpp: their maximum, the sum's parts stored and added; for logarithms the
# exponentials but the maxima's, with what every rounding lost: three more for q, two that count,
# one that leaves out, four that round, three that widen, six that store and add.
SHORT = Work(1) + COLUMN + SUM + Work(1 + 3) + Work(1) + QUOTIENT
SHORT_OTHERS = Work(1) + COLUMN + LOST + Work(3, 1) + Work(3) + Work(4, 3) + Work(3) + Work(6)


@dataclass(frozen=True)
class Theory:
    """The work, and the bytes an element that pass between caches and memory.

    Where no cache keeps a row until it is needed again; a line that is stored by way of a cache is
    read first.
    """

    work: Work
    bytes: int


THEORY = {
    ("tiny", "softmax"): Theory(SHORT, 12),
    ("tiny", "log_softmax"): Theory(SHORT_OTHERS + TILE_LOGARITHMS, 12),
    ("tiny", "logsumexp"): Theory(SHORT_OTHERS, 4),
    ("short", "softmax"): Theory(SOFTMAX, 12),
    ("short", "log_softmax"): Theory(LOG_SOFTMAX, 12),
    ("short", "logsumexp"): Theory(LOGSUMEXP, 4),
    ("short", "softmax_vjp"): Theory(VJP, 16),
    ("block", "softmax"): Theory(SOFTMAX, 12),
    ("block", "log_softmax"): Theory(LOG_SOFTMAX, 12),
    ("block", "logsumexp"): Theory(LOGSUMEXP, 4),
    ("block", "softmax_vjp"): Theory(VJP, 16),
    ("long", "softmax"): Theory(SOFTMAX, 24),
    ("long", "log_softmax"): Theory(LOG_SOFTMAX, 16),
    ("long", "logsumexp"): Theory(LOGSUMEXP, 4),
    ("again", "softmax"): Theory(AGAIN, 16),
    ("streamed", "softmax"): Theory(AGAIN, 12),
    ("streamed", "log_softmax"): Theory(LOG_SOFTMAX, 12),
    ("shared", "softmax"): Theory(SOFTMAX, 24),
    ("shared", "log_softmax"): Theory(LOG_SOFTMAX, 16),
    ("shared", "logsumexp"): Theory(LOGSUMEXP, 4),
    ("masked", "softmax"): Theory(SOFTMAX + MASK * 3, 13),
    ("masked", "log_softmax"): Theory(LOG_SOFTMAX + MASK * 3, 13),
    ("masked", "logsumexp"): Theory(LOGSUMEXP + MASK * 2, 5),
    ("strided", "softmax"): Theory(SOFTMAX + MOVE * 2, 24),
    ("strided", "log_softmax"): Theory(LOG_SOFTMAX + MOVE * 2, 24),
    ("strided", "logsumexp"): Theory(LOGSUMEXP + MOVE, 8),
    ("strided", "softmax_vjp"): Theory(VJP + MOVE * 3, 32),
    ("axis", "softmax"): Theory(TILE + COLUMN + TILE_SUM + Work(2) + Work(1) + QUOTIENT, 12),
    ("axis", "log_softmax"): Theory(TILE + COLUMN + LOST + TILE_SUM + CARE + TILE_LOGARITHMS, 12),
    ("turned", "softmax_vjp"): Theory(VJP + SQUARE * 3, 16),
    ("axis", "logsumexp"): Theory(Work(4) + COLUMN + LOST + TILE_SUM + CARE, 4),
}
