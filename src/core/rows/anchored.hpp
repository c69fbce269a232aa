// Float rows measured from an exponent, block by block: the normaliser, then the result.
//
// Each block is measured from the exponent of its own maximum. The normalisers of two blocks differ by a power of two,
// so merging them is exact but for the additions, which are done in the order of the blocks. The softmax of a score is
// then scale (1 + q) / sum, rounded once; its q is kept from the first sweep where there is a place for it, else
// computed again: the same bits. Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), by blocks
// in place of elements.
//
// Bound of softmax, in ULP: 1.92, the last rounding 0.5, 1 + q with the rounding of its inner product 0.89 and the sum,
// as far off as its worst term, 0.56; the largest over all scores from 2^-6 to 4096 in size.
// Printed by
// tools/bound_softmax.py.
#pragma once

#include "math/exp.hpp"
#include "math/log.hpp"
#include "rows/dense.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Calls body(i, part, scale, r, lost) for the vectors of a block of scores, see Anchor::reduce.
//
// Where the lanes say so (`staged`), a run of vectors is reduced before the first of them goes on: a
// processor whose window holds hardly one vector's operations would wait for its own results. Zen 1: 1.3 in place
// of 1.7 ns an element.
constexpr int stage_length = 128;

template <bool Scaled, class X, class Body>
LOGITKIT_INLINE inline void for_exponentials(X x, std::int64_t n, const Anchor<Scaled>& anchor, Body body) {
    using F = F32x16;
    std::int64_t start = 0;
    if constexpr (F::staged) {
        alignas(64) float scale[stage_length], r[stage_length], lost[stage_length];
        while (n - start >= 2 * F::lanes) {
            const std::int64_t left = (n - start) / F::lanes * F::lanes;
            const int some = left < stage_length ? static_cast<int>(left) : stage_length;
            for (int i = 0; i < some; i += F::lanes) {
                F s, a, b;
                anchor.reduce(Whole<F>{}.load(x + (start + i), 0.0f), s, a, b);
                s.store(scale + i);
                a.store(r + i);
                b.store(lost + i);
            }
            for (int i = 0; i < some; i += F::lanes) {
                body(start + i, Whole<F>{}, F::load(scale + i), F::load(r + i), F::load(lost + i));
            }
            start += some;
        }
    }
    for_vectors<F>(n - start, [&](std::int64_t i, auto part) {
        typename decltype(part)::Vector s, a, b;
        anchor.reduce(part.load(x + (start + i), -__builtin_inff()), s, a, b);
        body(start + i, part, s, a, b);
    });
}

// Sums of float exponentials over one block. What the rounding of 1 + q loses is summed apart.
class BlockSum {
public:
    template <class F>
    void add(F scale, F q) {
        const F value = fma(scale, q, scale);
        add_rounded(value, fma(scale, q, scale - value));
    }
    // scale (1 + q + lost).
    template <class F>
    void add(F scale, F q, F lost) {
        const F value = fma(scale, q, scale);
        add_rounded(value, fma(scale, lost, fma(scale, q, scale - value)));
    }
    double total() const { return reduce_sum(low_ + high_) + reduce_sum(widen_low(lost_) + widen_high(lost_)); }

private:
    void add_rounded(F32x16 value, F32x16 lost) {
        low_ = low_ + widen_low(value);
        high_ = high_ + widen_high(value);
        lost_ = lost_ + lost;
    }
    void add_rounded(Twice<F32x16> value, Twice<F32x16> lost) {
        add_rounded(value.a, lost.a);
        add_rounded(value.b, lost.b);
    }

    F64x8 low_ = F64x8::set1(0), high_ = F64x8::set1(0);
    F32x16 lost_ = F32x16::set1(0);
};

// The arithmetic of a sweep leaves the memory idle, so it fetches what the next one will read, `ahead` elements
// further.
template <class V, class X>
inline void prefetch_ahead(X x, std::int64_t ahead) {
    for (int i = 0; i < V::lanes; i += F32x16::lanes) prefetch(address(x) + ahead + i);
}

