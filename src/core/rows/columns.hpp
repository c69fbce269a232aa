// Rows of at most one vector, sixteen at a time: transposed, so that a vector is a column and each of its lanes a row.
// What is done once a row, the sums across it, divisions and logarithms, is done once for sixteen then. The operations
// on a score, and their order, are those of anchored.hpp: so are the bits.
#pragma once

#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Fewer rows are done one by one.
constexpr int fewest_rows = 4;

// One double for each of the sixteen rows.
using Doubles = Twice<F64x8>;

inline Doubles to_doubles(F32x16 x) { return {widen_low(x), widen_high(x)}; }
inline F32x16 to_floats(Doubles x) { return narrow(x.a, x.b); }

// The sum over n columns, in the order of reduce_sum; they are overwritten.
template <class V>
inline V sum_columns(V* columns, int n) {
    for (int half = F32x16::lanes / 2; half > 0; half /= 2) {
        for (int j = 0; j < half && j + half < n; ++j) columns[j] = columns[j] + columns[j + half];
    }
    return columns[0];
}

// Up to sixteen rows of one temperature.
template <bool Scaled, class X>
class Columns {
    using F = F32x16;
    using T = Element<X>;
    static constexpr int most = F::lanes;

public:
    Columns(const RowBatch& batch, std::int64_t first, int count, double temperature)
        : batch_(batch), first_(first), count_(count), n_(static_cast<int>(batch.length)), temperature_(temperature),
          inverse_(temperature) {
        const Part<F> part{n_};
        for (int i = 0; i < most; ++i) x_[i] = part.load(row(i < count ? i : 0).x, -__builtin_inff());
        transpose(x_);
        max_ = F::set1(-__builtin_inff());
        for (int j = 0; j < n_; ++j) max_ = max(x_[j], max_);
        exponent_ = Anchor<Scaled, F>::exponent_of(max_, inverse_);
    }

    void softmax() {
        const Anchor<Scaled, F> anchor(exponent_, inverse_);
        const F split = F::set1(BlockSum::split);
        Exponential<F> e[most];
        F upper = F::set1(0), lower[most];
        for (int j = 0; j < n_; ++j) {
            e[j] = anchor.exp(x_[j]);
            upper = upper + (BlockSum::split_off(e[j], split, lower[j]) - split);
        }
        const Doubles inverse = Doubles::set1(1.0) / (to_doubles(upper) + to_doubles(sum_columns(lower, n_)));
        const F high = to_floats(inverse), low = to_floats(inverse - to_doubles(high));
        for (int j = 0; j < n_; ++j) x_[j] = quotient(e[j], high, low);
        store(false, [&](int i) { softmax_rows<X>(batch_, first_ + i, 1); });
    }

    void log_softmax() {
        const Doubles maximum = to_doubles(max_), shift = log_sum();
        const Doubles inverse = Doubles::set1(1 / temperature_);
        for (int j = 0; j < n_; ++j) {
            const Doubles distance = to_doubles(x_[j]) - maximum;
            x_[j] = to_floats((Scaled ? distance * inverse : distance) - shift);
        }
        store(true, [&](int i) { log_softmax_rows<X>(batch_, first_ + i, 1); });
    }

    void logsumexp() {
        alignas(64) double y[most], value[most];
        mean().store(y);
        log_sum().store(value);
        const auto other = [&](int i) { logsumexp_rows<X>(batch_, first_ + i, 1); };
        for_each_row(
            [&](const Row<X>& row, int i) {
                if (cancels(y[i], value[i])) return other(i);
                *row.out = narrow_to<T>(y[i] + value[i]);
            },
            other);
    }

private:
    Row<X> row(int i) const { return row_at<X>(batch_, first_ + i); }

    Doubles mean() const { return to_doubles(max_) / Doubles::set1(temperature_); }

    // log(sum / e^max) from the sum of the others, as log_sum of one row.
    Doubles log_sum() const {
        const Anchor<Scaled, F> anchor(exponent_, inverse_);
        Doubles value[most];
        F lost[most], others = F::set1(0);
        for (int j = 0; j < n_; ++j) {
            F scale, rest, small, rounding;
            anchor.reduce(x_[j], scale, rest, small);
            const F q = anchor.careful_expm1(rest, small, rounding);
            others = others + zero_where_equal(F::set1(1), x_[j], max_);
            scale = zero_where_equal(scale, x_[j], max_);
            value[j] = to_doubles(RestSum::round({scale, q}, rounding, lost[j]));
        }
        const Doubles rest = sum_columns(value, n_) + to_doubles(sum_columns(lost, n_));
        const Doubles beside = Doubles::set1(static_cast<double>(n_ - 1)) - to_doubles(others);
        return log1p(beside + rest / exp_of(mean(), to_doubles(exponent_)));
    }

    // Calls each(row, i) for the rows, but other(i) for those that float exponentials do not serve.
    template <class Each, class Other>
    void for_each_row(Each each, Other other) const {
        alignas(64) float m[most];
        max_.store(m);
        for (int i = 0; i < count_; ++i) {
            if (is_anchored(temperature_, static_cast<double>(m[i]))) {
                each(row(i), i);
            } else {
                other(i);
            }
        }
    }
    template <class Other>
    void store(bool log, Other other) {
        transpose(x_);
        const Part<F> part{n_};
        for_each_row(
            [&](const Row<X>& row, int i) {
                part.store(x_[i], row.out);
                mend_masked(row.x, row.length, log, row.out);
            },
            other);
    }

    const RowBatch& batch_;
    std::int64_t first_;
    int count_, n_;
    double temperature_;
    Inverse<float> inverse_;
    F x_[most]; // the columns, later the results
    F max_, exponent_;
};

// Calls some(columns) for rows of one temperature, sixteen at a time; rows(first, 1) for each where there are too few,
// or float exponentials cannot serve.
template <class X, class Some, class Rows>
inline void for_columns(const RowBatch& batch, Some some, Rows rows) {
    for (std::int64_t first = 0; first < batch.rows;) {
        const double temperature = temperature_of(batch, first);
        int count = 1;
        while (count < F32x16::lanes && first + count < batch.rows &&
               temperature_of(batch, first + count) == temperature) {
            ++count;
        }
        if (count < fewest_rows || !may_be_anchored(batch, temperature)) {
            for (int i = 0; i < count; ++i) rows(first + i, 1);
        } else {
            with_scaled(temperature, [&]<bool Scaled>() {
                Columns<Scaled, X> columns(batch, first, count, temperature);
                some(columns);
            });
        }
        first += count;
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
