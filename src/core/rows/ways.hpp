// Each operation on one row, or a few: the way that its length, its largest score and its temperature ask for.
#pragma once

#include "rows/anchored.hpp"
#include "rows/divergence.hpp"
#include "rows/float_gradient.hpp"
#include "rows/gather.hpp"
#include "rows/row.hpp"
#include "rows/special.hpp"
#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// first_block_max of a float row.
template <class X>
inline float first_max_of(const Row<X>& row) {
    if constexpr (is_double<X>) {
        return 0;
    } else {
        return first_block_max(row);
    }
}

// What softmax knows of a row before it is stored.
struct SoftmaxNormalizer {
    bool anchored;
    Normalizer of;
    float* kept; // the q of its exponentials, or null
};

// Tries the row in float exponentials; `scratch` may take a block of them.
template <class X>
inline SoftmaxNormalizer softmax_normalizer(const RowBatch& batch, const Row<X>& row, float first_max, float* scratch) {
    if (batch.exact || !may_be_anchored(row.temperature)) return {false, {}, nullptr};
    float* kept = row.length <= block_length ? scratch : nullptr;
    if constexpr (sizeof(Element<X>) == sizeof(float)) {
        if (row.out != address(row.x)) kept = row.out;
    }
    if (!batch.keep) kept = nullptr;
    const Normalizer of = with_scaled(row.temperature, [&]<bool Scaled>() {
        return normalize<Sum::all, Scaled>(row, first_max, Inverse<float>(row.temperature), batch.helpers, kept);
    });
    return {is_anchored(row.temperature, of.max), of, kept};
}

// The probabilities, times `factor`.
template <class X>
inline void softmax_store(const RowBatch& batch, const Row<X>& row, const SoftmaxNormalizer& normalizer,
                          double factor = 1) {
    with_scaled(row.temperature, [&]<bool Scaled>() {
        const Anchor<Scaled> anchor(static_cast<float>(normalizer.of.exponent), Inverse<float>(row.temperature));
        const Reciprocal<float> by = quotient_of(factor, normalizer.of.sum());
        in_parts(batch.helpers, row.length, [&](std::int64_t start, std::int64_t n) {
            if (normalizer.kept == nullptr) {
                softmax_again(row, start, n, anchor, by, batch.stream);
            } else {
                softmax_kept(row, start, n, anchor, by, normalizer.kept);
            }
        });
    });
    mend_masked(row, false);
}

template <class X>
inline bool log_sum_anchored(const RowBatch& batch, const Row<X>& row, float first_max, LogSum& sum) {
    if (batch.exact || !may_be_anchored(row.temperature)) return false;
    sum = with_scaled(row.temperature, [&]<bool Scaled>() {
        Normalizer all;
        return log_sum<Scaled>(row, first_max, Inverse<float>(row.temperature), batch.helpers, all);
    });
    return is_anchored(row.temperature, sum.max);
}

// A row that float exponentials do not serve.
template <class X>
LOGITKIT_ONCE inline void softmax_otherwise(const RowBatch& batch, const Row<X>& row) {
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) {
        return softmax_special(row, m, batch.empty, false);
    }
    with_distance(m, row.temperature, [&]<bool Scaled>() { softmax_wide<Scaled>(row, m); });
    mend_masked(row, false);
}

// Short rows go several together: what follows the sum of one, a division that waits for it, is done while the sum of
// another is under way. More elements do not stay in a first-level cache with what is fetched ahead: (8192, 1000) from
// memory took 0.56 ns an element four rows at a time, 0.43 one by one.
constexpr int most_together = 8;
constexpr std::int64_t elements_together = 1024;

template <class Body>
inline void for_several_rows(const RowBatch& batch, Body body) {
    const std::int64_t fit = elements_together / batch.length;
    const std::int64_t some = fit < 1 ? 1 : fit < most_together ? fit : most_together;
    for (std::int64_t first = 0; first < batch.rows; first += some) {
        body(first, static_cast<int>(batch.rows - first < some ? batch.rows - first : some));
    }
}

