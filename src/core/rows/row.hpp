// One row of a batch, and its blocks.
#pragma once

#include "kernels.hpp"
#include "rows/dense.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// X: a pointer to scores, or one with a mask. A sweep over a row sees it by for_blocks or for_pieces alone: by way of a
// window the pointers are rooms for a block.
template <class X>
struct Row {
    using T = Element<X>;
    X x;
    const T* g;
    T* out;
    std::int64_t length;
    double temperature;
    std::int64_t next; // elements from x to the row that is done after it, 0 for the last
    const Window* window = nullptr;
};

template <class T>
inline const T* scores_at(const RowBatch& batch, std::int64_t row, const T*) {
    return static_cast<const T*>(batch.x) + row * batch.x_step;
}
template <class T>
inline Masked<T> scores_at(const RowBatch& batch, std::int64_t row, Masked<T>) {
    return {static_cast<const T*>(batch.x) + row * batch.x_step, batch.mask + row * batch.mask_step};
}

inline double temperature_of(const RowBatch& batch, std::int64_t row) {
    return batch.temperature[row * batch.temperature_step];
}

// How many of the next sixteen rows have the temperature of the first.
inline int rows_of_one_temperature(const RowBatch& batch, std::int64_t first) {
    const std::int64_t left = batch.rows - first;
    const int most = left < tile_lanes ? static_cast<int>(left) : tile_lanes;
    int count = batch.temperature_step == 0 ? most : 1;
    while (count < most && temperature_of(batch, first + count) == temperature_of(batch, first)) ++count;
    return count;
}

// The one target of a row of cross_entropy, -1 if there is none.
inline std::int64_t class_of(const RowBatch& batch, std::int64_t row) {
    return batch.ids == nullptr ? -1 : batch.ids[row * batch.ids_step];
}

// `together`: as many rows go at a time.
template <class X>
LOGITKIT_INLINE inline Row<X> row_at(const RowBatch& batch, std::int64_t i, int together = 1) {
    using T = Element<X>;
    const auto* g = static_cast<const T*>(batch.g);
    return {scores_at(batch, i, X()),
            g == nullptr ? nullptr : g + i * batch.g_step,
            batch.out == nullptr ? nullptr : static_cast<T*>(batch.out) + i * batch.out_step,
            batch.length,
            temperature_of(batch, i),
            i + together < batch.rows ? together * batch.x_step : 0,
            batch.window};
}

template <class X, class Body>
inline void for_rows(const RowBatch& batch, Body body) {
    for (std::int64_t i = 0; i < batch.rows; ++i) body(row_at<X>(batch, i));
}

// The n elements from `start` on, a block at most where there is a window, as a row.
template <class X>
LOGITKIT_INLINE inline Row<X> part_of(const Row<X>& row, std::int64_t start, std::int64_t n) {
    Row<X> part = row;
    part.length = n;
    if (row.window != nullptr) {
        row.window->load(*row.window, start, n, 0);
    } else {
        part.x = row.x + start;
        if (row.g != nullptr) part.g = row.g + start;
        if (row.out != nullptr) part.out = row.out + start;
    }
    return part;
}

// One element: a row that begins with it.
template <class X>
LOGITKIT_ONCE inline X far_element_at(const Row<X>& row, std::int64_t i) {
    row.window->load(*row.window, i, 1, block_length);
    return row.x + block_length;
}
template <class X>
LOGITKIT_INLINE inline X element_at(const Row<X>& row, std::int64_t i) {
    return row.window == nullptr ? row.x + i : far_element_at(row, i);
}

// Calls body(start, block) for the blocks of a part of a row, whole ones but for the last of the row.
template <class X, class Body>
LOGITKIT_INLINE inline void for_blocks(const Row<X>& row, std::int64_t first, std::int64_t length, Body body) {
    for (std::int64_t start = first; start < first + length; start += block_length) {
        const std::int64_t rest = first + length - start;
        body(start, part_of(row, start, rest < block_length ? rest : block_length));
    }
}
template <class X, class Body>
LOGITKIT_INLINE inline void for_blocks(const Row<X>& row, Body body) {
    for_blocks(row, 0, row.length, body);
}

// The same in pieces as long as they can be, for what may be cut anywhere.
template <class X, class Body>
LOGITKIT_INLINE inline void for_pieces(const Row<X>& row, std::int64_t first, std::int64_t length, Body body) {
    const std::int64_t most = row.window == nullptr ? length : block_length;
    for (std::int64_t start = first; start < first + length; start += most) {
        const std::int64_t rest = first + length - start;
        body(start, part_of(row, start, rest < most ? rest : most));
    }
}
template <class X, class Body>
LOGITKIT_INLINE inline void for_pieces(const Row<X>& row, Body body) {
    for_pieces(row, 0, row.length, body);
}

template <class X>
inline void store_part(const Row<X>& row, std::int64_t start, std::int64_t n) {
    if (row.window != nullptr) row.window->store(*row.window, start, n);
}

// Stores one element of a result of which all others are in place.
template <class X>
inline void set_element(const Row<X>& row, std::int64_t i, Element<X> value) {
    row.out[row.window == nullptr ? i : 0] = value;
    store_part(row, i, 1);
}

// Of a body that stores the result of each piece.
template <class X, class Body>
LOGITKIT_INLINE inline void store_pieces(const Row<X>& row, std::int64_t first, std::int64_t length, Body body) {
    for_pieces(row, first, length, [&](std::int64_t start, const Row<X>& piece) LOGITKIT_INLINE {
        body(start, piece);
        store_part(row, start, piece.length);
    });
}
template <class X, class Body>
LOGITKIT_INLINE inline void store_pieces(const Row<X>& row, Body body) {
    store_pieces(row, 0, row.length, body);
}

// Of a body that stores the result of each block. From the last to the first: what the sweep before has left in a cache
// comes first.
template <class X, class Body>
LOGITKIT_INLINE inline void store_blocks_backward(const Row<X>& row, std::int64_t first, std::int64_t length,
                                                  Body body) {
    for (std::int64_t end = first + length; end > first;) {
        const std::int64_t start = (end - 1) / block_length * block_length;
        body(start, part_of(row, start, end - start));
        store_part(row, start, end - start);
        end = start;
    }
}

// Calls body.operator()<Scaled>() with Scaled = a temperature other than 1.
template <class Body>
inline auto with_scaled(double temperature, Body body) {
    return temperature == 1 ? body.template operator()<false>() : body.template operator()<true>();
}

template <class X>
constexpr bool is_double = sizeof(Element<X>) == sizeof(double);

// The largest score that is not NaN, -inf if there is none.
template <class X>
inline double largest(X x, std::int64_t length) {
    if constexpr (is_double<X>) {
        return row_max<F64x8>(x, length);
    } else {
        return static_cast<double>(row_max<F32x16>(x, length));
    }
}
template <class X>
inline double largest(const Row<X>& row) {
    double m = -__builtin_inf();
    for_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        const double one = largest(piece.x, piece.length);
        if (one > m) m = one;
    });
    return m;
}

template <class X>
LOGITKIT_ONCE inline bool has_nan(const Row<X>& row) {
    bool found = false;
    for_pieces(row, [&](std::int64_t, const Row<X>& piece) { found |= has_nan(piece.x, piece.length); });
    return found;
}

// The first position of a score that stands in the row.
template <class X>
inline std::int64_t first_of(const Row<X>& row, double score) {
    std::int64_t first = row.length;
    for_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
        for (std::int64_t i = 0; first == row.length && i < piece.length; ++i) {
            if (static_cast<double>(score_at(piece.x, i)) == score) first = start + i;
        }
    });
    return first;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
