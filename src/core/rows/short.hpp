// Rows of few scores, sixteen at a time: transposed into columns, and back.
#pragma once

#include "rows/columns.hpp"
#include "rows/loss.hpp"
#include "rows/transposed.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// `count` rows of one temperature, at most sixteen. What float exponentials do not serve is left to rows(first, 1).
template <bool Scaled, class X, class Rows>
class ShortRows {
    using F = F32x16;
    using T = Element<X>;
    static constexpr int most = F::lanes;

public:
    ShortRows(const RowBatch& batch, std::int64_t first, int count, double temperature, Rows rows)
        : batch_(batch), first_(first), count_(count), rows_(rows),
          columns_(x_, batch.length, load(), temperature, fetch()) {
        served_ = columns_.served();
    }

    void softmax() {
        F q[longest_short];
        columns_.softmax(q);
        store(false);
    }
    void log_softmax() {
        columns_.log_softmax();
        store(true);
    }
    void logsumexp() {
        unsigned again;
        const F values = columns_.logsumexp(again);
        served_ &= ~again;
        if (batch_.out_step == 1 && count_ == most) {
            values.store(row(0).out);
        } else {
            alignas(64) T value[most];
            values.store(value);
            for (int i = 0; i < count_; ++i) *row(i).out = value[i];
        }
        for (int i = 0; i < count_; ++i) {
            if (!is_served(i)) rows_(first_ + i, 1);
        }
    }
    // Of rows with one target each.
    void cross_entropy() {
        const Loss& loss = *batch_.loss;
        alignas(64) double score[most], weight[most], value[most], factor[most], at[most];
        for (int i = 0; i < most; ++i) {
            const int own = i < count_ ? i : 0;
            const std::int64_t target = class_of(batch_, first_ + own);
            score[i] = target < 0 ? 0 : static_cast<double>(score_at(row(own).x, target));
            weight[i] = target < 0 ? 0 : weight_of(loss, target);
        }
        Doubles total;
        const Doubles log_sum = columns_.log_sum(total);
        const OneTarget<Doubles> rows =
            one_target(loss, Doubles::load(score), columns_.mean(), log_sum, Doubles::load(weight));
        rows.value.store(value);
        rows.factor.store(factor);
        rows.at.store(at);
        for (int i = 0; i < count_; ++i) {
            if (value[i] != value[i] || !is_float_factor(factor[i])) served_ &= ~(1u << i);
            if (is_served(i)) batch_.losses[(first_ + i) * batch_.losses_step] = value[i];
        }
        if (batch_.out != nullptr) columns_.softmax_of(total, rows.factor);
        store(false); // the others are done one by one there
        for (int i = 0; i < count_ && batch_.out != nullptr; ++i) {
            const std::int64_t target = class_of(batch_, first_ + i);
            if (is_served(i) && takes_part(row(i).x, target)) row(i).out[target] = narrow_to<T>(at[i]);
        }
    }

private:
    bool is_served(int i) const { return served_ >> i & 1; }
    Row<X> row(int i) const { return row_at<X>(batch_, first_ + i); }

    // Gives the maxima.
    F load() {
        const bool dense =
            count_ == most && batch_.x_step == batch_.length && (!is_masked<X> || batch_.mask_step == batch_.length);
        const auto scores = [&](int i) LOGITKIT_INLINE { return row(i < count_ ? i : 0).x; };
        load_columns(scores, dense, batch_.length, -__builtin_inff(), x_);
        F m = F::set1(-__builtin_inff());
        for (std::int64_t j = 0; j < batch_.length; ++j) m = max(x_[j], m);
        return m;
    }
    // The rows that are read next, and the results.
    FetchVectors fetch() const {
        FetchVectors fetch(batch_.length);
        if (batch_.x_step == batch_.length && first_ + 2 * most <= batch_.rows) fetch.add(address(row(most).x));
        if (batch_.out_step == batch_.length && count_ == most) fetch.add(row(0).out);
        return fetch;
    }
    void store(bool log) {
        T* const out = row(0).out;
        if (out != nullptr) store_columns(x_, batch_.length, out, batch_.out_step, count_, served_);
        for (int i = 0; i < count_; ++i) {
            if (!is_served(i)) {
                rows_(first_ + i, 1);
            } else if (is_masked<X> && out != nullptr) {
                mend_masked(row(i), log);
            }
        }
    }

    const RowBatch& batch_;
    std::int64_t first_;
    int count_;
    Rows rows_;
    F x_[longest_short]; // rows, then columns
    Columns<Scaled, FetchVectors> columns_;
    unsigned served_; // a bit for each row
};

// Calls some(short_rows) for rows of one temperature, sixteen at a time; rows(first, 1) for each where there are too
// few, or float exponentials cannot serve.
template <class X, class Some, class Rows>
inline void for_short_rows(const RowBatch& batch, Some some, Rows rows) {
    for (std::int64_t first = 0; first < batch.rows;) {
        const double temperature = temperature_of(batch, first);
        const int count = rows_of_one_temperature(batch, first);
        if (count < fewest_rows(batch.length) || batch.exact || !may_be_anchored(temperature)) {
            for (int i = 0; i < count; ++i) rows(first + i, 1);
        } else {
            with_scaled(temperature, [&]<bool Scaled>() {
                ShortRows<Scaled, X, Rows> short_rows(batch, first, count, temperature, rows);
                some(short_rows);
            });
        }
        first += count;
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
