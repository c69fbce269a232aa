// The operations: for each row of a batch the path that its length, its largest score and its temperature ask for.
// An instruction set is this file compiled with its lanes; `table` is what the dispatch sees of it.
#pragma once

#include "kernels.hpp"
#include "rows/anchored.hpp"
#include "rows/gradient.hpp"
#include "rows/special.hpp"
#include "rows/wide.hpp"

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
    std::int64_t next; // elements from x to the row that follows, 0 for the last
};

template <class T>
inline const T* scores_at(const RowBatch& batch, std::int64_t row, const T*) {
    return static_cast<const T*>(batch.x) + row * batch.x_step;
}
template <class T>
inline Masked<T> scores_at(const RowBatch& batch, std::int64_t row, Masked<T>) {
    return {static_cast<const T*>(batch.x) + row * batch.x_step, batch.mask + row * batch.mask_step};
}

template <class X, class Body>
inline void for_rows(const RowBatch& batch, Body body) {
    using T = Element<X>;
    const auto* g = static_cast<const T*>(batch.g);
    auto* out = static_cast<T*>(batch.out);
    for (std::int64_t i = 0; i < batch.rows; ++i) {
        body(Row<X>{scores_at(batch, i, X()), g == nullptr ? nullptr : g + i * batch.g_step, out + i * batch.out_step,
                    batch.length, batch.temperature[i * batch.temperature_step],
                    i + 1 < batch.rows ? batch.x_step : 0});
    }
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

// Whether float exponentials, measured from an exponent, serve for a row with the maximum m.
template <class X>
inline bool is_anchored(const RowBatch& batch, const Row<X>& row, double m) {
    return !batch.exact && row.temperature > 0x1p-100 && row.temperature < 0x1p+100 &&
           __builtin_fabs(m) <= largest_anchor * row.temperature;
}

// Each tries the row in float exponentials; false where they do not serve.
template <class X>
inline bool softmax_anchored(const RowBatch& batch, const Row<X>& row) {
    if (!is_anchored(batch, row, 0)) return false;
    return with_scaled(row.temperature, [&]<bool Scaled>() {
        const Inverse<float> inverse(row.temperature);
        alignas(64) float scratch[block_length];
        float* kept = row.length <= block_length ? scratch : nullptr;
        if constexpr (sizeof(Element<X>) == sizeof(float)) {
            if (row.out != address(row.x)) kept = row.out;
        }
        if (!batch.keep) kept = nullptr;
        const Normalizer normalizer = normalize<Purpose::probability, Scaled>(row.x, row.length, inverse,
                                                                              row.temperature, row.next, kept);
        if (!is_anchored(batch, row, normalizer.max)) return false;
        const Anchor<Scaled> anchor(static_cast<float>(normalizer.exponent), inverse);
        const Reciprocal<float> by = reciprocal(normalizer.sum());
        if (kept == nullptr) {
            softmax_again(row.x, row.length, anchor, by, row.out, batch.stream);
        } else {
            softmax_kept(row.x, row.length, anchor, by, kept, row.out);
        }
        mend_masked(row.x, row.length, false, row.out);
        return true;
    });
}

template <class X>
inline bool normalize_anchored(const RowBatch& batch, const Row<X>& row, Normalizer& normalizer) {
    if (!is_anchored(batch, row, 0)) return false;
    normalizer = with_scaled(row.temperature, [&]<bool Scaled>() {
        return normalize<Purpose::logarithm, Scaled>(row.x, row.length, Inverse<float>(row.temperature),
                                                     row.temperature, row.next);
    });
    return is_anchored(batch, row, normalizer.max);
}

template <class X>
inline void softmax_row(const RowBatch& batch, const Row<X>& row) {
    if constexpr (!is_double<X>) {
        if (softmax_anchored(batch, row)) return;
    }
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) {
        return softmax_special(row.x, row.length, m, row.temperature, batch.empty, false, row.out);
    }
    with_scaled(row.temperature,
                [&]<bool Scaled>() { softmax_wide<Scaled>(row.x, row.length, m, row.temperature, row.out); });
    mend_masked(row.x, row.length, false, row.out);
}

template <class X>
inline void log_softmax_row(const RowBatch& batch, const Row<X>& row) {
    if constexpr (!is_double<X>) {
        Normalizer normalizer;
        if (normalize_anchored(batch, row, normalizer)) {
            with_scaled(row.temperature, [&]<bool Scaled>() {
                log_store<Scaled>(row.x, row.length, normalizer.max, row.temperature, normalizer.log_sum(), row.out,
                                  batch.stream);
            });
            return mend_masked(row.x, row.length, true, row.out);
        }
    }
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) {
        return softmax_special(row.x, row.length, m, row.temperature, batch.empty, true, row.out);
    }
    with_scaled(row.temperature,
                [&]<bool Scaled>() { log_softmax_wide<Scaled>(row.x, row.length, m, row.temperature, row.out); });
    mend_masked(row.x, row.length, true, row.out);
}

