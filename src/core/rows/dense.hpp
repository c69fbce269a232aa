// What the ways to do a row share: parts for threads, the maximum, stores.
//
// A row is cut into blocks of `block_length`; within a block lane j sums the elements j, j + 16, ..., and the blocks
// are added in their order. That order is a property of the row alone: threads, layouts and instruction sets
// give the same bits.
#pragma once

#include "kernels.hpp"
#include "math/exp.hpp"
#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Calls body(start, n) for a whole row, or with helpers for parts of it, of whole blocks, on several threads.
template <class Body>
inline void in_parts(const Helpers* helpers, std::int64_t length, Body body) {
    if (helpers == nullptr) return body(std::int64_t{0}, length);
    struct Work {
        Body& body;
        std::int64_t length, parts;
    } work{body, length, helpers->parts};
    const auto one = [](void* context, std::int64_t part) {
        const Work& all = *static_cast<Work*>(context);
        const std::int64_t blocks = (all.length + block_length - 1) / block_length;
        const std::int64_t start = blocks * part / all.parts * block_length;
        const std::int64_t end = blocks * (part + 1) / all.parts * block_length;
        if (start < end) all.body(start, (end < all.length ? end : all.length) - start);
    };
    helpers->run(helpers->parts, one, &work);
}

// A bit for each lane: where a <= b, and where a < b. A NaN is neither.
template <class V>
LOGITKIT_INLINE inline unsigned at_most(V a, V b) {
    return equal_lanes(max(b, a), b);
}
template <class V>
LOGITKIT_INLINE inline unsigned below(V a, V b) {
    return at_most(a, b) & ~equal_lanes(a, b);
}
template <class V>
constexpr unsigned all_lanes = ~0u >> (32 - V::lanes);

template <class V>
struct NumberOf;
template <>
struct NumberOf<F32x16> {
    using type = float;
};
template <>
struct NumberOf<F64x8> {
    using type = double;
};

// The largest element that is not NaN, -inf if there is none.
template <class V, class X, class T = typename NumberOf<V>::type>
LOGITKIT_ONCE inline T row_max(X x, std::int64_t length) {
    const T lowest = -__builtin_inf();
    const Whole<V> whole;
    V a = V::set1(lowest), b = a, c = a, d = a;
    std::int64_t i = 0;
    for (; i + 4 * V::lanes <= length; i += 4 * V::lanes) {
        a = max(whole.load(x + i, lowest), a);
        b = max(whole.load(x + (i + V::lanes), lowest), b);
        c = max(whole.load(x + (i + 2 * V::lanes), lowest), c);
        d = max(whole.load(x + (i + 3 * V::lanes), lowest), d);
    }
    for_vectors<V>(length - i, [&](std::int64_t j, auto part) {
        for_each_vector(part.load(x + (i + j), lowest), [&](V v) { return a = max(v, a); });
    });
    return reduce_max(max(max(a, b), max(c, d)));
}

template <class X>
LOGITKIT_ONCE inline bool has_nan(X x, std::int64_t length) {
    bool found = false;
    for (std::int64_t i = 0; i < length; ++i) {
        const auto score = score_at(x, i);
        found |= score != score;
    }
    return found;
}

// 1 / sum, or a factor / sum, as a pair of row elements, so that e / sum is one rounding: fma(e, high, e * low).
template <class T>
struct Reciprocal {
    T high, low;
};

inline Reciprocal<float> quotient_of(double factor, double sum) {
    const double inverse = factor / sum;
    const float high = static_cast<float>(inverse);
    return {high, static_cast<float>(inverse - static_cast<double>(high))};
}

// Stores f(i, part) for the vectors of a row; with `stream` past the caches, in whole lines of them, which
// the caller ends with a fence.
template <class T, class F>
inline void store_row(T* out, std::int64_t length, bool stream, F f) {
    std::int64_t i = 0;
    if constexpr (sizeof(T) != sizeof(float)) stream = false;
    if (stream && length >= 2 * F32x16::lanes) {
        const int past = static_cast<int>(reinterpret_cast<std::uintptr_t>(out) / sizeof(float) % F32x16::lanes);
        if (past != 0) {
            const Part<F32x16> head{F32x16::lanes - past};
            head.store(f(i, head), out);
            i = head.n;
        }
        const std::int64_t start = i, whole = (length - start) / F32x16::lanes * F32x16::lanes;
        for_vectors<F32x16>(whole, [&](std::int64_t j, auto part) {
            if constexpr (sizeof(T) == sizeof(float)) f(start + j, part).stream(out + start + j);
        });
        i += whole;
    }
    for_vectors<F32x16>(length - i, [&](std::int64_t j, auto part) { part.store(f(i + j, part), out + i + j); });
}

// scale (1 + q) / sum. The power is multiplied last: that rounds only what is subnormal.
template <class V>
inline V quotient(const Exponential<V>& e, V high, V low) {
    return e.scale * (high + fma(high, e.q, low));
}
template <class V, class T>
inline V quotient(const Exponential<V>& e, Reciprocal<T> by) {
    return quotient(e, V::set1(by.high), V::set1(by.low));
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
