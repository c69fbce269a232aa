// The operations: for each row of a batch the path that its length, its largest score and its temperature ask for.
// An instruction set is this file compiled with its lanes; `table` is what the dispatch sees of it.
#pragma once

#include "kernels.hpp"
#include "rows/dense.hpp"
#include "rows/divergence.hpp"
#include "rows/gather.hpp"
#include "rows/gradient.hpp"
#include "rows/online.hpp"
#include "rows/select.hpp"
#include "rows/special.hpp"
#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class T>
struct Row {
    const T* x;
    const T* g;
    T* out;
    std::int64_t length;
    double temperature;
    std::int64_t next; // elements from x to the row that follows, 0 for the last
};

template <class T, class Body>
inline void for_rows(const RowBatch& batch, Body body) {
    const auto* x = static_cast<const T*>(batch.x);
    const auto* g = static_cast<const T*>(batch.g);
    auto* out = static_cast<T*>(batch.out);
    for (std::int64_t i = 0; i < batch.rows; ++i) {
        body(Row<T>{x + i * batch.x_step, g == nullptr ? nullptr : g + i * batch.g_step, out + i * batch.out_step,
                    batch.length, batch.temperature[i * batch.temperature_step],
                    i + 1 < batch.rows ? batch.x_step : 0});
    }
}

// Calls body.operator()<Scaled>() with Scaled = a temperature other than 1.
template <class Body>
inline auto with_scaled(double temperature, Body body) {
    return temperature == 1 ? body.template operator()<false>() : body.template operator()<true>();
}

inline float largest(const Row<float>& row) { return row_max<F32x16>(row.x, row.length); }
inline double largest(const Row<double>& row) { return row_max<F64x8>(row.x, row.length); }

// Whether float exponentials, measured from their anchor, serve for this row.
inline bool is_anchored(const RowBatch& batch, const Row<float>& row, double m) {
    return !batch.exact && row.temperature > 0x1p-100 && row.temperature < 0x1p+100 &&
           __builtin_fabs(m) <= largest_anchor * row.temperature;
}
inline bool is_anchored(const RowBatch&, const Row<double>&, double) { return false; }

// Tries the row in one sweep; false where it is too short for that or not anchored.
inline bool try_online(Purpose purpose, const RowBatch& batch, const Row<float>& row, Normalizer& normalizer) {
    if ((row.length <= stored_length && batch.regime != Regime::online) || !is_anchored(batch, row, 0)) return false;
    normalizer = with_scaled(row.temperature, [&]<bool Scaled>() {
        return normalize_online<Scaled>(purpose, row.x, row.length, Inverse<float>(row.temperature), row.temperature);
    });
    return is_anchored(batch, row, normalizer.max);
}
inline bool try_online(Purpose, const RowBatch&, const Row<double>&, Normalizer&) { return false; }

inline void softmax_online(const RowBatch& batch, const Row<float>& row, const Normalizer& normalizer) {
    with_scaled(row.temperature, [&]<bool Scaled>() {
        const ExponentAnchor<Scaled> anchor(static_cast<float>(normalizer.exponent), Inverse<float>(row.temperature));
        exp_scale_store(row.x, row.length, anchor, reciprocal(normalizer.sum()), row.out, batch.stream);
    });
}
inline void softmax_online(const RowBatch&, const Row<double>&, const Normalizer&) {}

// log(sum of e^((x - m) / T)) of a row whose exponentials are anchored.
inline double log_sum_anchored(const Row<float>& row, float m) {
    return with_scaled(row.temperature, [&]<bool Scaled>() {
        return normalize<Scaled>(row.x, row.length, m, row.temperature, row.next).log_sum();
    });
}
inline double log_sum_anchored(const Row<double>&, double) { return 0; }

template <class T>
inline void softmax_row(const RowBatch& batch, const Row<T>& row) {
    Normalizer normalizer;
    if (try_online(Purpose::probability, batch, row, normalizer)) return softmax_online(batch, row, normalizer);
    const T m = largest(row);
    if (!is_ordinary(m, row.temperature)) {
        return softmax_special(row.x, row.length, m, row.temperature, batch.empty, false, row.out);
    }
    with_scaled(row.temperature, [&]<bool Scaled>() {
        if constexpr (sizeof(T) == sizeof(float)) {
            if (is_anchored(batch, row, m)) {
                return softmax_stored(row.x, row.length, MaximumAnchor<Scaled>(m, Inverse<float>(row.temperature)),
                                      row.out, row.next);
            }
        }
        softmax_wide<T, Scaled>(row.x, row.length, m, row.temperature, row.out);
    });
}

inline void log_store_anchored(const RowBatch& batch, const Row<float>& row, double m, double log_sum) {
    with_scaled(row.temperature, [&]<bool Scaled>() {
        log_store<Scaled>(row.x, row.length, m, row.temperature, log_sum, row.out, batch.stream);
    });
}
inline void log_store_anchored(const RowBatch&, const Row<double>&, double, double) {}

