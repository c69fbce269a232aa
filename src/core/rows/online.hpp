// Float rows too long for a cache: the normaliser in one sweep, block by block, then the result in a second one.
//
// Each block is measured from the exponent of its own maximum. Normalisers of two blocks differ by a power of two, so
// merging them is exact but for the additions, which are done in the order of the blocks.
// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), by blocks in place of elements.
#pragma once

#include "rows/dense.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// 2^k for k <= 0, in two steps because one would leave the range of a double; 0 far below it.
inline double power_of_two(double k) {
    const auto half = [](int exponent) {
        return __builtin_bit_cast(double, static_cast<std::uint64_t>(1023 + exponent) << 52);
    };
    const int whole = k < -2000 ? -2000 : static_cast<int>(k);
    return half(whole / 2) * half(whole - whole / 2);
}

// Stands for an exponent below all those that an anchor can have.
constexpr double lowest_exponent = -65536;

// What a normaliser is for: probabilities need the whole sum only, logarithms the rest apart from the maxima.
enum class Purpose { probability, logarithm };

template <bool Scaled>
inline Normalizer normalize_block(Purpose purpose, const float* x, std::int64_t n, const Inverse<float>& inverse,
                                  double temperature) {
    const float m = row_max<F32x16>(x, n);
    const double y = m * static_cast<double>(inverse.high);
    if (!(y >= -2 * largest_anchor && y <= 2 * largest_anchor)) {
        // Out of the anchor's range. Below it the block vanishes beside any other, but for a NaN, which spoils the row;
        // above it the row is done by wide.hpp.
        const double rest = has_nan(x, n) ? __builtin_nan("") : 0;
        return {m, rest, m == -__builtin_inff() ? 0 : 1, unit_float, y < 0 ? lowest_exponent : -lowest_exponent};
    }
    const float exponent = Anchor<Scaled>::exponent_of(m, inverse);
    const auto anchor = ExponentAnchor<Scaled>(exponent, inverse);
    if (purpose == Purpose::probability) return {m, exp_sum(x, n, anchor, block_length), 0, unit_float, exponent};
    const Rest rest = exp_sum_rest(x, n, anchor, m, block_length);
    return {m, rest.sum, rest.count, exp_of(m / temperature, exponent), exponent};
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

template <bool Scaled>
inline Normalizer normalize_online(Purpose purpose, const float* x, std::int64_t length, const Inverse<float>& inverse,
                                   double temperature) {
    Normalizer result{-__builtin_inf(), 0, 0, unit_float, lowest_exponent};
    for_blocks(length, [&](std::int64_t start, std::int64_t n) {
        result = merge(result, normalize_block<Scaled>(purpose, x + start, n, inverse, temperature));
    });
    return result;
}

// Computes the exponentials again, from the common exponent: one rounding, and with `stream` no read of the output.
template <class A>
inline void exp_scale_store(const float* x, std::int64_t length, const A& anchor, Reciprocal<float> by, float* out,
                            bool stream) {
    for_blocks_backward(length, [&](std::int64_t start, std::int64_t n) {
        store_row(out + start, n, stream, [&](std::int64_t i, auto part) {
            using F = typename decltype(part)::Vector;
            prefetch_ahead<F>(x + start + i, -block_length);
            const Exponential<F> e = anchor.exp(part.load(x + start + i, 0.0f));
            const F first = e.scale * F::set1(by.high);
            return first + fma(first, e.q, e.scale * F::set1(by.low));
        });
    });
    if (stream) F32x16::fence();
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
