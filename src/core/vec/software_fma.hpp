// Fused multiply-add without an instruction for it, rounded once. C libraries need hundreds of cycles for one then;
// these are a few dozen plain operations without a branch, which a compiler turns into lanes.
//
// The exact result is rounded to odd in a wider format (the last bit says whether anything was lost), then to nearest:
// no double rounding. Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using
// rounding to odd" (2008). Sums and products keep what they round off by Knuth's two-sum and Dekker's product.
#pragma once

#include "vec/common.hpp"

// All of it is inlined, so no call passes these types.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Four lanes: a register of floats, two of doubles on every 64-bit processor.
using Four = double __attribute__((vector_size(32)));
using FourBits = std::uint64_t __attribute__((vector_size(32)));
using FourFloats = float __attribute__((vector_size(16)));

template <class V, class T>
LOGITKIT_INLINE inline V four_at(const T* p) {
    V lanes;
    __builtin_memcpy(&lanes, p, sizeof lanes);
    return lanes;
}

// What sum = a + b has rounded off, exactly.
LOGITKIT_INLINE inline Four two_sum_lost(Four a, Four b, Four sum) {
    const Four back = sum - a;
    return (a - (sum - back)) + (b - back);
}

// A number rounded to nearest as one rounded to odd, by the sign of what that lost; beside an infinity, where that is
// NaN, as it is. (In integers: SSE2 has no comparison of 64 bits.)
LOGITKIT_INLINE inline Four to_odd(Four rounded, Four lost) {
    const FourBits bits = reinterpret_cast<FourBits>(rounded), sign_and_size = reinterpret_cast<FourBits>(lost);
    const FourBits size = sign_and_size << 1, not_zero = (size | -size) >> 63;
    const FourBits not_finite = ((size >> 53) + 1) >> 11;
    const FourBits inexact = not_zero & ~not_finite;
    const FourBits beyond = inexact & ((bits ^ sign_and_size) >> 63);
    return reinterpret_cast<Four>((bits - beyond) | inexact);
}

// Of floats: doubles hold the product exactly.
LOGITKIT_INLINE inline FourFloats software_fma(FourFloats a, FourFloats b, FourFloats c) {
    const Four product = __builtin_convertvector(a, Four) * __builtin_convertvector(b, Four);
    const Four addend = __builtin_convertvector(c, Four), sum = product + addend;
    return __builtin_convertvector(to_odd(sum, two_sum_lost(product, addend, sum)), FourFloats);
}

// 26 bits of a.
LOGITKIT_INLINE inline Four upper_half(Four a) {
    const Four c = 0x1.0000002p+27 * a;
    return c - (c - a);
}

// For operands of which `unfit` is 0.
LOGITKIT_INLINE inline Four software_fma(Four a, Four b, Four c) {
    const Four a_high = upper_half(a), a_low = a - a_high, b_high = upper_half(b), b_low = b - b_high;
    const Four product = a * b;
    const Four product_low = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    const Four low = c + product_low, low_lost = two_sum_lost(c, product_low, low);
    const Four high = product + low, high_lost = two_sum_lost(product, low, high);
    const Four rest = low_lost + high_lost;
    return high + to_odd(rest, two_sum_lost(low_lost, high_lost, rest));
}

// 1 where something on the way may overflow, or half of the product be subnormal: sizes compared as integers, for SSE2
// compares no 64 bits.
LOGITKIT_INLINE inline FourBits unfit(Four a, Four b, Four c) {
    const FourBits size = ~FourBits{} >> 1;
    const auto above = [&](Four x, double limit) LOGITKIT_INLINE {
        return __builtin_bit_cast(std::uint64_t, limit) - (reinterpret_cast<FourBits>(x) & size);
    };
    const FourBits product = reinterpret_cast<FourBits>(a * b) & size;
    const FourBits below = product - __builtin_bit_cast(std::uint64_t, 0x1p-900);
    return (above(a, 0x1p+510) | above(b, 0x1p+510) | above(c, 0x1p+1000) | below) >> 63;
}
// Of the others.
inline double fma_of_extremes(double a, double b, double c) {
    if (a == 0 || b == 0) return a * b + c;
    return c == 0 ? a * b : __builtin_fma(a, b, c);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