// What log_softmax takes off each score, and the way that leads there.
struct LogNormalizer {
    enum class Way { anchored, wide, special } way;
    double max;
    Pair log_sum;
};

template <class T>
inline LogNormalizer log_normalizer(const RowBatch& batch, const Row<T>& row) {
    using Way = LogNormalizer::Way;
    Normalizer normalizer;
    if (try_online(Purpose::logarithm, batch, row, normalizer)) {
        return {Way::anchored, normalizer.max, {normalizer.log_sum(), 0}};
    }
    const T m = largest(row);
    if (!is_ordinary(m, row.temperature)) return {Way::special, m, {0, 0}};
    if (is_anchored(batch, row, m)) return {Way::anchored, m, {log_sum_anchored(row, m), 0}};
    return {Way::wide, m, with_scaled(row.temperature, [&]<bool Scaled>() {
                return log_sum_wide<T, Scaled>(row.x, row.length, m, row.temperature);
            })};
}

// The elements of an ordinary row.
template <class T>
inline void log_store_row(const RowBatch& batch, const Row<T>& row, const LogNormalizer& by) {
    if (by.way == LogNormalizer::Way::anchored) return log_store_anchored(batch, row, by.max, by.log_sum.high);
    with_scaled(row.temperature, [&]<bool Scaled>() {
        log_store_wide<T, Scaled>(row.x, row.length, static_cast<T>(by.max), row.temperature, by.log_sum, row.out);
    });
}

template <class T>
inline void log_softmax_row(const RowBatch& batch, const Row<T>& row) {
    const LogNormalizer by = log_normalizer(batch, row);
    if (by.way == LogNormalizer::Way::special) {
        return softmax_special(row.x, row.length, static_cast<T>(by.max), row.temperature, batch.empty, true, row.out);
    }
    log_store_row(batch, row, by);
}

template <class T>
inline void gather_logprobs_row(const RowBatch& batch, Row<T> row, const std::int64_t* ids) {
    const LogNormalizer by = log_normalizer(batch, row);
    if (by.way == LogNormalizer::Way::special) {
        return gather_log_special(row.x, row.length, static_cast<T>(by.max), row.temperature, ids, batch.picks,
                                  row.out);
    }
    gather(row.x, ids, batch.picks, row.out);
    row.x = row.out;
    row.length = batch.picks;
    log_store_row(batch, row, by);
}

template <class T>
inline double logsumexp_row(const RowBatch& batch, const Row<T>& row) {
    Normalizer normalizer;
    const bool online = try_online(Purpose::logarithm, batch, row, normalizer);
    const T m = online ? static_cast<T>(normalizer.max) : largest(row);
    if (!is_ordinary(m, row.temperature)) return logsumexp_special(row.x, row.length, m, row.temperature);
    const double y = static_cast<double>(m) / row.temperature;
    if (online || is_anchored(batch, row, m)) {
        const double log_sum = online ? normalizer.log_sum() : log_sum_anchored(row, m);
        // Where the two cancel, what float exponentials lack would show: such a row is done again in float64.
        const double enough = log_sum < 1 ? log_sum : 1;
        if (!(__builtin_fabs(y + log_sum) < enough)) return y + log_sum;
    }
    const Pair log_sum = with_scaled(
        row.temperature, [&]<bool Scaled>() { return log_sum_wide<T, Scaled>(row.x, row.length, m, row.temperature); });
    if (!__builtin_isfinite(y)) return y + log_sum.high;
    const double y_low = __builtin_fma(-y, row.temperature, static_cast<double>(m)) / row.temperature;
    const Pair sum = two_sum(y, log_sum.high);
    return sum.high + (sum.low + (y_low + log_sum.low));
}

template <class T>
inline double entropy_row(const RowBatch&, const Row<T>& row) {
    const T m = largest(row);
    if (!is_ordinary(m, row.temperature)) return entropy_special(row.x, row.length, m, row.temperature);
    return with_scaled(row.temperature,
                       [&]<bool Scaled>() { return entropy_wide<T, Scaled>(row.x, row.length, m, row.temperature); });
}

template <class T>
inline double kl_divergence_row(const Row<T>& row) {
    const T p_max = largest(row), q_max = largest(Row<T>{row.g, nullptr, nullptr, row.length, row.temperature, 0});
    if (!is_ordinary(p_max, row.temperature) || !is_ordinary(q_max, row.temperature)) {
        return kl_divergence_special(row.x, row.g, row.length, p_max, q_max, row.temperature);
    }
    return with_scaled(row.temperature, [&]<bool Scaled>() {
        return kl_divergence_wide<T, Scaled>(row.x, row.g, row.length, p_max, q_max, row.temperature);
    });
}

template <class T>
inline void logsumexp_vjp_row(const Row<T>& row) {
    const T m = largest(row);
    if (!is_ordinary(m, row.temperature)) return reduction_vjp_special(row.x, row.length, m, 0, row.out);
    with_scaled(row.temperature, [&]<bool Scaled>() {
        logsumexp_vjp_wide<T, Scaled>(row.x, *row.g, row.length, m, row.temperature, row.out);
    });
}

