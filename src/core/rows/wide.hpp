// Rows computed in float64: every float64 row, float32 rows asked to be exact, and float32 rows whose scores are too
// large for the anchored exponent.
//
// Identity: y = (x - m) / T as a pair (the difference and the quotient keep what they round off), e^y = 2^k (1 + q(r)).
// Sums are pairs per lane (two_sum), so a sum is good to the last bit whatever its length.
#pragma once

#include "math/exp.hpp"
#include "math/log.hpp"
#include "rows/row.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Maxima and temperatures up to here leave a difference in the range of a double as it is.
constexpr double largest_in_range = 0x1p+960;

// Calls body.operator()<Scaled>() with Scaled = whether the distances from m are other than the differences.
template <class Body>
inline auto with_distance(double m, double temperature, Body body) {
    const bool plain = temperature == 1 && __builtin_fabs(m) <= largest_in_range;
    return plain ? body.template operator()<false>() : body.template operator()<true>();
}

// The distance of an element from the maximum, in units of the temperature. T is the type of the elements; without
// Scaled it is the difference, which gives the same numbers faster where the temperature is 1 and the maximum in range.
// Values are scaled by a power of two first where x - m or 1 / T could overflow or vanish. (A distance is two vectors
// by reference, because a struct of vectors goes through memory with gcc.)
template <class T, bool Scaled>
class Distance {
public:
    Distance(double m, double temperature) {
        double factor = 1;
        if (__builtin_fabs(m) > largest_in_range || temperature > largest_in_range) {
            factor = 0x1p-16;
        } else if (temperature < 0x1p-900) {
            // Either small differences matter, or none but 0 does.
            if (__builtin_fabs(m) < 0x1p+800) {
                factor = 0x1p+100;
            } else {
                temperature = 0x1p-900;
            }
        }
        if (factor < 1 && temperature < 0x1p-900) temperature = 0x1p-900;
        const Inverse<double> inverse(temperature * factor);
        factor_ = factor;
        maximum_ = m * factor;
        inverse_high_ = inverse.high;
        inverse_low_ = inverse.low;
    }

    // For exponentials: clamped where the power is 0, so that -inf gives a number; NaN stays.
    template <class D>
    LOGITKIT_INLINE void clamped(D x, D& high, D& low) const {
        const D lowest = D::set1(-1100.0);
        divide(prescale(x), high, low);
        high = max(lowest, high);
        low = zero_where_equal(low, high, lowest);
    }

    // For log-probabilities: -inf stays -inf.
    template <class D>
    LOGITKIT_INLINE void plain(D x, D& high, D& low) const {
        divide(prescale(x), high, low);
        low = zero_where_equal(low, high, D::set1(-__builtin_inf()));
    }

private:
    template <class D>
    LOGITKIT_INLINE D prescale(D x) const {
        if constexpr (Scaled) x = x * D::set1(factor_);
        return x;
    }
    template <class D>
    LOGITKIT_INLINE void divide(D x, D& high, D& low) const {
        const D m = D::set1(maximum_);
        high = x - m;
        low = D::set1(0.0);
        if constexpr (sizeof(T) == 8) {
            const D back = high - x; // two_sum of x and -m
            low = (x - (high - back)) - (m + back);
        }
        if constexpr (Scaled) {
            const D by = D::set1(inverse_high_), quotient = high * by;
            const D rest = fma(high, by, D::set1(0.0) - quotient);
            low = fma(low, by, fma(high, D::set1(inverse_low_), rest));
            high = quotient;
        }
    }

    double factor_, maximum_, inverse_high_, inverse_low_;
};

template <class D>
LOGITKIT_INLINE inline Power<D> power_of_distance(D y) {
    return power_of(y * D::set1(ExpConstants<F64x8>::log2e));
}
// e^y, times the unit, as scale (1 + q), for a y <= 0 given as a pair.
template <class D>
LOGITKIT_INLINE inline void exp_of_distance(D high, D low, D& scale, D& q) {
    using C = ExpConstants<F64x8>;
    const Power<D> power = power_of_distance(high);
    const D r = fma(power.k, D::set1(-C::head), high);
    q = expm1_double(r + fma(power.k, D::set1(-C::tail), low));
    scale = power.scale;
}

// A sum that keeps what each addition rounds off.
class PairSum {
public:
    void add(F64x8 a) {
        const F64x8 s = high_ + a;
        const F64x8 t = s - high_;
        low_ = low_ + ((high_ - (s - t)) + (a - t));
        high_ = s;
    }
    void add_small(F64x8 a) { low_ = low_ + a; }
    void add(Twice<F64x8> x) {
        add(x.a);
        add(x.b);
    }
    void add_small(Twice<F64x8> x) {
        add_small(x.a);
        add_small(x.b);
    }
    // Adds exponentials but those of the maximum, before their rounding.
    template <class D>
    LOGITKIT_INLINE void add_rest(D scale, D q, D x, D maximum) {
        const D value = fma(scale, q, scale);
        add_small(zero_where_equal(fma(scale, q, scale - value), x, maximum));
        add(zero_where_equal(value, x, maximum));
    }
    Pair total() const {
        double high[8], low[8];
        high_.store(high);
        low_.store(low);
        Pair sum{0, 0};
        for (int i = 0; i < 8; ++i) sum = logitkit::LOGITKIT_ISA::add(sum, Pair{high[i], low[i]});
        return sum;
    }

private:
    F64x8 high_ = F64x8::set1(0), low_ = F64x8::set1(0);
};

struct WideNormalizer {
    Pair rest; // in units of e^max times `unit_double`
    std::int64_t count;