// `count` rows, at most `most_together`, that have a block of scratch together.
template <class X>
LOGITKIT_ONCE inline void softmax_rows(const RowBatch& batch, std::int64_t first, int count) {
    if constexpr (is_double<X>) {
        for (int i = 0; i < count; ++i) softmax_otherwise(batch, row_at<X>(batch, first + i));
    } else {
        alignas(64) float scratch[block_length];
        float maxima[most_together];
        SoftmaxNormalizer normalizers[most_together];
        for (int i = 0; i < count; ++i) maxima[i] = first_max_of(row_at<X>(batch, first + i));
        for (int i = 0; i < count; ++i) {
            const Row<X> row = row_at<X>(batch, first + i, count);
            normalizers[i] = softmax_normalizer(batch, row, maxima[i], scratch + i * batch.length);
        }
        for (int i = 0; i < count; ++i) {
            const Row<X> row = row_at<X>(batch, first + i);
            if (normalizers[i].anchored) {
                softmax_store(batch, row, normalizers[i]);
            } else {
                softmax_otherwise(batch, row);
            }
        }
    }
}

// What log_softmax takes off each score, and the way that leads there.
struct LogNormalizer {
    enum class Way { anchored, wide, special } way;
    double max;
    Pair log_sum;
    LogOffsets offsets{0, 1, 0, 0}; // of the anchored way
};

template <class X>
LOGITKIT_ONCE inline LogNormalizer log_normalizer(const RowBatch& batch, const Row<X>& row, float first_max) {
    using Way = LogNormalizer::Way;
    if constexpr (!is_double<X>) {
        LogSum sum;
        if (log_sum_anchored(batch, row, first_max, sum)) {
            const double value = sum.value();
            return {Way::anchored, sum.max, {value, 0}, {sum.max, row.temperature, value, row.length}};
        }
    }
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) return {Way::special, m, {0, 0}};
    return {Way::wide, m,
            with_distance(m, row.temperature, [&]<bool Scaled>() { return log_sum_wide<Scaled>(row, m); })};
}

// The elements of an ordinary row.
template <class X>
LOGITKIT_ONCE inline void log_store_row(const RowBatch& batch, const Row<X>& row, const LogNormalizer& by) {
    if constexpr (!is_double<X>) {
        if (by.way == LogNormalizer::Way::anchored) {
            return with_scaled(row.temperature, [&]<bool Scaled>() {
                in_parts(batch.helpers, row.length, [&](std::int64_t start, std::int64_t n) {
                    log_store<Scaled>(row, start, n, by.offsets, batch.stream);
                });
            });
        }
    }
    with_distance(by.max, row.temperature, [&]<bool Scaled>() { log_store_wide<Scaled>(row, by.max, by.log_sum); });
}

template <class X>
LOGITKIT_ONCE inline void log_softmax_rows(const RowBatch& batch, std::int64_t first, int count) {
    float maxima[most_together];
    LogNormalizer normalizers[most_together];
    for (int i = 0; i < count; ++i) maxima[i] = first_max_of(row_at<X>(batch, first + i));
    for (int i = 0; i < count; ++i)
        normalizers[i] = log_normalizer(batch, row_at<X>(batch, first + i, count), maxima[i]);
    for (int i = 0; i < count; ++i) {
        const Row<X> row = row_at<X>(batch, first + i);
        const LogNormalizer& by = normalizers[i];
        if (by.way == LogNormalizer::Way::special) {
            softmax_special(row, by.max, batch.empty, true);
        } else {
            log_store_row(batch, row, by);
            mend_masked(row, true);
        }
    }
}

template <class X>
inline void gather_logprobs_row(const RowBatch& batch, const Row<X>& row, const std::int64_t* ids) {
    using T = Element<X>;
    const LogNormalizer by = log_normalizer(batch, row, first_max_of(row));
    if (by.way == LogNormalizer::Way::special) {
        return gather_log_special(row, by.max, ids, batch.picks);
    }
    gather(row, ids, batch.picks);
    log_store_row(batch, Row<const T*>{row.out, nullptr, row.out, batch.picks, row.temperature, 0}, by);
    mend_gathered(row, ids, batch.picks);
}

