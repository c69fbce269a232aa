// The operations: a batch of rows each. An instruction set is this file compiled with its lanes; `table` is what the
// dispatch sees of it.
#pragma once

#include "kernels.hpp"
#include "rows/column_gradient.hpp"
#include "rows/loss.hpp"
#include "rows/sample.hpp"
#include "rows/select.hpp"
#include "rows/short.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Rows of few scores by some(short_rows), sixteen at a time, others by rows(first, count).
template <class X, class Some, class Rows>
inline void for_rows_of_any_length(const RowBatch& batch, Some some, Rows rows) {
    if constexpr (!is_double<X>) {
        if (batch.length <= longest_short) return for_short_rows<X>(batch, some, rows);
    }
    for_several_rows(batch, rows);
}

template <class X>
void softmax(const RowBatch& batch) {
    for_rows_of_any_length<X>(
        batch, [](auto& some) { some.softmax(); },
        [&](std::int64_t first, int count) { softmax_rows<X>(batch, first, count); });
}
template <class X>
void log_softmax(const RowBatch& batch) {
    for_rows_of_any_length<X>(
        batch, [](auto& some) { some.log_softmax(); },
        [&](std::int64_t first, int count) { log_softmax_rows<X>(batch, first, count); });
}
template <class X>
void logsumexp(const RowBatch& batch) {
    for_rows_of_any_length<X>(
        batch, [](auto& some) { some.logsumexp(); },
        [&](std::int64_t first, int count) { logsumexp_rows<X>(batch, first, count); });
}
template <class X>
void entropy(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { *row.out = narrow_to<Element<X>>(entropy_row(batch, row)); });
}
// Rows of few elements by vjp(columns), sixteen at a time, others by rows(i).
template <class X, class Vjp, class Rows>
inline void for_gradients_of_any_length(const RowBatch& batch, Vjp vjp, Rows rows) {
    if constexpr (!is_double<X>) {
        if (batch.length <= longest_short_gradient) return for_short_gradients<X>(batch, vjp, rows);
    }
    for (std::int64_t i = 0; i < batch.rows; ++i) rows(i);
}
template <class X>
void softmax_vjp(const RowBatch& batch) {
    for_gradients_of_any_length<X>(
        batch, [](auto columns) { return columns.softmax_vjp(); },
        [&](std::int64_t i) { softmax_vjp_row(batch, row_at<X>(batch, i)); });
}
template <class X>
void log_softmax_vjp(const RowBatch& batch) {
    for_gradients_of_any_length<X>(
        batch, [](auto columns) { return columns.log_softmax_vjp(); },
        [&](std::int64_t i) { log_softmax_vjp_row(batch, row_at<X>(batch, i)); });
}
template <class X>
void logsumexp_vjp(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { logsumexp_vjp_row(batch, row); });
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
    for (std::int64_t i = 0; i < batch.rows; ++i) {
        top_k_row(row_at<X>(batch, i), batch.picks, batch.ids + i * batch.ids_step);
    }
}

template <class X>
void cross_entropy(const RowBatch& batch) {
    const auto rows = [&](std::int64_t first, std::int64_t count) { cross_entropy_rows<X>(batch, first, count); };
    const bool is_one_target = batch.g == nullptr && batch.loss->smoothing == 0;
    if constexpr (!is_double<X>) {
        if (is_one_target && batch.length <= longest_short) {
            return for_short_rows<X>(batch, [](auto& some) { some.cross_entropy(); }, rows);
        }
    }
    rows(0, batch.rows);
}

template <class X>
void filter_logits(const RowBatch& batch) {
    for_rows<X>(batch, [&](const Row<X>& row) { filter_row(row, *batch.sampling); });
}
template <class X>
void sample(const RowBatch& batch) {
    for (std::int64_t i = 0; i < batch.rows; ++i) {
        sample_row(row_at<X>(batch, i), *batch.sampling, batch.ids + i * batch.ids_step, batch.picks);
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
    LOGITKIT_MASKED_KERNELS(cross_entropy),
    LOGITKIT_MASKED_KERNELS(filter_logits),
    LOGITKIT_MASKED_KERNELS(sample),
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
