// cross_entropy of one row and its gradient; `Loss` in kernels.hpp has the formulas.
//
// The loss is a sum of terms of one sign, a (log(sum) - (x - m)), in float64: one near 0 keeps its digits. The gradient
// is a softmax that is stored with another factor, from the exponentials that the loss has summed; a probability near 1
// less its own target is -expm1 of the loss, formed before anything is rounded to the elements of the row.
//
// Bound of the gradient, in ULP of the larger of its two terms: 3, that of softmax (anchored.hpp) and 1 for the
// exponentials that wait rounded.
#pragma once

#include "rows/loss_gradient.hpp"
#include "rows/targets.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// A probability, and that less 1, from how far below 0 its logarithm lies, high + low.
template <class D>
struct Chance {
    D p, less_1;
};
template <class D>
inline Chance<D> chance_of(D high, D low) {
    Exponential<D> e;
    const D zero = D::set1(0.0), lowest = D::set1(-1100.0), y = max(lowest, zero - high);
    exp_of_distance(y, zero_where_equal(zero - low, y, lowest), e.scale, e.q);
    const D power = e.scale * D::set1(1 / unit_double);
    return {fma(power, e.q, power), fma(power, e.q, power - D::set1(1.0))};
}

// Of float rows, one in each lane, that have one class as their target: the loss, what the probabilities are multiplied
// by in the gradient, and the gradient at the target.
template <class D>
struct OneTarget {
    D value, factor, at;
};

// `score` and `weight` are those of the target. The difference of two floats needs no more than a double, beside their
// sum in floats.
template <class D>
inline OneTarget<D> one_target(const Loss& loss, D score, D max, D log_sum, D weight) {
    const D zero = D::set1(0.0), scale = D::set1(loss.scale), impossible = D::set1(-__builtin_inf());
    const D surprise = log_sum - (score - max);
    const auto [p, less_1] = chance_of(surprise, zero);
    const D lse = max + log_sum, z = D::set1(loss.z_loss) * weight, pull = (z + z) * lse;
    // A weight of 0 counts for nothing, but a NaN is one.
    const D nan_or_0 = log_sum - log_sum;
    const D value = zero_where_equal(weight * surprise, weight, zero) + fma(z * lse, lse, nan_or_0);
    return {value, scale * (weight + pull), zero_where_equal(scale * fma(pull, p, weight * less_1), score, impossible)};
}

// The only element of which lane 0 is asked.
inline double first_lane(F64x8 a) {
    alignas(64) double lanes[F64x8::lanes];
    a.store(lanes);
    return lanes[0];
}

// How far below 0 the logarithm of the probability of a score lies.
inline Pair surprise_of(double score, double max, Pair log_sum) { return add(log_sum, two_sum(max, -score)); }

// The gradient at the one target of a row, where that is possible; `own` and `others`: what it counts for, and what the
// other classes do.
inline double gradient_at(const Loss& loss, const RowLoss& all, double own, double others, Pair surprise) {
    const Chance<F64x8> chance = chance_of(F64x8::set1(surprise.high), F64x8::set1(surprise.low));
    const double p = first_lane(chance.p), whole = own + others;
    // Whichever has the smaller terms.
    const double less =
        p > 0.5 ? __builtin_fma(whole, first_lane(chance.less_1), others) : __builtin_fma(whole, p, -own);
    return loss.scale * __builtin_fma(all.pull, p, less);
}

// Stores the probabilities times a factor.
template <class X>
inline void store_probabilities(const RowBatch& batch, const Row<X>& row, const LossNormalizer& by, double factor,
                                const LossScratch& scratch) {
    if constexpr (!is_double<X>) {
        if (by.is_float() && is_float_factor(factor)) {
            if (by.way == LossNormalizer::Way::rounded) return store_rounded(batch, row, by, factor, scratch);
            return softmax_store(batch, row, by.floats, factor);
        }
    }
    gradient_wide(row, widened(row, by), factor, [](auto, auto, auto, auto, auto x, auto& low) {
        low = decltype(x)::set1(0.0);
        return low;
    });
}

// The target of a row, and what it stands for.
struct Target {
    std::int64_t at;
    double score, weight;
    bool takes_part;

