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
SCALE = Work(4, 1)  # clamp; place: fused, and; shift
REDUCE = SCALE + Work(3, 2)  # k, rest, small
EXPM1 = Work(8, 6)  # rest + small, r^2, p01, p23, two to join them, + small, + rest
LOST = Work(2)  # what the last addition lost, in two
SUM = Work(6, 2)  # 1 + q; added to upper, taken off again, off the scale; lower; added to lower
CARE = Work(1, 1)  # what was lost, times the scale
FLUSH = Work(13 / 16)  # a sixteenth of next_run: two vectors added in float64, and set anew
FETCH = KEEP = Work(1)  # a prefetch; a store of q
QUOTIENT = Work(4, 2)  # fused, 1 +, product, store
FROM_KEPT = SCALE + Work(1) + QUOTIENT  # a load of q
SUBTRACT = Work(11, 3)  # a load; nine, three of them fused, for two that are taken off; a store
MASK = Work(3)  # bytes loaded and tested; -inf where they are 0

ONE_RUN = MAXIMUM + REDUCE + EXPM1 + SUM + FETCH
CARED = LOST + CARE
SHORT_SOFTMAX = ONE_RUN + KEEP + FROM_KEPT
SHORT_LOGSUMEXP = ONE_RUN + CARED
SOFTMAX = SHORT_SOFTMAX + FLUSH
LOGSUMEXP = SHORT_LOGSUMEXP + FLUSH
LOG_SOFTMAX = LOGSUMEXP + SUBTRACT
AGAIN = ONE_RUN + FLUSH + REDUCE + EXPM1 + QUOTIENT + FETCH
# By rows/float_gradient.hpp, for the sum of softmax: p loaded, a comparison with it, g loaded where
# it is not 0, both widened (three each), two products, two sums, two of squares. For the result: p,
# g, a product, fused twice, a comparison, a store.
VJP = Work(15, 4) + Work(7, 3)
# Of log_softmax no products, but a maximum; for the result a power, with g, a comparison, a store.
LOG_VJP = Work(11, 2) + REDUCE + EXPM1 + Work(4, 2)
MOVE = Work(32)  # by packing.cpp, sixteen elements one by one: a load and a store each
SQUARE = Work(16)  # the same of rows side by side, four by four: loads, eight interleaved, stores

# Of a column of sixteen rows, by rows/columns.hpp: the exponents differ by lane, which costs
# nothing. Longer rows than sixteen: sums in registers, a row that is fetched, another where results
# go; powers and q stored and loaded again.
COLUMN = REDUCE + EXPM1 + SUM + FETCH
COLUMN_SOFTMAX = COLUMN + FETCH + Work(2) + Work(1) + QUOTIENT
COLUMN_LOGSUMEXP = COLUMN + CARED
COLUMN_LOG_SOFTMAX = COLUMN_LOGSUMEXP + FETCH + SUBTRACT
# Rows in rows/short.hpp become columns and rows again: a vector stored, 64 interleaved for sixteen,
# every other one loaded; their maximum.
TURN = Work(5.5)
LOAD = TURN + Work(1)
# Up to sixteen scores, which are turned once a row whatever their number: their maximum; lower
# parts stored, then loaded, added and stored. For logarithms the exponentials but the maxima's,
# with what every rounding lost: three more for q, two that count, one that leaves out, four that
# round, three that widen, three that store; loaded, added and stored in three vectors; and
# differences in doubles: two loads that widen, two and two taken off, two narrowed, joined, stored.
TINY_SOFTMAX = MAXIMUM + REDUCE + EXPM1 + SUM + Work(1 + 3) + Work(2) + Work(1) + QUOTIENT
OTHERS = Work(3, 1) + Work(3) + Work(4, 3) + Work(3) + Work(3) + Work(9)
TINY_LOGSUMEXP = MAXIMUM + REDUCE + EXPM1 + LOST + OTHERS
TINY_LOG_SOFTMAX = TINY_LOGSUMEXP + Work(10)
# Rows side by side, by rows/tile.hpp: a load, a store, a maximum, a prefetch; at the end a load, a
# store.
TILE, TILE_STORE = Work(4), Work(2)
# Gradients of sixteen rows at a time, by rows/column_gradient.hpp: as of one, and three rows that
# are fetched; the maximum of logarithms in a sweep of its own. Of at most fifteen elements the two
# sums and those of squares, two vectors each, are stored, and loaded, added and stored again.
COLUMN_VJP = VJP + FETCH * 3
COLUMN_LOG_VJP = LOG_VJP + Work(1) + FETCH * 3
LANES = Work(4 + 3 * 4)
TILE_VJP = Work(3) * 2 + TILE_STORE  # without a maximum, of p and of g


@dataclass(frozen=True)
class Theory:
    """The work, and the bytes an element that pass between caches and memory.

    Where no cache keeps a row until it is needed again; a line that is stored by way of a cache is
    read first.
    """

    work: Work
    bytes: int


THEORY = {
    ("tiny", "softmax"): Theory(TINY_SOFTMAX, 12),
    ("tiny", "log_softmax"): Theory(TINY_LOG_SOFTMAX, 12),
    ("tiny", "logsumexp"): Theory(TINY_LOGSUMEXP, 4),
    ("tiny", "softmax_vjp"): Theory(COLUMN_VJP + LANES, 16),
    ("tiny", "log_softmax_vjp"): Theory(COLUMN_LOG_VJP + LANES, 16),
    ("columns", "softmax"): Theory(LOAD + COLUMN_SOFTMAX + TURN, 12),
    ("columns", "log_softmax"): Theory(LOAD + COLUMN_LOG_SOFTMAX + TURN, 12),
    ("columns", "logsumexp"): Theory(LOAD + COLUMN_LOGSUMEXP, 4),
    ("short", "softmax"): Theory(SHORT_SOFTMAX, 12),
    ("short", "log_softmax"): Theory(SHORT_LOGSUMEXP + SUBTRACT, 12),
    ("short", "logsumexp"): Theory(SHORT_LOGSUMEXP, 4),
    ("block", "softmax"): Theory(SOFTMAX, 12),
    ("block", "log_softmax"): Theory(LOG_SOFTMAX, 12),
    ("block", "logsumexp"): Theory(LOGSUMEXP, 4),
    ("block", "softmax_vjp"): Theory(VJP, 16),
    ("block", "log_softmax_vjp"): Theory(LOG_VJP, 16),
    ("block", "logsumexp_vjp"): Theory(SOFTMAX, 12),
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
    ("axis", "softmax"): Theory(TILE + COLUMN_SOFTMAX + TILE_STORE, 12),
    ("axis", "log_softmax"): Theory(TILE + COLUMN_LOG_SOFTMAX + TILE_STORE, 12),
    ("axis", "logsumexp"): Theory(TILE + COLUMN_LOGSUMEXP, 4),
    ("axis", "softmax_vjp"): Theory(COLUMN_VJP + TILE_VJP, 16),
    ("axis", "log_softmax_vjp"): Theory(COLUMN_LOG_VJP + TILE_VJP, 16),
    ("turned", "logsumexp_vjp"): Theory(SOFTMAX + SQUARE * 2, 12),
}
