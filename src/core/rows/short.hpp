// Rows of at most one vector, sixteen at a time: transposed into columns, and back.
#pragma once

#include "rows/columns.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Fewer rows are done one by one.
constexpr int fewest_rows = 4;

// `count` rows of one temperature, at most sixteen. What float exponentials do not serve is left to rows(first, 1).
template <bool Scaled, class X, class Rows>
class ShortRows {
    using F = F32x16;
    using T = Element<X>;
    static constexpr int most = F::lanes;

public:
    ShortRows(const RowBatch& batch, std::int64_t first, int count, double temperature, Rows rows)
        : batch_(batch), first_(first), count_(count), rows_(rows), part_{static_cast<int>(batch.length)},
          columns_(x_, batch.length, load(), temperature) {
        columns_.served(served_);
    }

    void softmax() {
        F q[most];
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

private:
    Row<X> row(int i) const { return row_at<X>(batch_, first_ + i); }

    // Gives the maxima.
    F load() {
        for (int i = 0; i < most; ++i) x_[i] = part_.load(row(i < count_ ? i : 0).x, -__builtin_inff());
        transpose(x_);
        F m = F::set1(-__builtin_inff());
        for (int j = 0; j < part_.n; ++j) m = max(x_[j], m);
        return m;
    }
    void store(bool log) {
        transpose(x_);
        for (int i = 0; i < count_; ++i) {
            if (!served_[i]) {
                rows_(first_ + i, 1);
                continue;
            }
            const Row<X> one = row(i);
            part_.store(x_[i], one.out);
            mend_masked(one.x, one.length, log, one.out);
        }
    }

    const RowBatch& batch_;
    std::int64_t first_;
    int count_;
    Rows rows_;
    Part<F> part_;
    F x_[most]; // rows, then columns
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
        if (count < fewest_rows || batch.exact || !may_be_anchored(temperature)) {
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
