// Float rows measured from an exponent, block by block: the normaliser, then the result.
//
// Each block is measured from the exponent of its own maximum. The normalisers of two blocks differ by a power of two,
// so merging them is exact but for the additions, which are done in the order of the blocks. The softmax of a score is
// then scale (1 + q) / sum, rounded once; its q is kept from the first sweep where there is a place for it, else
// computed again: the same bits. Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), by blocks
// in place of elements.
//
// Bound of softmax, in ULP: 1.99, the last rounding 0.5, 1 + q with the rounding of its inner product 0.88, the terms
// of the sum 0.54, and adding them 0.06; of log_softmax 0.94, of which 0.006 are for subtracting in floats. Each is the
// largest over all scores from 2^-6 to 4096 temperatures in size, printed by tools/bound_softmax.py.
#pragma once

#include "math/exp.hpp"
#include "math/log.hpp"
#include "rows/exponentials.hpp"
#include "rows/row.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// The exponential of a maximum in the unit of an exponent; double working precision.
template <class D>
inline D exp_of(D y, D exponent) {
    using C = ExpConstants<F64x8>;
    const D n = D::set1(0.0) - exponent, unit = D::set1(unit_float);
    return fma(unit, expm1_double(fma(n, D::set1(C::tail), fma(n, D::set1(C::head), y))), unit);
}

// 2^k for k <= 0, in two steps because one would leave the range of a double; 0 far below it.
inline double power_of_two(double k) {
    const auto half = [](int exponent) {
        return __builtin_bit_cast(double, static_cast<std::uint64_t>(1023 + exponent) << 52);
    };
    const int whole = k < -2000 ? -2000 : static_cast<int>(k);
    return half(whole / 2) * half(whole - whole / 2);
}

// Everything that later sweeps need to know of a row, in units of 2^exponent times `unit_float`. For all: `rest` is the
// whole sum. For others: it is the sum without the maxima, `count` of them, `top` the exponential of each.
struct Normalizer {
    double max;
    double rest;
    std::int64_t count;
    double top;
    double exponent;

    double sum() const { return rest + static_cast<double>(count) * top; }
    // What stands beside one of the maxima, in units of it.
    double beside() const { return static_cast<double>(count - 1) + rest / top; }
};

// Whether float exponentials, measured from an exponent, may serve for rows of a temperature.
inline bool may_be_anchored(double temperature) { return temperature > 0x1p-100 && temperature < 0x1p+100; }

// Whether a row with the maximum m can be measured from an exponent.
inline bool is_anchored(double temperature, double m) { return __builtin_fabs(m) <= largest_anchor * temperature; }

// Stands for an exponent below all those that an anchor can have.
constexpr double lowest_exponent = -65536;

// What a sweep sums: all for probabilities; for logarithms all carefully, or the others alone.
enum class Sum { all, all_carefully, others };

