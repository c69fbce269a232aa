// What the lane headers share. Included by translation units that are compiled for one instruction set each: everything
// in these headers lives in a namespace named after it (LOGITKIT_ISA) and has internal linkage, and nothing of std:: is
// instantiated, so that no function compiled for a newer machine can be picked by the linker for an older one.
#pragma once

#include <cstdint>

#include "elements.hpp"

#ifndef LOGITKIT_ISA
#error "define LOGITKIT_ISA as the name of the instruction set before including a lane header"
#endif

// For the body of a loop that stands in several places of it, which a compiler would otherwise call.
#define LOGITKIT_INLINE __attribute__((always_inline))
// For what a row calls once, from several places: compiled once for each type of row.
#define LOGITKIT_ONCE __attribute__((noinline))

namespace logitkit::LOGITKIT_ISA {
namespace {

// Exponentials are kept times 2^60 (double: 2^500), so that none of those that matter is subnormal before the one final
// rounding.
constexpr int unit_exponent_float = 60;
constexpr int unit_exponent_double = 500;

// An integer k and a power of two times the unit.
template <class V>
struct Power {
    V k, scale;
};

// u as 2^k f with f in [sqrt(1/2), sqrt(2)), and down = 2^-k.
template <class V>
struct Split {
    V k, f, down;
};
constexpr std::int64_t sqrt_half_bits = 0x3fe6a09e667f3bcd;

// A single number where a formula asks for lanes.
struct Single {
    double v;
    static Single set1(double a) { return {a}; }
    friend Single operator+(Single a, Single b) { return {a.v + b.v}; }
    friend Single operator-(Single a, Single b) { return {a.v - b.v}; }
    friend Single operator*(Single a, Single b) { return {a.v * b.v}; }
    friend Single operator/(Single a, Single b) { return {a.v / b.v}; }
    friend Single fma(Single a, Single b, Single c) { return {__builtin_fma(a.v, b.v, c.v)}; }
    friend Split<Single> split(Single u) {
        const std::int64_t k = (__builtin_bit_cast(std::int64_t, u.v) - sqrt_half_bits) >> 52;
        const double down = __builtin_bit_cast(double, static_cast<std::uint64_t>(1023 - k) << 52);
        return {{static_cast<double>(k)}, {u.v * down}, {down}};
    }
};

// The smallest integer whose power, times the unit, is a normal number; below it the power is 0.
constexpr int lowest_power_float = -126 - unit_exponent_float;
constexpr int lowest_power_double = -1022 - unit_exponent_double;

// Float powers by the bits: a number from 512 to 768 has its integer in the bits from `fraction_bits` on, the lowest
// eight of which, moved into the exponent by `power_shift`, make the power.
constexpr float power_base = 512;
constexpr int fraction_bits = 14, power_shift = 9;
constexpr std::int32_t whole_bits = -(1 << fraction_bits);

// Of one float, as of lanes.
inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float whole(float x) { return __builtin_bit_cast(float, __builtin_bit_cast(std::int32_t, x) & whole_bits); }

// Adding `magic` to a small number rounds it to the nearest integer, ties to even. Of doubles, for the instruction sets
// without an instruction for it, that stands in the low mantissa bits then, which with an offset added are shifted into
// the exponent.
constexpr float magic_float = 0x1.8p+23f;
constexpr double magic_double = 0x1.8p+52;
constexpr std::int64_t power_offset_double = unit_exponent_double + 1023 - 0x4338000000000000;

// Asks for the cache line at p, which need not exist.
inline void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

// Two vectors that go through the same operations side by side, where one alone would leave the units waiting for its
// results. An instruction set whose vectors are made of several registers needs none (`interleave`).
template <class V>
struct Twice {
    static constexpr int lanes = 2 * V::lanes;
    V a, b;

    template <class T>
    static Twice set1(T x) {
        return {V::set1(x), V::set1(x)};
    }
    template <class T>
    static Twice load(const T* p) {
        return {V::load(p), V::load(p + V::lanes)};
    }
    template <class T>
    void store(T* p) const {
        a.store(p);
        b.store(p + V::lanes);
    }
    template <class T>
    void stream(T* p) const {
        a.stream(p);
        b.stream(p + V::lanes);
    }

