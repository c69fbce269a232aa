// The k first elements of a row in descending order: NaN before every number, of equals the lower position first.
//
// The positions found so far are a heap whose root ranks last of them. The sweep compares whole vectors with the
// element at the root and goes into a vector only where some lane is above it: of a row in random order that is about
// k ln(length / k) elements. The order is total, so the result depends on nothing but the row.
#pragma once

#include "rows/dense.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Whether a ranks before b whatever their positions.
template <class T>
inline bool is_above(T a, T b) {
    return a > b || (a != a && b == b);
}

// Whether the element at i ranks before that at j.
template <class T>
inline bool ranks_before(const T* x, std::int64_t i, std::int64_t j) {
    return is_above(x[i], x[j]) || (!is_above(x[j], x[i]) && i < j);
}

// Puts the position at a place of the heap where it belongs below that place.
template <class T>
inline void sift_down(const T* x, std::int64_t* heap, std::int64_t size, std::int64_t place) {
    const std::int64_t moved = heap[place];
    for (std::int64_t child = 2 * place + 1; child < size; child = 2 * place + 1) {
        if (child + 1 < size && ranks_before(x, heap[child], heap[child + 1])) ++child;
        if (!ranks_before(x, moved, heap[child])) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = moved;
}

template <class T>
struct LanesOf;
template <>
struct LanesOf<float> {
    using type = F32x16;
};
template <>
struct LanesOf<double> {
    using type = F64x8;
};

template <class T>
inline void top_k_row(const T* x, std::int64_t length, std::int64_t k, std::int64_t* ids) {
    if (k == 0) return;
    for (std::int64_t i = 0; i < k; ++i) ids[i] = i;
    for (std::int64_t place = k / 2; place-- > 0;) sift_down(x, ids, k, place);

    for_vectors<typename LanesOf<T>::type>(length - k, [&](std::int64_t i, auto part) {
        using F = typename decltype(part)::Vector;
        // Elements that come later rank behind their equals, so none displaces a NaN.
        T last = x[ids[0]];
        if (last != last) return;
        // max passes a NaN of its second argument on: the lanes equal to `last` are those that are not above it.
        const F least = F::set1(last), v = part.load(x + k + i, last);
        if (count_equal(max(least, v), least) == F::lanes) return;
        for (std::int64_t j = k + i; j < k + i + part.n; ++j) {
            if (!is_above(x[j], last)) continue;
            ids[0] = j;
            sift_down(x, ids, k, 0);
            last = x[ids[0]];
        }
    });

    for (std::int64_t size = k; --size > 0;) {
        const std::int64_t behind = ids[0];
        ids[0] = ids[size];
        ids[size] = behind;
        sift_down(x, ids, size, 0);
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