    Pair sum() const { return add({static_cast<double>(count) * unit_double, 0}, rest); }
    // log(sum / e^max): of 1 and what stands beside one of the maxima.
    Pair log_sum() const {
        return log1p(add({static_cast<double>(count - 1), 0}, {rest.high / unit_double, rest.low / unit_double}));
    }
};

// Sums the exponentials other than those of the maxima; with Keep the q of all go to `kept`.
template <bool Scaled, bool Keep, class X, class T>
LOGITKIT_ONCE inline WideNormalizer normalize_wide(const Row<X>& row, double m, const Distance<T, Scaled>& distance,
                                                   double* kept) {
    WideNormalizer result{{0, 0}, 0};
    for_blocks(row, [&](std::int64_t start, const Row<X>& block) {
        PairSum sum;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D v = part.load(block.x + i, -__builtin_inf()), maximum = D::set1(m);
            result.count += count_equal(v, maximum);
            D high, low, scale, q;
            distance.clamped(v, high, low);
            exp_of_distance(high, low, scale, q);
            sum.add_rest(scale, q, v, maximum);
            if constexpr (Keep) part.store(q, kept + start + i);
        });
        result.rest = add(result.rest, sum.total());
    });
    return result;
}
template <bool Scaled, class X, class T>
inline WideNormalizer normalize_wide(const Row<X>& row, double m, const Distance<T, Scaled>& distance) {
    return normalize_wide<Scaled, false>(row, m, distance, nullptr);
}

inline Reciprocal<double> reciprocal(Pair sum) {
    const double high = 1 / sum.high;
    return {high, __builtin_fma(-high, sum.low, __builtin_fma(-high, sum.high, 1.0)) * high};
}

// A double is 2^k (1 + q) / sum with one rounding at the end, as in anchored.hpp: q is kept where there is a place for
// it, else computed again. Floats are rounded from a double.
template <bool Scaled, class X, class T = Element<X>>
LOGITKIT_ONCE inline void softmax_wide(const Row<X>& row, double m) {
    const Distance<T, Scaled> distance(m, row.temperature);
    constexpr std::int64_t scratch_length = block_length / 2;
    alignas(64) double scratch[sizeof(T) == 8 ? scratch_length : 1];
    double* kept = nullptr;
    if constexpr (sizeof(T) == 8) {
        if (row.length <= scratch_length) kept = scratch;
        if (row.window == nullptr && row.out != address(row.x)) kept = row.out;
    }
    const WideNormalizer normalizer = kept == nullptr ? normalize_wide<Scaled>(row, m, distance)
                                                      : normalize_wide<Scaled, true>(row, m, distance, kept);
    const Reciprocal<double> by = reciprocal(normalizer.sum());
    if constexpr (sizeof(T) == 8) {
        if (kept != nullptr) {
            return for_vectors<F64x8>(row.length, [&](std::int64_t i, auto part) {
                using D = typename decltype(part)::Vector;
                D high, low;
                distance.clamped(part.load(row.x + i, 0.0), high, low);
                const D scale = power_of_distance(high).scale;
                part.store(quotient(Exponential<D>{scale, part.load(kept + i, 0.0)}, by), row.out + i);
            });
        }
    }
    store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            D high, low;
            Exponential<D> e;
            distance.clamped(part.load(piece.x + i, 0.0), high, low);
            exp_of_distance(high, low, e.scale, e.q);
            if constexpr (sizeof(T) == 8) {
                part.store(quotient(e, by), piece.out + i);
            } else {
                part.store(e.value() * D::set1(by.high), piece.out + i);
            }
        });
    });
}

template <bool Scaled, class X>
inline Pair log_sum_wide(const Row<X>& row, double m) {
    const Distance<Element<X>, Scaled> distance(m, row.temperature);
    return normalize_wide<Scaled>(row, m, distance).log_sum();
}

template <bool Scaled, class X>
LOGITKIT_ONCE inline void log_store_wide(const Row<X>& row, double m, Pair log_sum) {
    const Distance<Element<X>, Scaled> distance(m, row.temperature);
    store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            D high, low;
            distance.plain(part.load(piece.x + i, 0.0), high, low);
            part.store((high - D::set1(log_sum.high)) + (low - D::set1(log_sum.low)), piece.out + i);
        });
    });
}

// sum(e^y |y|) / sum: how far below the maximum a score is in the mean.
template <class T, class X>
LOGITKIT_ONCE inline Pair mean_distance(const Row<X>& row, const Distance<T, true>& distance, Pair total) {
    Pair weighted{0, 0};
    for_blocks(row, [&](std::int64_t, const Row<X>& block) {
        PairSum sum;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            D high, low;
            Exponential<D> e;
            distance.clamped(part.load(block.x + i, -__builtin_inf()), high, low);
            exp_of_distance(high, low, e.scale, e.q);
            const D value = e.value(), product = value * high;
            const D lost = fma(value, high, D::set1(0.0) - product);
            sum.add(D::set1(0.0) - product);
            sum.add_small(D::set1(0.0) - fma(value, low, fma(e.lost_by(value), high, lost)));
        });
        weighted = add(weighted, sum.total());
    });
    const double mean = weighted.high / total.high;
    return {mean, (__builtin_fma(-mean, total.high, weighted.high) + weighted.low - mean * total.low) / total.high};
}

// The entropy log(sum) + sum(e^y |y|) / sum of softmax: both terms >= 0.
template <class X>
inline double entropy_wide(const Row<X>& row, double m) {
    const Distance<Element<X>, true> distance(m, row.temperature);
    const WideNormalizer normalizer = normalize_wide<true>(row, m, distance);
    const Pair entropy = add(normalizer.log_sum(), mean_distance(row, distance, normalizer.sum()));
    return entropy.high + entropy.low;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
