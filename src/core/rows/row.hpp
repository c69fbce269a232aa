// One row of a batch.
#pragma once

#include "kernels.hpp"
#include "rows/dense.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// X: a pointer to scores, or one with a mask.
template <class X>
struct Row {
    using T = Element<X>;
    X x;
    const T* g;
    T* out;
    std::int64_t length;
    double temperature;
    std::int64_t next; // elements from x to the row that is done after it, 0 for the last
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
            i + together < batch.rows ? together * batch.x_step : 0};
}

template <class X, class Body>
inline void for_rows(const RowBatch& batch, Body body) {
    for (std::int64_t i = 0; i < batch.rows; ++i) body(row_at<X>(batch, i));
}

// Calls body.operator()<Scaled>() with Scaled = a temperature other than 1.
template <class Body>
inline auto with_scaled(double temperature, Body body) {
    return temperature == 1 ? body.template operator()<false>() : body.template operator()<true>();
}

template <class X>
constexpr bool is_double = sizeof(Element<X>) == sizeof(double);

template <class X>
inline double largest(const Row<X>& row) {
    if constexpr (is_double<X>) {
        return row_max<F64x8>(row.x, row.length);
    } else {
        return static_cast<double>(row_max<F32x16>(row.x, row.length));
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
