// The weights of a float row by float exponentials: enough for nearly every comparison that sampling makes.
//
// Whether the mass up to an element passes a part of the whole is first asked of float sums. Where these are farther
// apart than they can be off, the whole numbers of weights.hpp compare in the same way and need not be summed. So what
// is kept and drawn is what those give, and no bit depends on the sums here.
//
// Identity: with S the sum up to an element, R that of the rest, W = S + R, S', R', W' in floats and 0 <= f <= 1,
//           S' - f W' = (1-f) S' - f R'; where S = f W, that is (1-f) S = f R, both terms are f (1-f) W.
// Bound:    a term is scale (1 + q), off by 0.5491 * 2^-24 of itself (the largest that tools/bound_softmax.py, "sum",
//           finds at temperatures of 1, 0.7 and 3; 0.625 is allowed, for others), and rounded, by 2^-24; it is the same
//           term in every sum. So S' - f W' is off by 3.25 * 2^-24 f (1-f) W at the most; and by 2^-37 W for
//           40000 additions in doubles at the most (a piece, pieces, a list, the search among the last of a list) and
//           the rounding of the whole numbers. Together less than (3.25 * 2^-24 f (1-f) + 2^-36) W, the slack.
//           (S' - f W' grows with S, so that S <= f W bounds it from above by what it is where they are equal.)
// Worst:    scores of 119.744492 and -11352.5342 at a temperature of 3 are off by what is said before the rounding; of
//           many different scores the errors cancel.
#pragma once

#include "rows/cut.hpp"
#include "rows/exponentials.hpp"
#include "rows/scores.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Weights in units of `unit_float`.
template <bool Scaled>
class FloatWeights {
public:
    FloatWeights(double m, double temperature)
        : anchor_(Anchor<Scaled>::exponent_of(static_cast<float>(m), Inverse<float>(temperature)),
                  Inverse<float>(temperature)) {}

    template <class F>
    LOGITKIT_INLINE F operator()(F v) const {
        Exponential<F> e;
        F rest, small;
        anchor_.reduce(v, e.scale, rest, small);
        e.q = anchor_.expm1(rest, small);
        return e.value();
    }
    // Calls body(i, part, values) for the n floats x: the fastest way, where none can be left out.
    template <class Body>
    LOGITKIT_INLINE void for_all(const float* x, std::int64_t n, Body body) const {
        for_exponentials(x, n, anchor_,
                         [&](std::int64_t i, auto part, auto scale, auto rest, auto small) LOGITKIT_INLINE {
                             body(i, part, Exponential<decltype(rest)>{scale, anchor_.expm1(rest, small)}.value());
                         });
    }

private:
    Anchor<Scaled> anchor_;
};

// Each element as much as any other. `for_all` counts the lanes behind the end too: for those who leave them out.
struct FloatCount {
    template <class F>
    LOGITKIT_INLINE F operator()(F) const {
        return F::set1(1);
    }
    template <class Body>
    LOGITKIT_INLINE void for_all(const float*, std::int64_t n, Body body) const {
        for_vectors<F32x16>(n, [&](std::int64_t i, auto part)
                                   LOGITKIT_INLINE { body(i, part, decltype(part)::Vector::set1(1)); });
    }
};

template <class Weights>
inline double weight_of(double score, const Weights& weights) {
    float value[F32x16::lanes];
    weights(F32x16::set1(static_cast<float>(score))).store(value);
    return static_cast<double>(value[0]);
}

// A sum of floats in doubles.
class FloatSum {
public:
    template <class F>
    LOGITKIT_INLINE void add(F values) {
        for_each_vector(values, [&](F32x16 v) {
            low_ = low_ + widen_low(v);
            high_ = high_ + widen_high(v);
            return v;
        });
    }
    double total() const { return reduce_sum(low_ + high_); }

private:
    F64x8 low_ = F64x8::set1(0.0), high_ = F64x8::set1(0.0);
};

// The weights of those of n floats that are above a bound.
template <class Weights>
LOGITKIT_ONCE inline double sum_above(const float* x, std::int64_t n, float bound, const Weights& weights) {
    FloatSum sum;
    if (bound == -__builtin_inff()) {
        weights.for_all(x, n, [&](std::int64_t, auto, auto values) LOGITKIT_INLINE { sum.add(values); });
        return sum.total();
    }
    for_vectors<F32x16>(n, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
        using F = typename decltype(part)::Vector;
        const F v = part.load(x + i, -__builtin_inff()), least = F::set1(bound), limited = max(least, v);
        if (equal_lanes(limited, least) != all_lanes<F>) sum.add(zero_where_equal(weights(v), limited, least));
    });
    return sum.total();
}

// The sums of the pieces of a row, of what a cut keeps at a temperature.
struct FloatSums {
    static constexpr std::int64_t most_pieces = 1024;

    double of_piece[most_pieces];
    double whole = 0, temperature = -1; // -1: nothing was summed
    Cut cut;

    static bool fit(const Scores& scores) {
        return scores.in_floats() && scores.length > Scores::piece_length &&
               scores.length <= most_pieces * Scores::piece_length;
    }
    static bool serve(const Scores& scores, double m, double temperature) {
        return fit(scores) && may_be_anchored(temperature) && is_anchored(temperature, m);
    }
    // How far a sum must be from this fraction of the whole to be above or below it for certain.
    double slack(double fraction) const { return (0x3.4p-24 * fraction * (1 - fraction) + 0x1p-36) * whole; }
};

// Sums what is not summed yet.
template <class Weights>
LOGITKIT_ONCE inline void sum_pieces(const Scores& scores, const Cut& cut, double temperature, const Weights& weights,
                                     FloatSums& sums) {
    if (sums.temperature == temperature && sums.cut == cut) return;
    sums.whole = 0;
    scores.for_float_pieces([&](std::int64_t start, std::int64_t n, const float* x) {
        double sum = 0;
        for_bounds(cut, start, start + n, [&](std::int64_t first, std::int64_t length, double least) {
            sum += sum_above(x + (first - start), length, float_up_to(least), weights);
        });
        sums.of_piece[start / Scores::piece_length] = sum;
        sums.whole += sum;
    });
    sums.temperature = temperature;
    sums.cut = cut;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