template <class T>
inline void entropy_vjp_row(const Row<T>& row) {
    const T m = largest(row);
    if (!is_ordinary(m, row.temperature)) {
        return reduction_vjp_special(row.x, row.length, m, __builtin_nan(""), row.out);
    }
    with_scaled(row.temperature, [&]<bool Scaled>() {
        entropy_vjp_wide<T, Scaled>(row.x, *row.g, row.length, m, row.temperature, row.out);
    });
}

// softmax_row for a row of at most one vector, without the loops: the same operations, so the same bits.
template <bool Scaled>
inline void softmax_vector(const Row<float>& row, F32x16 x, float m) {
    const Part<F32x16> part{static_cast<int>(row.length)};
    BlockSum sum;
    const F32x16 e = sum.add(MaximumAnchor<Scaled>(m, Inverse<float>(row.temperature)).exp(x));
    const Reciprocal<float> by = reciprocal(sum.total());
    part.store(fma(e, F32x16::set1(by.high), e * F32x16::set1(by.low)), row.out);
}

inline void softmax_short_row(const RowBatch& batch, const Row<float>& row) {
    const F32x16 x = F32x16::load_part(row.x, static_cast<int>(row.length), -__builtin_inff());
    const float m = reduce_max(x);
    // With a NaN among the scores m is any of them, or NaN: the sum is NaN then, and with it the row.
    if (!is_ordinary(m, row.temperature) || !is_anchored(batch, row, m)) return softmax_row(batch, row);
    with_scaled(row.temperature, [&]<bool Scaled>() { softmax_vector<Scaled>(row, x, m); });
}

template <class T>
void softmax(const RowBatch& batch) {
    if constexpr (sizeof(T) == sizeof(float)) {
        if (batch.length <= F32x16::lanes && batch.regime == Regime::automatic) {
            return for_rows<T>(batch, [&](const Row<T>& row) { softmax_short_row(batch, row); });
        }
    }
    for_rows<T>(batch, [&](const Row<T>& row) { softmax_row(batch, row); });
}
template <class T>
void log_softmax(const RowBatch& batch) {
    for_rows<T>(batch, [&](const Row<T>& row) { log_softmax_row(batch, row); });
}
template <class T>
void logsumexp(const RowBatch& batch) {
    for_rows<T>(batch, [&](const Row<T>& row) { *row.out = static_cast<T>(logsumexp_row(batch, row)); });
}
template <class T>
void entropy(const RowBatch& batch) {
    for_rows<T>(batch, [&](const Row<T>& row) { *row.out = static_cast<T>(entropy_row(batch, row)); });
}
template <class T>
void softmax_vjp(const RowBatch& batch) {
    for_rows<T>(batch, [&](const Row<T>& row) { softmax_vjp_row(row.x, row.g, row.length, row.temperature, row.out); });
}

template <class T>
void log_softmax_vjp(const RowBatch& batch) {
    for_rows<T>(batch,
                [&](const Row<T>& row) { log_softmax_vjp_row(row.x, row.g, row.length, row.temperature, row.out); });
}
template <class T>
void logsumexp_vjp(const RowBatch& batch) {
    for_rows<T>(batch, [&](const Row<T>& row) { logsumexp_vjp_row(row); });
}
template <class T>
void entropy_vjp(const RowBatch& batch) {
    for_rows<T>(batch, [&](const Row<T>& row) { entropy_vjp_row(row); });
}
template <class T>
void kl_divergence(const RowBatch& batch) {
    for_rows<T>(batch, [&](const Row<T>& row) { *row.out = static_cast<T>(kl_divergence_row(row)); });
}
template <class T>
void gather_logprobs(const RowBatch& batch) {
    RowBatch cached = batch;
    cached.stream = false; // a few values a row
    const std::int64_t* ids = batch.ids;
    for_rows<T>(cached, [&](const Row<T>& row) {
        gather_logprobs_row(cached, row, ids);
        ids += batch.ids_step;
    });
}
template <class T>
void top_k(const RowBatch& batch) {
    const T* x = static_cast<const T*>(batch.x);
    for (std::int64_t i = 0; i < batch.rows; ++i) {
        top_k_row(x + i * batch.x_step, batch.length, batch.picks, batch.ids + i * batch.ids_step);
    }
}

constexpr Kernel table[op_count][dtype_count] = {
    {softmax<float>, softmax<double>},
    {log_softmax<float>, log_softmax<double>},
    {logsumexp<float>, logsumexp<double>},
    {entropy<float>, entropy<double>},
    {softmax_vjp<float>, softmax_vjp<double>},
    {log_softmax_vjp<float>, log_softmax_vjp<double>},
    {logsumexp_vjp<float>, logsumexp_vjp<double>},
    {entropy_vjp<float>, entropy_vjp<double>},
    {kl_divergence<float>, kl_divergence<double>},
    {gather_logprobs<float>, gather_logprobs<double>},
    {top_k<float>, top_k<double>},
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
