// Rows to test with, the same on every machine: the generator is our own, and every operation here is exact or rounded
// once.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "elements.hpp"

class Random { // xorshift64*
public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
    std::uint64_t bits() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1d;
    }
    double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
    // Nearly normal: the sum of four uniform numbers, drawn one after the other.
    double bell() {
        double sum = -2;
        for (int i = 0; i < 4; ++i) sum += uniform();
        return sum * 1.75;
    }

private:
    std::uint64_t state_;
};

enum Pattern {
    bell_1,
    bell_20,
    huge,
    largest,
    peaked,
    ties,
    zeros,
    some_impossible,
    one_nan,
    one_infinity,
    subnormal,
    impossible,
    steps,
    near_anchor_limit,
    any_bits,
    all_specials,
    pattern_count
};
inline const char* const pattern_names[] = {
    "N(0,1)", "N(0,20)", "1e6",       "largest",  "peaked", "ties",         "+-0",      "some -inf",
    "a NaN",  "a +inf",  "subnormal", "all -inf", "steps",  "anchor limit", "any bits", "NaN, +inf, -inf"};

// The largest number and the smallest normal one.
template <class T>
struct Range {
    static constexpr double largest = std::numeric_limits<T>::max(), smallest = std::numeric_limits<T>::min();
};
template <>
struct Range<logitkit::Float16> {
    static constexpr double largest = 65504, smallest = 0x1p-14;
};
template <>
struct Range<logitkit::BFloat16> {
    static constexpr double largest = 0x1.fep+127, smallest = 0x1p-126;
};

template <class T>
inline T element(Pattern pattern, Random& random, std::int64_t i, std::int64_t length) {
    using logitkit::narrow_to, logitkit::widen;
    constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double most = Range<T>::largest, million = most < 1e6 ? most / 8 : 1e6;
    const bool here = i == (length * 5) / 7;
    const double u = random.uniform();
    const double bell = random.bell();
    switch (pattern) {
    case bell_1: return narrow_to<T>(bell);
    case bell_20: return narrow_to<T>(20 * bell);
    case huge: return narrow_to<T>(million * bell);
    case largest: return narrow_to<T>(u < 0.5 ? -u * 2 * most : u * most);
    case peaked: return narrow_to<T>(here ? 30 : bell);
    case ties: return narrow_to<T>(static_cast<int>(u * 4) - 2);
    case zeros: return narrow_to<T>(u < 0.5 ? 0.0 : -0.0);
    case some_impossible: return narrow_to<T>(u < 0.4 ? -inf : 3 * bell);
    case one_nan: return narrow_to<T>(here ? nan : bell);
    case one_infinity: return narrow_to<T>(here ? inf : bell);
    case subnormal: return narrow_to<T>(bell * Range<T>::smallest / 16);
    case impossible: return narrow_to<T>(-inf);
    case steps: // a whole block of -inf, and blocks whose maxima lie far apart
        return narrow_to<T>(i / 4096 % 5 == 1 ? -inf : bell + 90.0 * static_cast<double>(i / 4096 % 7));
    case near_anchor_limit: return narrow_to<T>(bell + (here ? 4095 : u < 0.5 ? -4096 : 4000));
    case any_bits: {
        const std::uint64_t b = random.bits();
        T x;
        std::memcpy(&x, &b, sizeof x);
        return widen(x) - widen(x) == 0 ? x : narrow_to<T>(bell);
    }
    case all_specials: return narrow_to<T>(u < 0.3 ? -inf : u < 0.4 ? inf : u < 0.5 ? nan : 1);
    case pattern_count: break;
    }
    return narrow_to<T>(0);
}

// The bits of an element; every NaN is the same NaN.
template <class T>
inline std::uint64_t canonical(T x) {
    if (logitkit::widen(x) != logitkit::widen(x)) return 0x7ff8;
    std::uint64_t bits = 0;
    std::memcpy(&bits, &x, sizeof x);
    return bits;
}