// Whether the two terms of logsumexp cancel, so that what float exponentials lack would show. Such a row is done again
// in float64.
inline bool cancels(double y, double log_sum) { return __builtin_fabs(y + log_sum) < (log_sum < 1 ? log_sum : 1); }

template <class X>
inline double logsumexp_row(const RowBatch& batch, const Row<X>& row, float first_max) {
    if constexpr (!is_double<X>) {
        LogSum sum;
        if (log_sum_anchored(batch, row, first_max, sum)) {
            const double y = sum.max / row.temperature, value = sum.value();
            if (!cancels(y, value)) return y + value;
        }
    }
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) return logsumexp_special(row, m);
    const double y = m / row.temperature;
    const Pair log_sum = with_distance(m, row.temperature, [&]<bool Scaled>() { return log_sum_wide<Scaled>(row, m); });
    if (!__builtin_isfinite(y)) return y + log_sum.high;
    const double y_low = __builtin_fma(-y, row.temperature, m) / row.temperature;
    const Pair sum = two_sum(y, log_sum.high);
    return sum.high + (sum.low + (y_low + log_sum.low));
}

template <class X>
LOGITKIT_ONCE inline void logsumexp_rows(const RowBatch& batch, std::int64_t first, int count) {
    float maxima[most_together];
    for (int i = 0; i < count; ++i) maxima[i] = first_max_of(row_at<X>(batch, first + i));
    for (int i = 0; i < count; ++i) {
        const Row<X> row = row_at<X>(batch, first + i, count);
        *row.out = narrow_to<Element<X>>(logsumexp_row(batch, row, maxima[i]));
    }
}

template <class X>
inline double entropy_row(const RowBatch&, const Row<X>& row) {
    const double m = largest(row);
    return is_ordinary(m, row.temperature) ? entropy_wide(row, m) : entropy_special(row, m);
}

template <class X>
inline double kl_divergence_row(const Row<X>& row) {
    double p_max = -__builtin_inf(), q_max = p_max;
    for_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        const double p = largest(piece.x, piece.length), q = largest(other(piece).x, piece.length);
        if (p > p_max) p_max = p;
        if (q > q_max) q_max = q;
    });
    if (!is_ordinary(p_max, row.temperature) || !is_ordinary(q_max, row.temperature)) {
        return kl_divergence_special(row, p_max, q_max);
    }
    return kl_divergence_wide(row, p_max, q_max);
}

// In floats: softmax times g, rounded once.
template <class X>
inline bool logsumexp_vjp_anchored(const RowBatch& batch, const Row<X>& row, double g) {
    const double size = __builtin_fabs(g);
    if (row.temperature != 1 || !(size >= 0x1p-30 && size <= 0x1p+30)) return false;
    alignas(64) float scratch[block_length];
    const SoftmaxNormalizer normalizer = softmax_normalizer(batch, row, first_max_of(row), scratch);
    if (!normalizer.anchored) return false;
    softmax_store(batch, row, normalizer, g);
    return true;
}

template <class X>
inline void logsumexp_vjp_row(const RowBatch& batch, const Row<X>& row) {
    const double g = static_cast<double>(widen(*row.g));
    if constexpr (!is_double<X>) {
        if (logsumexp_vjp_anchored(batch, row, g)) return;
    }
    const double m = largest(row);
    if (!is_ordinary(m, row.temperature)) return reduction_vjp_special(row, m, 0);
    logsumexp_vjp_wide(row, g, m);
}

template <class X>
inline void entropy_vjp_row(const Row<X>& row) {
    const double m = largest(row), g = static_cast<double>(widen(*row.g));
    if (!is_ordinary(m, row.temperature)) {
        return reduction_vjp_special(row, m, __builtin_nan(""));
    }
    entropy_vjp_wide(row, g, m);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
