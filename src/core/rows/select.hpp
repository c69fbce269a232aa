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

// The order by what stands at the positions.
template <class T>
struct ByValue {
    const T* x;

    std::int64_t entry(std::int64_t i) const { return i; }
    static std::int64_t position(std::int64_t entry) { return entry; }
    bool before(std::int64_t i, std::int64_t j) const {
        const auto a = widen(x[i]), b = widen(x[j]);
        return is_above(a, b) || (!is_above(b, a) && i < j);
    }
};

// The same with float and position in one number, the larger before: no element is looked up again. For rows whose
// positions have 32 bits.
template <class T>
struct ByKey {
    const T* x;

    std::int64_t entry(std::int64_t i) const {
        const float v = widen(x[i]) + 0.0f; // -0 is 0
        const std::int32_t bits = __builtin_bit_cast(std::int32_t, v);
        // The bits of a negative number fall as it rises.
        const std::int64_t key = v != v ? 0x7fffffff : bits < 0 ? bits ^ 0x7fffffff : bits;
        return key * positions + (positions - 1 - i);
    }
    static std::int64_t position(std::int64_t entry) { return positions - 1 - (entry & (positions - 1)); }
    static bool before(std::int64_t a, std::int64_t b) { return a > b; }

    static constexpr std::int64_t positions = std::int64_t{1} << 32;
};

// Puts an entry at a place of the heap where it belongs below that place.
template <class Order>
inline void sift_down(const Order& order, std::int64_t* heap, std::int64_t size, std::int64_t place) {
    const std::int64_t moved = heap[place];
    for (std::int64_t child = 2 * place + 1; child < size; child = 2 * place + 1) {
        if (child + 1 < size && order.before(heap[child], heap[child + 1])) ++child;
        if (!order.before(moved, heap[child])) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = moved;
}

template <class V, class T, class Order>
inline void select(const T* x, std::int64_t length, std::int64_t k, const Order& order, std::int64_t* heap) {
    for (std::int64_t i = 0; i < k; ++i) heap[i] = order.entry(i);
    for (std::int64_t place = k / 2; place-- > 0;) sift_down(order, heap, k, place);

    auto last = widen(x[order.position(heap[0])]);
    for_vectors<V>(length - k, [&](std::int64_t i, auto part) {
        using F = typename decltype(part)::Vector;
        // Elements that come later rank behind their equals, so none displaces a NaN.
        if (last != last) return;
        // max passes a NaN of its second argument on: the lanes equal to `last` are those that are not above it.
        const F least = F::set1(last), v = part.load(x + (k + i), last);
        if (count_equal(max(least, v), least) == F::lanes) return;
        for (std::int64_t j = k + i; j < k + i + part.n; ++j) {
            if (!is_above(widen(x[j]), last)) continue;
            heap[0] = order.entry(j);
            sift_down(order, heap, k, 0);
            last = widen(x[order.position(heap[0])]);
        }
    });

    for (std::int64_t size = k; --size > 0;) {
        const std::int64_t behind = heap[0];
        heap[0] = heap[size];
        heap[size] = behind;
        sift_down(order, heap, size, 0);
    }
    for (std::int64_t i = 0; i < k; ++i) heap[i] = order.position(heap[i]);
}

template <class T>
inline void top_k_row(const T* x, std::int64_t length, std::int64_t k, std::int64_t* ids) {
    if (k == 0) return;
    if constexpr (sizeof(T) == sizeof(double)) {
        select<F64x8>(x, length, k, ByValue<T>{x}, ids);
    } else if (length > ByKey<T>::positions) {
        select<F32x16>(x, length, k, ByValue<T>{x}, ids);
    } else {
        select<F32x16>(x, length, k, ByKey<T>{x}, ids);
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
