// The Kullback-Leibler divergence of two rows of scores, in float64.
//
// With y and z the distances of the scores of p and q from their maxima, d = y - z, P and Q the sums of e^y and e^z:
//     KL = sum(e^y d) / P + log(Q / P) = F - (B - log1p(B)),
//     B = sum(e^z - e^y) / P,   F = sum(e^y d + e^z - e^y) / P
// where every term of F is >= 0. For rows that are nearly equal both brackets are what is left of larger numbers: there
// they are taken from e^-d - 1 and e^-d - 1 + d, so that the divergence keeps its digits and is exactly 0 for equals.
// The non-negative form of the terms is that of Csiszar's generalised divergence.
#pragma once

#include "rows/special.hpp"
#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// How far apart two distances may be to count as near: |d| up to here.
constexpr double near_limit = 0.25;

// e^r - 1 - r for |r| <= near_limit: its series to r^13, relative error 2^-56 before rounding.
template <class D>
inline D expm1_rest_near(D r) {
    constexpr double inverse_factorials[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                             1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                             1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5};
    D sum = D::set1(inverse_factorials[0]);
    for (int i = 1; i < 12; ++i) sum = fma(sum, r, D::set1(inverse_factorials[i]));
    return r * r * sum;
}

// r, or the end of [-limit, limit] that it lies beyond; NaN stays.
template <class D>
inline D clamp_to(D r, double limit) {
    const D zero = D::set1(0.0), lowest = D::set1(-limit);
    return zero - max(lowest, zero - max(lowest, r));
}

// a where x == y, else 0.
template <class D>
inline D zero_where_different(D a, D x, D y) {
    return a - zero_where_equal(a, x, y);
}

// In units of `unit_double`.
struct DivergenceSums {
    Pair weights, difference, terms;
    std::int64_t forbidden; // elements that are possible for p and not for q
};

// The scores of q, under the mask of those of p, as a row.
template <class X>
inline Row<X> other(const Row<X>& row) {
    Row<X> q = row;
    q.x = like(row.x, row.g);
    return q;
}

template <class X>
LOGITKIT_ONCE inline DivergenceSums divergence_sums(const Row<X>& row, double p_max, double q_max) {
    const Distance<Element<X>, true> p_distance(p_max, row.temperature), q_distance(q_max, row.temperature);
    DivergenceSums result{{0, 0}, {0, 0}, {0, 0}, 0};
    for_blocks(row, [&](std::int64_t, const Row<X>& block) {
        const X p = block.x, q = other(block).x;
        PairSum weights, difference, terms;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D zero = D::set1(0.0), inf = D::set1(__builtin_inf());
            const D a = part.load(p + i, -__builtin_inf()), b = part.load(q + i, -__builtin_inf());
            result.forbidden += count_equal(zero_where_equal(b, a, zero - inf), zero - inf);

            D y, y_low, z, z_low, clamped, clamped_low;
            Exponential<D> p_exp, q_exp;
            p_distance.clamped(a, y, y_low);
            q_distance.plain(b, z, z_low);
            q_distance.clamped(b, clamped, clamped_low);
            exp_of_distance(y, y_low, p_exp.scale, p_exp.q);
            exp_of_distance(clamped, clamped_low, q_exp.scale, q_exp.q);
            const D p_value = p_exp.value(), q_value = q_exp.value();
            const D p_lost = p_exp.lost_by(p_value), q_lost = q_exp.lost_by(q_value);
            weights.add(p_value);
            weights.add_small(p_lost);

            const D high = y - z, back = high - y; // two_sum of y and -z
            const D lost = (y - (high - back)) - (z + back);
            const D low = zero_where_equal(lost + (y_low - z_low), high, inf);
            const D r = zero - high - low, near = clamp_to(r, near_limit);

            // Near: from e^r - 1, else the difference as it stands; a probability of 0 adds nothing to the product.
            const D rest = expm1_rest_near(near), small = near + rest;
            const D near_difference = p_value * small;
            const D near_low = fma(p_value, rest - (small - near), fma(p_value, small, zero - near_difference));
            difference.add(zero_where_different(near_difference, near, r));
            difference.add_small(zero_where_different(near_low, near, r));
            terms.add(zero_where_different(p_value * rest, near, r));

            const D far_p = zero_where_equal(p_value, near, r), far_q = zero_where_equal(q_value, near, r);
            const D far_lost = zero_where_equal(q_lost - p_lost, near, r);
            const D product = zero_where_equal(far_p * high, far_p, zero);
            const D product_low = fma(far_p, low, fma(p_lost, high, fma(far_p, high, zero - product)));
            difference.add(far_q);
            difference.add(zero - far_p);
            difference.add_small(far_lost);
            terms.add(product);
            terms.add(far_q);
            terms.add(zero - far_p);
            terms.add_small(zero_where_equal(product_low, far_p, zero) + far_lost);
        });
        result.weights = add(result.weights, weights.total());
        result.difference = add(result.difference, difference.total());
        result.terms = add(result.terms, terms.total());
    });
    return result;
}