    template <class X>
    Target(const Loss& loss, const Row<X>& row, std::int64_t target) : at(target), weight(weight_of(loss, target)) {
        const X own = element_at(row, target);
        score = static_cast<double>(score_at(own, 0));
        takes_part = logitkit::LOGITKIT_ISA::takes_part(own, 0);
    }
    template <class X>
    void store(const Row<X>& row, double gradient) const {
        if (!takes_part) return;
        set_element(row, at, narrow_to<Element<X>>(score == -__builtin_inf() ? 0 : gradient));
    }
};

// Float rows with one class each as their target, no smoothing: what follows the sum of a row is a chain of some
// hundred cycles, so that the losses of eight rows, where there are as many, are formed together, one in each lane.
template <class X>
class OneTargetRows {
    using D = F64x8;

public:
    explicit OneTargetRows(const RowBatch& batch) : batch_(batch) {}

    // A row that the normaliser has summed; stores its gradient but at the target.
    void add(std::int64_t i, const Row<X>& row, const Target& target, const LossNormalizer& by,
             const LossScratch& scratch) {
        const Loss& loss = *batch_.loss;
        if (!by.is_float()) return finish_wide(i, row, target, by, scratch);
        rows_[count_] = i;
        targets_[count_] = target.at;
        takes_part_[count_] = target.takes_part;
        score_[count_] = target.score;
        weight_[count_] = target.weight;
        max_[count_] = by.max;
        beside_[count_] = by.beside;
        ++count_;
        if (row.out != nullptr) {
            double factor = loss.scale * target.weight;
            if (loss.z_loss != 0) {
                const D log_sum = log1p(D::set1(by.beside));
                factor = first_lane(
                    one_target(loss, D::set1(target.score), D::set1(by.max), log_sum, D::set1(target.weight)).factor);
            }
            store_probabilities(batch_, row, by, factor, scratch);
        }
        if (count_ == D::lanes) finish();
    }
    // Of the rows since the last call.
    void finish() {
        if (count_ == 0) return;
        alignas(64) double value[D::lanes], at[D::lanes];
        const auto rows =
            one_target(*batch_.loss, D::load(score_), D::load(max_), log1p(D::load(beside_)), D::load(weight_));
        rows.value.store(value);
        rows.at.store(at);
        for (int i = 0; i < count_; ++i) {
            batch_.losses[rows_[i] * batch_.losses_step] = value[i];
            if (batch_.out == nullptr || !takes_part_[i]) continue;
            set_element(row_at<X>(batch_, rows_[i]), targets_[i], narrow_to<Element<X>>(at[i]));
        }
        count_ = 0;
    }

private:
    void finish_wide(std::int64_t i, const Row<X>& row, const Target& target, const LossNormalizer& by,
                     const LossScratch& scratch) {
        const Pair log_sum = by.log();
        const auto one = one_target(*batch_.loss, D::set1(target.score), D::set1(by.max), D::set1(log_sum.high),
                                    D::set1(target.weight));
        batch_.losses[i * batch_.losses_step] = first_lane(one.value);
        if (row.out == nullptr) return;
        store_probabilities(batch_, row, by, first_lane(one.factor), scratch);
        target.store(row, first_lane(one.at));
    }

    const RowBatch& batch_;
    int count_ = 0;
    std::int64_t rows_[D::lanes], targets_[D::lanes];
    bool takes_part_[D::lanes];
    alignas(64) double score_[D::lanes] = {}, weight_[D::lanes] = {}, max_[D::lanes] = {}, beside_[D::lanes] = {};
};

// The same of a row of doubles.
template <class X>
inline double one_target_row(const RowBatch& batch, const Row<X>& row, const Target& target, const LossNormalizer& by,
                             const LossScratch& scratch) {
    const Loss& loss = *batch.loss;
    const Pair log_sum = by.log();
    const Pair away = target.weight == 0 ? Pair{0, 0} : multiply({target.weight, 0}, two_sum(by.max, -target.score));
    const RowLoss all = row_loss(loss, {target.weight, 0}, away, target.weight, by.max, log_sum);
    if (row.out == nullptr) return all.value;
    store_probabilities(batch, row, by, all.factor, scratch);
    target.store(row, gradient_at(loss, all, target.weight, 0, surprise_of(target.score, by.max, log_sum)));
    return all.value;
}

