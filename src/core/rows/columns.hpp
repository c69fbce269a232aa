// Sixteen rows at a time, one in each lane: a vector is a column, the elements that they have at one position. What is
// done once a row, the sums across it, divisions and logarithms, is done once for sixteen then. The operations on a
// score, and their order, are those of anchored.hpp: so are the bits.
#pragma once

#include "rows/anchored.hpp"
#include "rows/transposed.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// One double for each of the sixteen rows.
using Doubles = Twice<F64x8>;

inline Doubles to_doubles(F32x16 x) { return {widen_low(x), widen_high(x)}; }
inline F32x16 to_floats(Doubles x) { return narrow(x.a, x.b); }
inline Doubles size_of(Doubles x) { return max(x, Doubles::set1(0.0) - x); }

// The sum of the first n of sixteen vectors, in the order of reduce_sum; they are overwritten.
template <class V>
inline V sum_vectors(V* lanes, int n) {
    for (int half = F32x16::lanes / 2; half > 0; half /= 2) {
        for (int j = 0; j < half && j + half < n; ++j) lanes[j] = lanes[j] + lanes[j + half];
    }
    return lanes[0];
}

// Sixteen rows of at most a block, of one temperature: n columns at x, which the results replace. Where there are many,
// it calls fetch(i, parts) for every i meanwhile.
template <bool Scaled, class Fetch>
class Columns {
    using F = F32x16;
    static constexpr int most = F::lanes;

public:
    Columns(F* x, std::int64_t n, F max, double temperature, Fetch fetch)
        : x_(x), n_(n), temperature_(temperature), inverse_(temperature), max_(max),
          exponent_(Anchor<Scaled, F>::exponent_of(max, inverse_)), fetch_(fetch) {}

    // Which of the rows float exponentials serve, see is_anchored.
    unsigned served() const { return at_most(size_of(to_doubles(max_)), Doubles::set1(largest_anchor * temperature_)); }

    // `q`: scratch for n columns.
    void softmax(F* q) {
        const Doubles inverse = Doubles::set1(1.0) / sum(q);
        const F high = to_floats(inverse), low = to_floats(inverse - to_doubles(high));
        for (std::int64_t j = 0; j < n_; ++j) x_[j] = quotient(Exponential<F>{x_[j], q[j]}, high, low);
    }

    // Times a factor for each row, from the sum that log_sum has given.
    void softmax_of(Doubles total, Doubles factor) {
        const Anchor<Scaled, F> by = anchor();
        const Doubles inverse = factor / total;
        const F high = to_floats(inverse), low = to_floats(inverse - to_doubles(high));
        for (std::int64_t j = 0; j < n_; ++j) {
            F scale, rest, small;
            by.reduce(x_[j], scale, rest, small);
            x_[j] = quotient(Exponential<F>{scale, by.expm1(rest, small)}, high, low);
        }
    }

    void log_softmax() {
        const Doubles max = to_doubles(max_), sum = log_sum();
        const Doubles inverse = Doubles::set1(1 / temperature_), off = Doubles::set1(0.0) - sum;
        const auto in_doubles = [&](F x) LOGITKIT_INLINE {
            const Doubles distance = to_doubles(x) - max;
            return to_floats(Scaled ? fma(distance, inverse, off) : distance - sum) + F::set1(0); // as log_store
        };
        if (n_ <= most) { // as LogOffsets has it
            for (std::int64_t j = 0; j < n_; ++j) x_[j] = in_doubles(x_[j]);
            return;
        }
        alignas(64) float served[most], high[most], low[most];
        const int floats = offsets(max, sum, served, high, low);
        const F one = F::set1(1), zero = F::set1(0), which = F::load(served), by = F::load(high), rest = F::load(low);
        for (std::int64_t j = 0; j < n_; ++j) {
            if (floats == most) {
                x_[j] = subtract(x_[j], by, rest);
            } else if (floats == 0) {
                x_[j] = in_doubles(x_[j]);
            } else {
                x_[j] = zero_where_equal(subtract(x_[j], by, rest), which, zero) +
                        zero_where_equal(in_doubles(x_[j]), which, one);
            }
        }
    }

    // logsumexp_row; `again` has the rows that are to be done again in float64.
    F logsumexp(unsigned& again) const {
        const Doubles y = mean(), log = log_sum(), zero = Doubles::set1(0.0), minus_one = Doubles::set1(-1.0);
        const Doubles value = y + log, least = zero - max(zero - log, minus_one);
        again = below(size_of(value), least); // as `cancels` has it
        return to_floats(value);
    }