template <Sum Of, bool Scaled, Wait What, class X>
inline Normalizer normalize_block(X x, std::int64_t n, float m, const Inverse<float>& inverse, double temperature,
                                  std::int64_t ahead, float* kept) {
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
    if constexpr (Of != Sum::others) {
        return {m, exp_sum<Of == Sum::all_carefully, What>(x, n, anchor, ahead, kept), 0, unit_float, exponent};
    } else {
        const Rest rest = exp_sum_rest(x, n, anchor, m, ahead);
        return {m, rest.sum, rest.count, exp_of(Single{m / temperature}, Single{exponent}).v, exponent};
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

// The maximum of the first block of a row.
template <class X>
inline float first_block_max(const Row<X>& row) {
    const Row<X> block = part_of(row, 0, row.length < block_length ? row.length : block_length);
    return row_max<F32x16>(block.x, block.length);
}

// `first_max`: the first_block_max of the row. While it is done, the scores of the row that follows are fetched.
// `exponents`: of each block, its own.
template <Sum Of, bool Scaled, Wait What = Wait::q, class X>
inline Normalizer normalize(const Row<X>& row, float first_max, const Inverse<float>& inverse, const Helpers* helpers,
                            float* kept = nullptr, float* exponents = nullptr) {
    const std::int64_t length = row.length;
    if (length <= block_length) {
        const Normalizer one =
            normalize_block<Of, Scaled, What>(row.x, length, first_max, inverse, row.temperature, row.next, kept);
        if (exponents != nullptr) *exponents = static_cast<float>(one.exponent);
        return one;
    }
    Normalizer result{-__builtin_inf(), 0, 0, unit_float, lowest_exponent};
    // Shared blocks are merged when all are done: the order is the same.
    static_assert(sizeof(Normalizer) <= helper_bytes);
    auto* const blocks = helpers == nullptr ? nullptr : static_cast<Normalizer*>(helpers->scratch);
    in_parts(helpers, length, [&](std::int64_t first, std::int64_t part_length) {
        for_blocks(row, first, part_length, [&](std::int64_t start, const Row<X>& block) {
            const float m = start == 0 ? first_max : row_max<F32x16>(block.x, block.length);
            float* const keep = kept == nullptr ? nullptr : kept + start;
            const std::int64_t ahead = start + 2 * block_length <= length ? block_length : 0;
            const Normalizer one =
                normalize_block<Of, Scaled, What>(block.x, block.length, m, inverse, row.temperature, ahead, keep);
            if (exponents != nullptr) exponents[start / block_length] = static_cast<float>(one.exponent);
            if (blocks == nullptr) {
                result = merge(result, one);
            } else {
                blocks[start / block_length] = one;
            }
        });
    });
    for (std::int64_t i = 0; blocks != nullptr && i * block_length < length; ++i) result = merge(result, blocks[i]);
    return result;
}

// log(sum / e^max) of a row, of 1 and what stands beside a maximum, as far as float exponentials serve: `max` tells
// whether they do.
struct LogSum {
    double max, beside;

    double value() const { return log1p(Single{beside}).v; }
};

// Whether what stands beside a maximum, as the sum of all has it, is good to 2^-27, by the bound of BlockSum.
inline bool is_enough(double beside, std::int64_t length, double top) {
    return beside >= 0x1p-13 * static_cast<double>(length < block_length ? length : block_length) * top;
}

// From the sum of all, where that is good enough; else, and in rows of one vector, from the others alone. `all`: what
// softmax needs, if `max` tells that it serves, with what is to be kept in `kept` where that is given (not for a row of
// one vector).
template <bool Scaled, Wait What = Wait::q, class X>
inline LogSum log_sum(const Row<X>& row, float first_max, const Inverse<float>& inverse, const Helpers* helpers,
                      Normalizer& all, float* kept = nullptr, float* exponents = nullptr) {
    if (row.length > F32x16::lanes) {
        all = normalize<Sum::all_carefully, Scaled, What>(row, first_max, inverse, helpers, kept, exponents);
        if (is_anchored(row.temperature, all.max)) {
            const double top = exp_of(Single{all.max / row.temperature}, Single{all.exponent}).v;
            const double beside = all.rest - Anchor<Scaled>(static_cast<float>(all.exponent), inverse).summed(all.max);
            if (is_enough(beside, row.length, top)) return {all.max, beside / top};
        }
    }
    const Normalizer others = normalize<Sum::others, Scaled>(row, first_max, inverse, helpers);
    if (row.length <= F32x16::lanes) all = others;
    return {others.max, others.beside()};
}

// softmax of a part of a row from the q that were kept; they may be where the result goes.
template <bool Scaled, class X>
LOGITKIT_ONCE inline void softmax_kept(const Row<X>& row, std::int64_t first, std::int64_t length,
                                       Anchor<Scaled> anchor, Reciprocal<float> by, const float* kept) {
    store_blocks_backward(row, first, length, [&](std::int64_t start, const Row<X>& block) {
        for_vectors<F32x16>(block.length, [&](std::int64_t i, auto part) {
            using F = typename decltype(part)::Vector;
            const Exponential<F> e{anchor.scale(part.load(block.x + i, 0.0f)), part.load(kept + start + i, 0.0f)};
            part.store(quotient(e, by), block.out + i);
        });
    });
}

// softmax of a part of a row from the scores alone; with `stream` the output is not read.
template <bool Scaled, class X>
LOGITKIT_ONCE inline void softmax_again(const Row<X>& row, std::int64_t first, std::int64_t length,
                                        Anchor<Scaled> anchor, Reciprocal<float> by, bool stream) {
    store_blocks_backward(row, first, length, [&](std::int64_t start, const Row<X>& block) {
        store_row(block.out, block.length, stream, [&](std::int64_t i, auto part) {
            using F = typename decltype(part)::Vector;
            if (start > 0) prefetch_ahead<F>(block.x + i, -block_length);
            return quotient(anchor.exp(part.load(block.x + i, 0.0f)), by);
        });
    });
    if (stream) F32x16::fence();
}

// What log_softmax takes off a score. In floats, where log(sum) is not small beside max: their sum as high + low, off
// by 2^-49 of itself and 2^-33 of any result.
struct LogOffsets {
    double max, log_sum;
    bool in_floats;
    float high, low;

    LogOffsets(double m, double temperature, double log, std::int64_t length)
        : max(m), log_sum(log),
          in_floats(temperature == 1 && length > F32x16::lanes && log >= 0x1p-16 * __builtin_fabs(m)),
          high(static_cast<float>(m + log)), low(static_cast<float>((m + log) - static_cast<double>(high))) {}
};

// x - (high + low): what x - high rounds off (Knuth's two-sum) goes into the second, smaller subtraction. Half of it is
// for the multipliers, which have nothing else to do.
template <class F>
inline F subtract(F x, F high, F low) {
    const F one = F::set1(1), lowest = F::set1(-__FLT_MAX__);
    const F difference = x - high, part = difference - x;
    const F rounded_off = fma(one, x, part - difference) - fma(one, part, high);
    return fma(one, max(rounded_off - low, lowest), difference); // -inf stays
}

// log_softmax of a part of a float row, rounded once.
template <bool Scaled, class X>
LOGITKIT_ONCE inline void log_store(const Row<X>& row, std::int64_t first, std::int64_t length, LogOffsets by,
                                    bool stream) {
    if (by.in_floats) {
        store_pieces(row, first, length, [&](std::int64_t, const Row<X>& piece) {
            store_row(piece.out, piece.length, stream, [&](std::int64_t i, auto part) {
                using F = typename decltype(part)::Vector;
                return subtract(part.load(piece.x + i, 0.0f), F::set1(by.high), F::set1(by.low));
            });
        });
    } else {
        const F64x8 max = F64x8::set1(by.max), log_sum = F64x8::set1(by.log_sum),
                    inverse = F64x8::set1(1 / row.temperature);
        const auto log_probability = [&](F64x8 v) {
            return Scaled ? fma(v - max, inverse, F64x8::set1(0.0) - log_sum) : (v - max) - log_sum;
        };
        store_pieces(row, first, length, [&](std::int64_t, const Row<X>& piece) {
            store_row(piece.out, piece.length, stream, [&](std::int64_t i, auto part) {
                return for_each_vector(part.load(piece.x + i, 0.0f), [&](F32x16 v) {
                    // A tiny logarithm becomes 0, and a negative one would tell rows done together, in columns, from
                    // others.
                    return narrow(log_probability(widen_low(v)), log_probability(widen_high(v))) + F32x16::set1(0);
                });
            });
        });
    }
    if (stream) F32x16::fence();
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
