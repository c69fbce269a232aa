// The k first elements of a row in descending order: NaN before every number, of equals the lower position first.
//
// The positions found so far are a heap whose root ranks last of them. The sweep compares whole vectors with the
// element at the root and goes into a vector only where some lane is above it: of a row in random order that is about
// k ln(length / k) elements. The order is total, so the result depends on nothing but the row.
#pragma once

#include "rows/row.hpp"

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
    Row<const T*> row;

    static std::int64_t entry(T, std::int64_t i) { return i; }
    static std::int64_t position(std::int64_t entry) { return entry; }
    auto value(std::int64_t i) const { return widen(*element_at(row, i)); }
    bool before(std::int64_t i, std::int64_t j) const {
        const auto a = value(i), b = value(j);
        return is_above(a, b) || (!is_above(b, a) && i < j);
    }
};

// The same with float and position in one number, the larger before: no element is looked up again. For rows whose
// positions have 32 bits.
template <class T>
struct ByKey {
    static std::int64_t entry(T x, std::int64_t i) {
        const float v = widen(x) + 0.0f; // -0 is 0
        const std::int32_t bits = __builtin_bit_cast(std::int32_t, v);
        const std::int64_t key = v != v ? 0x7fffffff : ordered(bits);
        return key * positions + (positions - 1 - i);
    }
    static std::int64_t position(std::int64_t entry) { return positions - 1 - (entry & (positions - 1)); }
    static float value(std::int64_t entry) {
        return __builtin_bit_cast(float, ordered(static_cast<std::int32_t>(entry >> 32)));
    }
    static bool before(std::int64_t a, std::int64_t b) { return a > b; }

    static constexpr std::int64_t positions = std::int64_t{1} << 32;

private:
    // The bits of a negative number fall as it rises.
    static std::int32_t ordered(std::int32_t bits) { return bits < 0 ? bits ^ 0x7fffffff : bits; }
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
inline void select(const Row<const T*>& row, std::int64_t k, const Order& order, std::int64_t* heap) {
    using Piece = Row<const T*>;
    for_pieces(row, 0, k, [&](std::int64_t start, const Piece& piece) {
        for (std::int64_t i = 0; i < piece.length; ++i) heap[start + i] = order.entry(piece.x[i], start + i);
    });
    for (std::int64_t place = k / 2; place-- > 0;) sift_down(order, heap, k, place);

    auto last = order.value(heap[0]);
    for_pieces(row, k, row.length - k, [&](std::int64_t start, const Piece& piece) {
        for_vectors<V>(piece.length, [&](std::int64_t i, auto part) {
            using F = typename decltype(part)::Vector;
            // Elements that come later rank behind their equals, so none displaces a NaN.
            if (last != last) return;
            // max passes a NaN of its second argument on: the lanes equal to `last` are those that are not above it.
            const F least = F::set1(last), v = part.load(piece.x + i, last);
            if (count_equal(max(least, v), least) == F::lanes) return;
            for (std::int64_t j = i; j < i + part.n; ++j) {
                if (!is_above(widen(piece.x[j]), last)) continue;
                heap[0] = order.entry(piece.x[j], start + j);
                sift_down(order, heap, k, 0);
                last = order.value(heap[0]);
            }
        });
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
inline void top_k_row(const Row<const T*>& row, std::int64_t k, std::int64_t* ids) {
    if (k == 0) return;
    if constexpr (sizeof(T) == sizeof(double)) {
        select<F64x8>(row, k, ByValue<T>{row}, ids);
    } else if (row.length > ByKey<T>::positions) {
        select<F32x16>(row, k, ByValue<T>{row}, ids);
    } else {
        select<F32x16>(row, k, ByKey<T>{}, ids);
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
