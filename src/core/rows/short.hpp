// Rows of few scores, sixteen at a time: transposed into columns, and back.
#pragma once

#include "rows/columns.hpp"
#include "rows/loss.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Fewer rows are done one by one.
constexpr int fewest_rows(std::int64_t length) { return length <= F32x16::lanes ? 4 : 12; }

// `count` rows of one temperature, at most sixteen. What float exponentials do not serve is left to rows(first, 1).
template <bool Scaled, class X, class Rows>
class ShortRows {
    using F = F32x16;
    using T = Element<X>;
    static constexpr int most = F::lanes;

public:
    ShortRows(const RowBatch& batch, std::int64_t first, int count, double temperature, Rows rows)
        : batch_(batch), first_(first), count_(count), rows_(rows), columns_(x_, batch.length, load(), temperature) {
        columns_.served(served_);
        if (batch.x_step == batch.length && first + 2 * most <= batch.rows) columns_.read_next(address(row(most).x));
        if (batch.out_step == batch.length && count == most) columns_.written(row(0).out);
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
        alignas(64) double y[most], value[most];
        columns_.mean().store(y);
        columns_.log_sum().store(value);
        for (int i = 0; i < count_; ++i) {
            if (!served_[i] || cancels(y[i], value[i])) {
                rows_(first_ + i, 1);
            } else {
                *row(i).out = narrow_to<T>(y[i] + value[i]);
            }
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
            served_[i] &= value[i] == value[i] && is_float_factor(factor[i]);
            if (served_[i]) batch_.losses[(first_ + i) * batch_.losses_step] = value[i];
        }
        if (batch_.out != nullptr) columns_.softmax_of(total, rows.factor);
        store(false); // the others are done one by one there
        for (int i = 0; i < count_ && batch_.out != nullptr; ++i) {
            const std::int64_t target = class_of(batch_, first_ + i);
            if (served_[i] && takes_part(row(i).x, target)) row(i).out[target] = narrow_to<T>(at[i]);
        }
    }

private:
    Row<X> row(int i) const { return row_at<X>(batch_, first_ + i); }

    // Calls body(start, part) for sixteen columns at a time.
    template <class Body>
    LOGITKIT_INLINE void for_each_part(Body body) const {
        const int length = static_cast<int>(batch_.length), whole = length / most * most;
        for (int start = 0; start < whole; start += most) body(start, Whole<F>{});
        if (whole < length) body(whole, Part<F>{length - whole});
    }
    // Gives the maxima.
    F load() {
        X scores[most];
        for (int i = 0; i < most; ++i) scores[i] = row(i < count_ ? i : 0).x;
        F m = F::set1(-__builtin_inff());
        for_each_part([&](int start, auto part) LOGITKIT_INLINE {
            for (int i = 0; i < most; ++i) x_[start + i] = part.load(scores[i] + start, -__builtin_inff());
            transpose(x_ + start);
            for (int j = 0; j < part.n; ++j) m = max(x_[start + j], m);
        });
        return m;
    }
    void store(bool log) {
        T* const out = row(0).out;
        if (out != nullptr) {
            for_each_part([&](int start, auto part) LOGITKIT_INLINE {
                transpose(x_ + start);
                for (int i = 0; i < count_; ++i) {
                    if (served_[i]) part.store(x_[start + i], out + i * batch_.out_step + start);
                }
            });
        }
        for (int i = 0; i < count_; ++i) {
            if (!served_[i]) {
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
    Columns<Scaled> columns_;
    bool served_[most];
};

// Calls some(short_rows) for rows of one temperature, sixteen at a time; rows(first, 1) for each where there are too
// few, or float exponentials cannot serve.
template <class X, class Some, class Rows>
inline void for_short_rows(const RowBatch& batch, Some some, Rows rows) {
    for (std::int64_t first = 0; first < batch.rows;) {
        const double temperature = temperature_of(batch, first);
        int count = 1;
        while (count < F32x16::lanes && first + count < batch.rows &&
               temperature_of(batch, first + count) == temperature) {
            ++count;
        }
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