inline Pair divide(Pair a, Pair b) {
    const double high = a.high / b.high;
    return fast_two_sum(high, (__builtin_fma(-high, b.high, a.high) + (a.low - high * b.low)) / b.high);
}

// b - log(1 + b), by its series where the two would cancel.
inline Pair less_log1p(Pair b) {
    const double h = b.high;
    if (__builtin_fabs(h) > 0x1p-10) {
        const Pair logarithm = log1p(b);
        return add(b, {-logarithm.high, -logarithm.low});
    }
    return {h * h * (1.0 / 2 - h * (1.0 / 3 - h * (1.0 / 4 - h * (1.0 / 5 - h * (1.0 / 6 - h / 7))))), 0};
}

// sum(e^y d) / P where an e^y d times the unit is beyond the range of a double: d in units of 2^10. The other terms are
// nothing beside it. `weights` is P times the unit.
template <class X>
LOGITKIT_ONCE inline double far_divergence(const Row<X>& row, double p_max, double q_max, double weights) {
    using T = Element<X>;
    const double unit = 0x1p+10, temperature = row.temperature;
    const Distance<T, true> distance(p_max, temperature);
    const Distance<T, true> p_distance(p_max, temperature * unit), q_distance(q_max, temperature * unit);
    Pair total{0, 0};
    for_blocks(row, [&](std::int64_t, const Row<X>& block) {
        const X p = block.x, q = other(block).x;
        PairSum sum;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D a = part.load(p + i, -__builtin_inf()), b = part.load(q + i, 0.0);
            D y, y_low, far_y, far_z, low;
            Exponential<D> e;
            distance.clamped(a, y, y_low);
            exp_of_distance(y, y_low, e.scale, e.q);
            p_distance.plain(a, far_y, low);
            q_distance.plain(b, far_z, low);
            const D weight = e.value() * D::set1(1 / unit_double);
            sum.add(zero_where_equal(weight * (far_y - far_z), weight, D::set1(0.0)));
        });
        total = add(total, sum.total());
    });
    return total.high / (weights / unit_double) * unit;
}

template <class X>
inline double kl_divergence_wide(const Row<X>& row, double p_max, double q_max) {
    const DivergenceSums sums = divergence_sums(row, p_max, q_max);
    if (sums.weights.high != sums.weights.high || sums.difference.high != sums.difference.high) {
        return __builtin_nan("");
    }
    if (sums.forbidden != 0) return __builtin_inf();
    if (!__builtin_isfinite(sums.terms.high)) {
        return far_divergence(row, p_max, q_max, sums.weights.high);
    }
    const Pair bracket = less_log1p(divide(sums.difference, sums.weights));
    const Pair terms = divide(sums.terms, sums.weights);
    const Pair divergence = add(terms, {-bracket.high, -bracket.low});
    const double value = divergence.high + divergence.low;
    return value > 0 ? value : 0;
}

// Of rows of which one has no finite maximum, or at a temperature of 0 or infinity.
template <class X>
inline double kl_divergence_special(const Row<X>& p, double p_max, double q_max) {
    const double inf = __builtin_inf();
    const Row<X> q = other(p);
    const Kept kept_p = count_kept(p), kept_q = count_kept(q);
    if (kept_p.count == 0) return 0;
    if (!__builtin_isfinite(p_max) || !__builtin_isfinite(q_max) || has_nan(p) || has_nan(q)) {
        return __builtin_nan("");
    }
    if (p.temperature == 0) return first_of(p, p_max) == first_of(q, q_max) ? 0 : inf;
    bool forbidden = false;
    for_pieces(p, [&](std::int64_t, const Row<X>& piece) {
        for (std::int64_t i = 0; i < piece.length; ++i) {
            forbidden |= score_at(piece.x, i) != -inf && score_at(other(piece).x, i) == -inf;
        }
    });
    if (forbidden) return inf;
    const auto among_p = static_cast<double>(kept_p.possible), among_q = static_cast<double>(kept_q.possible);
    return log1p(divide({among_q - among_p, 0}, {among_p, 0})).high;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
