// Rows to test with, the same on every machine: the generator is our own, and every operation here is exact or rounded
// once.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

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

template <class T>
inline T element(Pattern pattern, Random& random, std::int64_t i, std::int64_t length) {
    using L = std::numeric_limits<T>;
    const bool here = i == (length * 5) / 7;
    const double u = random.uniform();
    const double bell = random.bell();
    switch (pattern) {
    case bell_1: return static_cast<T>(bell);
    case bell_20: return static_cast<T>(20 * bell);
    case huge: return static_cast<T>(1e6 * bell);
    case largest: return static_cast<T>(u < 0.5 ? -u * 2 * L::max() : u * L::max());
    case peaked: return static_cast<T>(here ? 30 : bell);
    case ties: return static_cast<T>(static_cast<int>(u * 4) - 2);
    case zeros: return static_cast<T>(u < 0.5 ? 0.0 : -0.0);
    case some_impossible: return u < 0.4 ? -L::infinity() : static_cast<T>(3 * bell);
    case one_nan: return here ? L::quiet_NaN() : static_cast<T>(bell);
    case one_infinity: return here ? L::infinity() : static_cast<T>(bell);
    case subnormal: return static_cast<T>(bell) * L::min() / 16;
    case impossible: return -L::infinity();
    case steps: // a whole block of -inf, and blocks whose maxima lie far apart
        return i / 4096 % 5 == 1 ? -L::infinity() : static_cast<T>(bell + 90.0 * static_cast<double>(i / 4096 % 7));
    case near_anchor_limit: return static_cast<T>(bell + (here ? 4095 : u < 0.5 ? -4096 : 4000));
    case any_bits: {
        const std::uint64_t b = random.bits();
        T x;
        std::memcpy(&x, &b, sizeof x);
        return x - x == 0 ? x : static_cast<T>(bell);
    }
    case all_specials: return u < 0.3 ? -L::infinity() : u < 0.4 ? L::infinity() : u < 0.5 ? L::quiet_NaN() : T(1);
    case pattern_count: break;
    }
    return T(0);
}