// The sum of the exponentials of a block; their q go to `kept` where that is given.
template <bool Scaled, class X>
LOGITKIT_ONCE inline double exp_sum(X x, std::int64_t n, const Anchor<Scaled>& anchor, std::int64_t ahead,
                                    float* kept) {
    BlockSum sum;
    const auto sweep = [&](auto keep) {
        for_exponentials(x, n, anchor, [&](std::int64_t i, auto part, auto scale, auto r, auto lost) LOGITKIT_INLINE {
            prefetch_ahead<typename decltype(part)::Vector>(x + i, ahead);
            const auto q = anchor.expm1(r, lost);
            keep(i, part, q);
            sum.add(scale, q);
        });
    };
    if (kept == nullptr) {
        sweep([](std::int64_t, auto, auto) {});
    } else {
        sweep([&](std::int64_t i, auto part, auto q) { part.store(q, kept + i); });
    }
    return sum.total();
}

// The sum of the exponentials of the elements other than m, and how often m stands in the block.
struct Rest {
    double sum;
    std::int64_t count;
};

template <bool Scaled, class X>
LOGITKIT_ONCE inline Rest exp_sum_rest(X x, std::int64_t n, const Anchor<Scaled>& anchor, float m, std::int64_t ahead) {
    BlockSum sum;
    std::int64_t count = 0;
    for_exponentials(x, n, anchor, [&](std::int64_t i, auto part, auto scale, auto r, auto lost) LOGITKIT_INLINE {
        using F = typename decltype(part)::Vector;
        prefetch_ahead<F>(x + i, ahead);
        const F v = part.load(x + i, -__builtin_inff()), maximum = F::set1(m);
        count += count_equal(v, maximum);
        const F q = anchor.careful_expm1(r, lost);
        // The maxima are left out.
        sum.add(zero_where_equal(scale, v, maximum), q, lost);
    });
    return {sum.total(), count};
}

// The exponential of a maximum in the unit of an exponent; double working precision.
inline double exp_of(double x, double exponent) {
    using C = ExpConstants<F64x8>;
    const double r = __builtin_fma(-exponent, C::tail, __builtin_fma(-exponent, C::head, x));
    return unit_float + unit_float * expm1_double(Single{r}).v;
}

// 2^k for k <= 0, in two steps because one would leave the range of a double; 0 far below it.
inline double power_of_two(double k) {
    const auto half = [](int exponent) {
        return __builtin_bit_cast(double, static_cast<std::uint64_t>(1023 + exponent) << 52);
    };
    const int whole = k < -2000 ? -2000 : static_cast<int>(k);
    return half(whole / 2) * half(whole - whole / 2);
}

// Everything that later sweeps need to know of a row, in units of 2^exponent times `unit_float`. For probabilities
// `rest` is the whole sum. For logarithms it is the sum without the maxima, `count` of them, `top` the exponential of
// each.
struct Normalizer {
    double max;
    double rest;
    std::int64_t count;
    double top;
    double exponent;

    double sum() const { return rest + static_cast<double>(count) * top; }
    // log(sum / e^max): of 1 and what stands beside one of the maxima.
    double log_sum() const { return log1p(static_cast<double>(count - 1) + rest / top); }
};

// Stands for an exponent below all those that an anchor can have.
constexpr double lowest_exponent = -65536;

enum class Purpose { probability, logarithm };

template <Purpose For, bool Scaled, class X>
inline Normalizer normalize_block(X x, std::int64_t n, const Inverse<float>& inverse, double temperature,
                                  std::int64_t ahead, float* kept) {
    const float m = row_max<F32x16>(x, n);
    const double y = m * static_cast<double>(inverse.high);
    if (!(y >= -2 * largest_anchor && y <= 2 * largest_anchor)) {
        // Out of the anchor's range. Below it the block vanishes beside any other, but for a NaN, which spoils the row;
        // above it the row is done by wide.hpp.
        const double rest = has_nan(x, n) ? __builtin_nan("") : 0;
        for (std::int64_t i = 0; kept != nullptr && i < n; ++i) kept[i] = 0;
        return {m, rest, m == -__builtin_inff() ? 0 : 1, unit_float, y < 0 ? lowest_exponent : -lowest_exponent};
    }
    const float exponent = Anchor<Scaled>::exponent_of(m, inverse);
    const Anchor<Scaled> anchor(exponent, inverse);
    if constexpr (For == Purpose::probability) {
        return {m, exp_sum(x, n, anchor, ahead, kept), 0, unit_float, exponent};
    } else {
        const Rest rest = exp_sum_rest(x, n, anchor, m, ahead);
        return {m, rest.sum, rest.count, exp_of(m / temperature, exponent), exponent};
    }
}