    // max / T, and log(sum / e^max) as log_sum of one row has it.
    Doubles mean() const {
        if constexpr (!Scaled) return to_doubles(max_);
        return to_doubles(max_) / Doubles::set1(temperature_);
    }
    Doubles log_sum() const {
        Doubles total;
        return log_sum(total);
    }
    // `total`: the sum itself, in its unit.
    Doubles log_sum(Doubles& total) const {
        const Doubles top = exp_of(mean(), to_doubles(exponent_));
        if (n_ <= most) return log1p(others(top, total));
        F top_lost;
        const Doubles unit = Doubles::set1(unit_float), top_q = to_doubles(anchor().exp(max_, top_lost).q);
        total = careful_sum();
        const Doubles beside = total - ((unit + unit * top_q) + unit * to_doubles(top_lost));
        alignas(64) double besides[most], tops[most], shares[most], rest[most];
        beside.store(besides);
        top.store(tops);
        bool enough = true;
        for (int i = 0; i < most; ++i) enough &= is_enough(besides[i], n_, tops[i]);
        const Doubles share = beside / top;
        if (enough) return log1p(share);
        share.store(shares);
        Doubles again;
        others(top, again).store(rest);
        for (int i = 0; i < most; ++i) {
            if (!is_enough(besides[i], n_, tops[i])) shares[i] = rest[i];
        }
        return log1p(Doubles::load(shares));
    }

private:
    // What LogOffsets makes of max and log(sum); `served` is 1 for the rows that go in floats. Gives their number.
    int offsets(Doubles max, Doubles sum, float* served, float* high, float* low) const {
        alignas(64) double maxima[most], sums[most];
        max.store(maxima);
        sum.store(sums);
        int count = 0;
        for (int i = 0; i < most; ++i) {
            const LogOffsets one(maxima[i], temperature_, sums[i], n_);
            served[i] = one.in_floats ? 1 : 0;
            high[i] = one.high;
            low[i] = one.low;
            count += one.in_floats;
        }
        return count;
    }

    Anchor<Scaled, F> anchor() const { return {exponent_, inverse_}; }

    // The sum of the exponentials; their powers replace the scores, their q go to `q`.
    Doubles sum(F* q) {
        const Anchor<Scaled, F> by = anchor();
        if (n_ <= most) {
            // As BlockSum, whose upper parts of so few are exact in floats.
            const F split = F::set1(BlockSum::split);
            F upper = F::set1(0), lower[most];
            for (int j = 0; j < n_; ++j) {
                F scale, rest, small;
                by.reduce(x_[j], scale, rest, small);
                q[j] = by.expm1(rest, small);
                x_[j] = scale;
                upper = upper + (BlockSum::split_off({scale, q[j]}, split, lower[j]) - split);
            }
            return to_doubles(upper) + to_doubles(sum_vectors(lower, static_cast<int>(n_)));
        }
        return sums([&](std::int64_t j, F& upper, F& lower) LOGITKIT_INLINE {
            F scale, rest, small, low;
            by.reduce(x_[j], scale, rest, small);
            q[j] = by.expm1(rest, small);
            x_[j] = scale;
            upper = BlockSum::split_off({scale, q[j]}, upper, low);
            lower = lower + low;
        });
    }
    // With what q lost, for logarithms.
    Doubles careful_sum() const {
        const Anchor<Scaled, F> by = anchor();
        return sums([&](std::int64_t j, F& upper, F& lower) LOGITKIT_INLINE {
            F scale, rest, small, lost, low;
            by.reduce(x_[j], scale, rest, small);
            const F q = by.expm1(rest, small, lost);
            upper = BlockSum::split_off({scale, q}, upper, low);
            lower = lower + fma(scale, lost, low);
        });
    }
    // The sums of BlockSum: column j counts in lane j % 16 of each row, and the lanes go one after another.
    // add(j, upper, lower) adds the two parts of a column's exponentials.
    template <class Add>
    LOGITKIT_INLINE Doubles sums(Add add) const {
        const F split = F::set1(BlockSum::split), zero = F::set1(0);
        Doubles totals[most];
        F rest[most];
        for (int lane = 0; lane < most; ++lane) {
            F upper = split, lower = zero;
            Doubles runs = Doubles::set1(0.0);
            std::int64_t j = lane;
            fetch_(lane, most);
            for (std::int64_t end = BlockSum::run_length; end < n_; end += BlockSum::run_length) {
                for (; j < end; j += most) add(j, upper, lower);
                runs = runs + to_doubles(upper - split) + to_doubles(lower);
                upper = split;
                lower = zero;
            }
            for (; j < n_; j += most) add(j, upper, lower);
            totals[lane] = runs + to_doubles(upper - split);
            rest[lane] = lower;
        }
        const Doubles total = sum_vectors(totals, most);
        return total + to_doubles(sum_vectors(rest, most));
    }

    // What stands beside one maximum, whose exponential is `top`, from the sum of the others alone; and the sum of all.
    Doubles others(Doubles top, Doubles& total) const {
        const Anchor<Scaled, F> by = anchor();
        const int lanes = n_ < most ? static_cast<int>(n_) : most;
        Doubles value[most];
        F lost[most], different = F::set1(0);
        const auto term = [&](std::int64_t j, F& rounded_off) {
            F scale, rest, small, rounding;
            by.reduce(x_[j], scale, rest, small);
            const F q = by.careful_expm1(rest, small, rounding);
            different = different + zero_where_equal(F::set1(1), x_[j], max_);
            scale = zero_where_equal(scale, x_[j], max_);
            return to_doubles(RestSum::round({scale, q}, rounding, rounded_off));
        };
        for (int j = 0; j < lanes; ++j) value[j] = term(j, lost[j]);
        for (std::int64_t j = lanes; j < n_; ++j) {
            const std::int64_t lane = j % most;
            F rounded_off;
            value[lane] = value[lane] + term(j, rounded_off);
            lost[lane] = lost[lane] + rounded_off;
        }
        const Doubles sum = sum_vectors(value, lanes) + to_doubles(sum_vectors(lost, lanes));
        total = sum + (Doubles::set1(static_cast<double>(n_)) - to_doubles(different)) * top;
        return Doubles::set1(static_cast<double>(n_ - 1)) - to_doubles(different) + sum / top;
    }

    F* x_;
    std::int64_t n_;
    double temperature_;
    Inverse<float> inverse_;
    F max_, exponent_;
    Fetch fetch_;
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