template <class X>
inline double logsumexp_row(const RowBatch& batch, const Row<X>& row) {
    if constexpr (!is_double<X>) {
        Normalizer normalizer;
        if (normalize_anchored(batch, row, normalizer)) {
            const double y = normalizer.max / row.temperature, log_sum = normalizer.log_sum();
            // Where the two cancel, what float exponentials lack would show: such a row is done again in float64.
            const double enough = log_sum < 1 ? log_sum : 1;
            if (!(__builtin_fabs(y + log_sum) < enough)) return y + log_sum;
        }
    }
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) return logsumexp_special(row.x, row.length, m, row.temperature);
    const double y = m / row.temperature;
    const Pair log_sum = with_scaled(
        row.temperature, [&]<bool Scaled>() { return log_sum_wide<Scaled>(row.x, row.length, m, row.temperature); });
    if (!__builtin_isfinite(y)) return y + log_sum.high;
    const double y_low = __builtin_fma(-y, row.temperature, m) / row.temperature;
    const Pair sum = two_sum(y, log_sum.high);
    return sum.high + (sum.low + (y_low + log_sum.low));
}

template <class X>
inline double entropy_row(const RowBatch&, const Row<X>& row) {
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) return entropy_special(row.x, row.length, m, row.temperature);
    return with_scaled(row.temperature,
                       [&]<bool Scaled>() { return entropy_wide<Scaled>(row.x, row.length, m, row.temperature); });
}

// softmax_row for rows of at most one vector, several at a time so that none waits for itself alone: the same operations,
// so the same bits.
constexpr int rows_in_flight = 4;

template <bool Scaled, int Rows, class X>
inline void softmax_vectors(const RowBatch& batch, const Row<X>* rows, const Inverse<float>& inverse) {
    const Part<F32x16> part{static_cast<int>(batch.length)};
    F32x16 x[Rows];
    float m[Rows], exponent[Rows];
    double sum[Rows];
    Exponential<F32x16> e[Rows];
    for (int i = 0; i < Rows; ++i) x[i] = part.load(rows[i].x, -__builtin_inff());
    for (int i = 0; i < Rows; ++i) m[i] = reduce_max(x[i]);
    for (int i = 0; i < Rows; ++i) exponent[i] = Anchor<Scaled>::exponent_of(m[i], inverse);
    for (int i = 0; i < Rows; ++i) e[i] = Anchor<Scaled>(exponent[i], inverse).exp(x[i]);
    for (int i = 0; i < Rows; ++i) {
        BlockSum one;
        one.add(e[i].scale, e[i].q);
        sum[i] = one.total();
    }
    for (int i = 0; i < Rows; ++i) {
        // With a NaN among the scores m is any of them, or NaN: the sum is NaN then, and with it the row.
        if (is_anchored(batch, rows[i], static_cast<double>(m[i]))) {
            part.store(quotient(e[i], reciprocal(sum[i])), rows[i].out);
            mend_masked(rows[i].x, rows[i].length, false, rows[i].out);
        } else {
            softmax_row(batch, rows[i]);
        }
    }
}

template <bool Scaled, class X>
inline void softmax_short(const RowBatch& batch, const Row<X>* rows, int count, const Inverse<float>& inverse) {
    if (count == rows_in_flight) return softmax_vectors<Scaled, rows_in_flight>(batch, rows, inverse);
    for (int i = 0; i < count; ++i) softmax_vectors<Scaled, 1>(batch, rows + i, inverse);
}

// Rows of at most one vector. Rows of one temperature go together.
template <class X>
inline void softmax_short(const RowBatch& batch) {
    Row<X> rows[rows_in_flight];
    int count = 0;
    double temperature = 1;
    Inverse<float> inverse(temperature);
    const auto flush = [&] {
        with_scaled(temperature, [&]<bool Scaled>() { softmax_short<Scaled>(batch, rows, count, inverse); });
        count = 0;
    };
    for_rows<X>(batch, [&](const Row<X>& row) {
        if (!is_anchored(batch, row, 0)) return softmax_row(batch, row);
        if (row.temperature != temperature) {
            flush();
            temperature = row.temperature;
            inverse = Inverse<float>(temperature);
        }
        rows[count++] = row;
        if (count == rows_in_flight) flush();
    });
    flush();
}

template <class X>
void softmax(const RowBatch& batch) {
    if constexpr (!is_double<X>) {
        if (batch.length <= F32x16::lanes) return softmax_short<X>(batch);
    }
    for_rows<X>(batch, [&](const Row<X>& row) { softmax_row(batch, row); });
}
template <class X>
void log_softmax(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { log_softmax_row(batch, row); });
}
template <class X>
void logsumexp(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { *row.out = narrow_to<Element<X>>(logsumexp_row(batch, row)); });
}
template <class X>
void entropy(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { *row.out = narrow_to<Element<X>>(entropy_row(batch, row)); });
}
template <class X>
void softmax_vjp(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { softmax_vjp_row(row.x, row.g, row.length, row.temperature, row.out); });
}

// The kernel of each dtype, without a mask and with one.
#define LOGITKIT_KERNELS(operation)                                                                                    \
    {{operation<const float*>, operation<Masked<float>>},                                                              \
     {operation<const double*>, operation<Masked<double>>},                                                            \
     {operation<const Float16*>, operation<Masked<Float16>>},                                                          \
     {operation<const BFloat16*>, operation<Masked<BFloat16>>}}

constexpr Kernel table[op_count][dtype_count][2] = {
    LOGITKIT_KERNELS(softmax), LOGITKIT_KERNELS(log_softmax), LOGITKIT_KERNELS(logsumexp),
    LOGITKIT_KERNELS(entropy),
    {{softmax_vjp<const float*>}, {softmax_vjp<const double*>}, {softmax_vjp<const Float16*>}, {softmax_vjp<const BFloat16*>}},
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
