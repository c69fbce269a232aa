// The element types of arrays that C++ has no type for, and what the kernels ask of any element.
#pragma once

#include <cstdint>

namespace logitkit {

struct Float16 {
    std::uint16_t bits;
};
struct BFloat16 {
    std::uint16_t bits;
};

template <class T>
inline constexpr bool is_half = false;
template <>
inline constexpr bool is_half<Float16> = true;
template <>
inline constexpr bool is_half<BFloat16> = true;
template <class T>
concept Half = is_half<T>;

// By bits, without the instructions that only some machines have. Inlined everywhere: a copy of its own, compiled for a
// newer machine, could be picked by the linker for an older one.
#define LOGITKIT_SCALAR static inline __attribute__((always_inline))

LOGITKIT_SCALAR float widen(float x) { return x; }
LOGITKIT_SCALAR double widen(double x) { return x; }
LOGITKIT_SCALAR float widen(BFloat16 x) { return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16); }
LOGITKIT_SCALAR float widen(Float16 x) {
    const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000u) << 16, rest = x.bits & 0x7fffu;
    if (rest >= 0x7c00u) return __builtin_bit_cast(float, sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    // The exponent of a float stands 112 higher; a product with 2^112 sets it, of subnormal numbers too.
    const float magnitude = __builtin_bit_cast(float, rest << 13) * 0x1p+112f;
    return __builtin_bit_cast(float, sign | __builtin_bit_cast(std::uint32_t, magnitude));
}

// Rounded to nearest, ties to even. A NaN becomes the quiet one.
template <class T>
struct Narrow;
template <>
struct Narrow<float> {
    LOGITKIT_SCALAR float from(float x) { return x; }
};
template <>
struct Narrow<BFloat16> {
    LOGITKIT_SCALAR BFloat16 from(float x) {
        const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x);
        if (x != x) return {static_cast<std::uint16_t>(bits >> 16 | 0x40u)};
        return {static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
    }
};
template <>
struct Narrow<Float16> {
    LOGITKIT_SCALAR Float16 from(float x) {
        const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x), sign = bits >> 16 & 0x8000u;
        const std::uint32_t rest = bits & 0x7fffffffu;
        if (rest > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u)};
        if (rest >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)}; // 65520 and more
        if (rest < 0x38800000u) {
            // Below 2^-14 the unit is 2^-24: adding 0.5 leaves the rounded count of them in the lowest bits.
            const float shifted = __builtin_bit_cast(float, rest) + 0.5f;
            return {static_cast<std::uint16_t>(sign | (__builtin_bit_cast(std::uint32_t, shifted) - 0x3f000000u))};
        }
        return {static_cast<std::uint16_t>(sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13)};
    }
};

// A result as an element: of half a float's size by way of one.
template <class T>
LOGITKIT_SCALAR T narrow_to(double x) {
    if constexpr (is_half<T>) {
        return Narrow<T>::from(static_cast<float>(x));
    } else {
        return static_cast<T>(x);
    }
}

} // namespace logitkit
