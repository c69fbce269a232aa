// The operations: a batch of rows each. An instruction set is this file compiled with its lanes; `table` is what the
// dispatch sees of it.
#pragma once

#include "kernels.hpp"
#include "rows/select.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// softmax_row for rows of at most one vector, several at a time so that none waits for itself alone: the same
// operations, so the same bits.
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
template <class X>
void log_softmax_vjp(const RowBatch& batch) {
    for_rows<X>(batch,
                [&](const Row<X>& row) { log_softmax_vjp_row(row.x, row.g, row.length, row.temperature, row.out); });
}
template <class X>
void logsumexp_vjp(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { logsumexp_vjp_row(row); });
}
template <class X>
void entropy_vjp(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { entropy_vjp_row(row); });
}
template <class X>
void kl_divergence(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { *row.out = narrow_to<Element<X>>(kl_divergence_row(row)); });
}
template <class X>
void gather_logprobs(const RowBatch& batch) {
    RowBatch cached = batch;
    cached.stream = false; // a few values a row
    const std::int64_t* ids = batch.ids;
    for_rows<X>(cached, [&](const Row<X>& row) {
        gather_logprobs_row(cached, row, ids);
        ids += batch.ids_step;
    });
}
template <class X>
void top_k(const RowBatch& batch) {
    const auto* x = static_cast<const Element<X>*>(batch.x);
    for (std::int64_t i = 0; i < batch.rows; ++i) {
        top_k_row(x + i * batch.x_step, batch.length, batch.picks, batch.ids + i * batch.ids_step);
    }
}

// The kernel of each dtype; of operations that take a mask, also that with one.
#define LOGITKIT_KERNELS(operation)                                                                                    \
    {                                                                                                                  \
        {operation<const float*>}, {operation<const double*>}, {operation<const Float16*>}, {                          \
            operation<const BFloat16*>                                                                                 \
        }                                                                                                              \
    }
#define LOGITKIT_MASKED_KERNELS(operation)                                                                             \
    {                                                                                                                  \
        {operation<const float*>, operation<Masked<float>>}, {operation<const double*>, operation<Masked<double>>},    \
            {operation<const Float16*>, operation<Masked<Float16>>}, {                                                 \
            operation<const BFloat16*>, operation<Masked<BFloat16>>                                                    \
        }                                                                                                              \
    }

constexpr Kernel table[op_count][dtype_count][2] = {
    LOGITKIT_MASKED_KERNELS(softmax),
    LOGITKIT_MASKED_KERNELS(log_softmax),
    LOGITKIT_MASKED_KERNELS(logsumexp),
    LOGITKIT_MASKED_KERNELS(entropy),
    LOGITKIT_KERNELS(softmax_vjp),
    LOGITKIT_KERNELS(log_softmax_vjp),
    LOGITKIT_MASKED_KERNELS(logsumexp_vjp),
    LOGITKIT_MASKED_KERNELS(entropy_vjp),
    LOGITKIT_MASKED_KERNELS(kl_divergence),
    LOGITKIT_MASKED_KERNELS(gather_logprobs),
    LOGITKIT_KERNELS(top_k),
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