    friend Twice operator+(Twice x, Twice y) { return {x.a + y.a, x.b + y.b}; }
    friend Twice operator-(Twice x, Twice y) { return {x.a - y.a, x.b - y.b}; }
    friend Twice operator*(Twice x, Twice y) { return {x.a * y.a, x.b * y.b}; }
    friend Twice operator/(Twice x, Twice y) { return {x.a / y.a, x.b / y.b}; }
    friend Twice max(Twice x, Twice y) { return {max(x.a, y.a), max(x.b, y.b)}; }
    friend Twice fma(Twice x, Twice y, Twice z) { return {fma(x.a, y.a, z.a), fma(x.b, y.b, z.b)}; }
    friend Twice keep_where(Twice x, const std::uint8_t* mask) {
        return {keep_where(x.a, mask), keep_where(x.b, mask + V::lanes)};
    }
    friend Twice zero_where_equal(Twice e, Twice x, Twice y) {
        return {zero_where_equal(e.a, x.a, y.a), zero_where_equal(e.b, x.b, y.b)};
    }
    friend int count_equal(Twice x, Twice y) { return count_equal(x.a, y.a) + count_equal(x.b, y.b); }
    friend unsigned equal_lanes(Twice x, Twice y) { return equal_lanes(x.a, y.a) | equal_lanes(x.b, y.b) << V::lanes; }
    friend Split<Twice> split(Twice u) {
        const Split<V> low = split(u.a), high = split(u.b);
        return {{low.k, high.k}, {low.f, high.f}, {low.down, high.down}};
    }
    friend Power<Twice> power_of(Twice f) {
        const Power<V> low = power_of(f.a), high = power_of(f.b);
        return {{low.k, high.k}, {low.scale, high.scale}};
    }
    friend Twice whole(Twice x) { return {whole(x.a), whole(x.b)}; }
    friend Twice power(Twice x) { return {power(x.a), power(x.b)}; }
};

// Calls f(vector) for each vector that is in x, and puts what it gives together again.
template <class V, class F>
inline V for_each_vector(V x, F f) {
    return f(x);
}
template <class V, class F>
inline Twice<V> for_each_vector(Twice<V> x, F f) {
    return {f(x.a), f(x.b)};
}
template <class V, class F>
inline void for_each_vector(V x, V y, F f) {
    f(x, y);
}
template <class V, class F>
inline void for_each_vector(Twice<V> x, Twice<V> y, F f) {
    f(x.a, y.a);
    f(x.b, y.b);
}
template <class V, class F>
inline void for_each_vector(V x, V y, V z, F f) {
    f(x, y, z);
}
template <class V, class F>
inline void for_each_vector(Twice<V> x, Twice<V> y, Twice<V> z, F f) {
    f(x.a, y.a, z.a);
    f(x.b, y.b, z.b);
}

// A row of which a mask leaves out elements: they load as -inf, whatever stands there. A mask has one byte an element,
// 0 where it does not take part.
template <class T>
struct Masked {
    const T* x;
    const std::uint8_t* mask;
    friend Masked operator+(Masked row, std::int64_t i) { return {row.x + i, row.mask + i}; }
};

// What a row of scores is made of: a pointer, or a pointer and a mask.
template <class X>
struct RowTraits;
template <class T>
struct RowTraits<const T*> {
    using Element = T;
    static constexpr bool masked = false;
};
template <class T>
struct RowTraits<Masked<T>> {
    using Element = T;
    static constexpr bool masked = true;
};
template <class X>
using Element = typename RowTraits<X>::Element;
template <class X>
constexpr bool is_masked = RowTraits<X>::masked;

template <class T>
inline const T* address(const T* x) {
    return x;
}
template <class T>
inline const T* address(Masked<T> x) {
    return x.x;
}
template <class T>
inline bool takes_part(const T*, std::int64_t) {
    return true;
}
template <class T>
inline bool takes_part(Masked<T> x, std::int64_t i) {
    return x.mask[i] != 0;
}
// Another row under the same mask.
template <class T>
inline const T* like(const T*, const T* other) {
    return other;
}
template <class T>
inline Masked<T> like(Masked<T> x, const T* other) {
    return {other, x.mask};
}
// One element as a float or double.
template <class X>
inline auto score_at(X x, std::int64_t i) {
    const auto score = widen(address(x)[i]);
    return takes_part(x, i) ? score : -static_cast<decltype(score)>(__builtin_inf());
}

// A loop over a row sees whole vectors and, at the end, a part of one; its body is written once for all of them.
template <class V>
struct Whole {
    using Vector = V;
    static constexpr int n = V::lanes;
    template <class T, class Fill>
    V load(const T* p, Fill) const {
        return V::load(p);
    }
    template <class T, class Fill>
    V load(Masked<T> p, Fill) const {
        return keep_where(V::load(p.x), p.mask);
    }
    template <class T>
    void store(V a, T* p) const {
        a.store(p);
    }
};

template <class V>
struct Part {
    using Vector = V;
    int n;
    template <class T, class Fill>
    LOGITKIT_INLINE V load(const T* p, Fill fill) const {
        return V::load_part(p, n, fill);
    }
    template <class T, class Fill>
    LOGITKIT_INLINE V load(Masked<T> p, Fill fill) const {
        return keep_where(load(p.x, fill), p.mask, n);
    }
    template <class T>
    LOGITKIT_INLINE void store(V a, T* p) const {
        a.store_part(p, n);
    }
};

template <class V, class Body>
inline void for_vectors(std::int64_t n, Body body) {
    std::int64_t i = 0;
    if constexpr (V::interleave == 2) {
        for (; i + 2 * V::lanes <= n; i += 2 * V::lanes) body(i, Whole<Twice<V>>{});
    }
    for (; i + V::lanes <= n; i += V::lanes) body(i, Whole<V>{});
    if (i < n) body(i, Part<V>{static_cast<int>(n - i)});
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