inline Normalizer merge(const Normalizer& a, const Normalizer& b) {
    const Normalizer& top = b.max > a.max ? b : a;
    const Normalizer& other = b.max > a.max ? a : b;
    Normalizer result = top;
    const bool tie = other.max == top.max;
    const double down = power_of_two(other.exponent - top.exponent);
    // With a tie the maxima are counted together, else those of the other are part of the rest.
    result.rest += down * (tie ? other.rest : other.sum());
    if (tie) result.count += other.count;
    return result;
}

// `next`: the distance to the row that follows, whose scores are fetched while this one is done.
template <Purpose For, bool Scaled, class X>
inline Normalizer normalize(X x, std::int64_t length, const Inverse<float>& inverse, double temperature,
                            std::int64_t next, float* kept = nullptr) {
    if (length <= block_length) return normalize_block<For, Scaled>(x, length, inverse, temperature, next, kept);
    Normalizer result{-__builtin_inf(), 0, 0, unit_float, lowest_exponent};
    for_blocks(length, [&](std::int64_t start, std::int64_t n) {
        float* const keep = kept == nullptr ? nullptr : kept + start;
        const std::int64_t ahead = start + 2 * block_length <= length ? block_length : 0;
        result = merge(result, normalize_block<For, Scaled>(x + start, n, inverse, temperature, ahead, keep));
    });
    return result;
}

// scale (1 + q) / sum.
template <class F>
inline F quotient(const Exponential<F>& e, Reciprocal<float> by) {
    const F first = e.scale * F::set1(by.high);
    return first + fma(first, e.q, e.scale * F::set1(by.low));
}

// softmax from the q that were kept; they may be where the result goes.
template <bool Scaled, class X, class T>
LOGITKIT_ONCE inline void softmax_kept(X x, std::int64_t length, const Anchor<Scaled>& anchor, Reciprocal<float> by,
                                       const float* kept, T* out) {
    for_blocks_backward(length, [&](std::int64_t start, std::int64_t n) {
        for_vectors<F32x16>(n, [&](std::int64_t j, auto part) {
            using F = typename decltype(part)::Vector;
            const std::int64_t i = start + j;
            const Exponential<F> e{anchor.scale(part.load(x + i, 0.0f)), part.load(kept + i, 0.0f)};
            part.store(quotient(e, by), out + i);
        });
    });
}

// softmax from the scores alone; with `stream` the output is not read.
template <bool Scaled, class X, class T>
LOGITKIT_ONCE inline void softmax_again(X x, std::int64_t length, const Anchor<Scaled>& anchor, Reciprocal<float> by,
                                        T* out, bool stream) {
    for_blocks_backward(length, [&](std::int64_t start, std::int64_t n) {
        store_row(out + start, n, stream, [&](std::int64_t i, auto part) {
            using F = typename decltype(part)::Vector;
            prefetch_ahead<F>(x + (start + i), -block_length);
            return quotient(anchor.exp(part.load(x + (start + i), 0.0f)), by);
        });
    });
    if (stream) F32x16::fence();
}

// log_softmax of a float row: (x - m) / T - log(sum), both terms <= 0, rounded once from float64.
template <bool Scaled, class X, class T>
LOGITKIT_ONCE inline void log_store(X x, std::int64_t length, double m, double temperature, double log_sum, T* out,
                                    bool stream) {
    const F64x8 maximum = F64x8::set1(m), shift = F64x8::set1(log_sum), inverse = F64x8::set1(1 / temperature);
    const auto log_probability = [&](F64x8 v) {
        const F64x8 distance = v - maximum;
        return (Scaled ? distance * inverse : distance) - shift;
    };
    store_row(out, length, stream, [&](std::int64_t i, auto part) {
        return for_each_vector(part.load(x + i, 0.0f), [&](F32x16 v) {
            return narrow(log_probability(widen_low(v)), log_probability(widen_high(v)));
        });
    });
    if (stream) F32x16::fence();
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