// Targets of every class, or smoothing. `target`: the one class, -1 with targets of every class.
template <class X>
LOGITKIT_ONCE inline double many_targets_row(const RowBatch& batch, const Row<X>& row, std::int64_t target,
                                             const LossNormalizer& by, LossScratch& scratch) {
    const Loss& loss = *batch.loss;
    const Pair log_sum = by.log();
    const Coefficients<X> coefficients(loss, row);
    CoefficientSums sums = sum_coefficients(coefficients, row, by.max);
    const double target_weight = target < 0 ? 0 : weight_of(loss, target);
    const double score = target < 0 ? by.max : static_cast<double>(score_at(element_at(row, target), 0));
    if (target >= 0) sums.add(coefficients.at_target(target_weight), target_weight, two_sum(by.max, -score));
    const RowLoss all = row_loss(loss, sums.whole, sums.away, sums.weight.high, by.max, log_sum);
    if (row.out == nullptr) return all.value;

    double at = 0;
    const bool possible = target >= 0 && score != -__builtin_inf();
    if (possible) {
        const Pair own = add({coefficients.share_of(target_weight), 0}, coefficients.at_target(target_weight));
        const double others = add(sums.whole, {-own.high, -own.low}).high;
        at = gradient_at(loss, all, own.high, others, surprise_of(score, by.max, log_sum));
    }
    const auto taken = [&](const Row<X>& piece, std::int64_t start, std::int64_t i, auto part, auto x, auto& low) {
        using V = decltype(x);
        V w, rest;
        const V a = coefficients.at(piece, start, i, part, x, rest, w), scale = V::set1(loss.scale),
                zero = V::set1(0.0);
        const V high = a * scale;
        // What takes no part has no gradient, of the mean of nothing either.
        low = zero;
        if constexpr (is_double<X>) low = zero_where_equal(fma(a, scale, zero - high) + rest * scale, a, zero);
        return zero_where_equal(high, a, zero);
    };
    if (!by.is_float() || !is_float_factor(all.factor)) {
        gradient_wide(row, widened(row, by), all.factor, taken);
    } else if constexpr (!is_double<X>) {
        if (by.way == LossNormalizer::Way::rounded) {
            gradient_of_rounded(row, by, all.factor, taken, scratch);
        } else {
            gradient_by_blocks(row, by.floats, all.factor, taken, scratch.block);
        }
    }
    if (possible) set_element(row, target, narrow_to<Element<X>>(at));
    return all.value;
}

// The rows first to first + count of a batch, one by one.
template <class X>
LOGITKIT_ONCE inline void cross_entropy_rows(const RowBatch& batch, std::int64_t first, std::int64_t count) {
    LossScratch scratch;
    OneTargetRows<X> rows(batch);
    for (std::int64_t i = first; i < first + count; ++i) {
        const Row<X> row = row_at<X>(batch, i);
        const std::int64_t target = class_of(batch, i);
        const auto finish = [&](double value, double gradient) {
            batch.losses[i * batch.losses_step] = value;
            if (row.out != nullptr) fill(row, gradient, 0);
        };
        if (row.g == nullptr && target < 0) {
            finish(0, 0);
            continue;
        }
        const LossNormalizer by = loss_normalizer(batch, row, scratch);
        const double found = by.is_float() ? by.beside : by.log_sum.high;
        if (by.way == LossNormalizer::Way::special && count_kept(row).count == 0) {
            finish(0, 0);
        } else if (by.way == LossNormalizer::Way::special || found != found) {
            finish(__builtin_nan(""), __builtin_nan(""));
        } else if (row.g != nullptr || batch.loss->smoothing != 0) {
            batch.losses[i * batch.losses_step] =
                many_targets_row(batch, row, row.g == nullptr ? target : -1, by, scratch);
        } else if constexpr (is_double<X>) {
            batch.losses[i * batch.losses_step] = one_target_row(batch, row, {*batch.loss, row, target}, by, scratch);
        } else {
            rows.add(i, row, {*batch.loss, row, target}, by, scratch);
        }
    }
    rows.finish();
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
