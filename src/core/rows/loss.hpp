// cross_entropy of one row and its gradient; `Loss` in kernels.hpp has the formulas.
//
// The loss is a sum of terms of one sign, a (log(sum) - (x - m)), in float64: one near 0 keeps its digits. The gradient
// is a softmax that is stored with another factor, from the exponentials that the loss has summed; a probability near 1
// less its own target is -expm1 of the loss, formed before anything is rounded to the elements of the row.
//
// Bound of the gradient, in ULP of the larger of its two terms: 3, for both are rounded once and so is the difference.
#pragma once

#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Factors of probabilities that leave them, and what their rounding lost, in the range of floats.
inline bool is_float_factor(double factor) {
    const double size = __builtin_fabs(factor);
    return size >= 0x1p-30 && size <= 0x1p+30;
}

// A probability, and that less 1, from how far below 0 its logarithm lies.
template <class D>
struct Chance {
    D p, less_1;
};
template <class D>
inline Chance<D> chance_of(D surprise) {
    Exponential<D> e;
    exp_of_distance(max(D::set1(-1100.0), D::set1(0.0) - surprise), D::set1(0.0), e.scale, e.q);
    const D power = e.scale * D::set1(1 / unit_double);
    return {fma(power, e.q, power), fma(power, e.q, power - D::set1(1.0))};
}

// Of rows, one in each lane, that have one class as their target: the loss, what the probabilities are multiplied by
// in the gradient, and the gradient at the target.
template <class D>
struct OneTarget {
    D value, factor, at;
};

// `score`: that of the target; `low`: what log_sum - (score - max) lacks; `weight`: of the target.
template <class D>
inline OneTarget<D> one_target(const Loss& loss, D score, D max, D log_sum, D low, D weight) {
    const D zero = D::set1(0.0), scale = D::set1(loss.scale), impossible = D::set1(-__builtin_inf());
    const D surprise = (log_sum - (score - max)) + zero_where_equal(low, score, impossible);
    const auto [p, less_1] = chance_of(surprise);
    const D lse = max + log_sum, z = D::set1(loss.z_loss) * weight, pull = (z + z) * lse;
    // A weight of 0 counts for nothing, but a NaN is one.
    const D nan_or_0 = log_sum - log_sum;
    const D value = zero_where_equal(weight * surprise, weight, zero) + fma(z * lse, lse, nan_or_0);
    return {value, scale * (weight + pull), zero_where_equal(scale * fma(pull, p, weight * less_1), score, impossible)};
}

inline double weight_of(const Loss& loss, std::int64_t target) {
    return loss.weight == nullptr ? 1 : loss.weight[target];
}

// What a row's exponentials sum to, and the way that found it.
struct LossNormalizer {
    enum class Way { anchored, wide, special } way;
    double max;
    Pair log_sum;
    SoftmaxNormalizer exponentials; // of the anchored way
    Pair sum;                       // of the wide way
};

template <class X>
LOGITKIT_ONCE inline LossNormalizer loss_normalizer(const RowBatch& batch, const Row<X>& row, float* scratch) {
    using Way = LossNormalizer::Way;
    if constexpr (!is_double<X>) {
        float* kept = nullptr;
        if (row.out != nullptr && batch.keep && row.length > F32x16::lanes) {
            if (row.length <= block_length) kept = scratch;
            if constexpr (sizeof(Element<X>) == sizeof(float)) {
                // The targets are read after them.
                if (row.out != address(row.x) && row.out != row.g) kept = row.out;
            }
        }
        Normalizer all;
        const LogSum sum = log_sum<false>(row.x, row.length, first_max_of(row), Inverse<float>(1), 1, row.next,
                                          batch.helpers, all, kept);
        if (is_anchored(1, sum.max)) return {Way::anchored, sum.max, {sum.value, 0}, {true, all, kept}, {0, 0}};
    }
    const double m = largest(row);
    if (!is_ordinary(m, 1)) return {Way::special, m, {0, 0}, {}, {0, 0}};
    const WideNormalizer normalizer = with_distance(m, 1, [&]<bool Scaled>() {
        return normalize_wide<Scaled>(row.x, row.length, m, Distance<Element<X>, Scaled>(m, 1));
    });
    return {Way::wide, m, normalizer.log_sum(), {}, normalizer.sum()};
}

// Probabilities in doubles, times a factor, less what at(i, part, x) gives of each.
template <class X, class At>
inline void gradient_wide(X x, std::int64_t length, const LossNormalizer& by, double factor, At at, Element<X>* out) {
    const Distance<Element<X>, true> distance(by.max, 1);
    const Share share(factor, 1, by.sum);
    for_vectors<F64x8>(length, [&](std::int64_t i, auto part) {
        using D = typename decltype(part)::Vector;
        const D score = part.load(x + i, -__builtin_inf());
        D high, low;
        Exponential<D> e;
        distance.clamped(score, high, low);
        exp_of_distance(high, low, e.scale, e.q);
        part.store(share.of(e, D::set1(1.0)) - at(i, part, score), out + i);
    });
}

// The same of a row that the anchored way has summed, by way of a block of scratch, where its exponentials may wait.
template <class X, class At>
inline void gradient_by_blocks(const Row<X>& row, const SoftmaxNormalizer& by, double factor, At at, float* scratch) {
    const Anchor<false> anchor(static_cast<float>(by.of.exponent), Inverse<float>(1));
    const Reciprocal<float> share = quotient_of(factor, by.of.sum());
    for_blocks_backward(row.length, [&](std::int64_t start, std::int64_t n) {
        if (by.kept == nullptr) {
            softmax_again(row.x + start, n, anchor, share, scratch, false);
        } else {
            softmax_kept(row.x + start, n, anchor, share, by.kept + start, scratch);
        }
        for_vectors<F64x8>(n, [&](std::int64_t i, auto part) {
            const auto x = part.load(row.x + (start + i), -__builtin_inf());
            part.store(part.load(static_cast<const float*>(scratch) + i, 0.0) - at(start + i, part, x),
                       row.out + (start + i));
        });
    });
}

// The wide way of a row, whatever way has found its sum: a factor may be out of the range of floats.
template <class X>
inline LossNormalizer widened(const Row<X>& row, const LossNormalizer& by) {
    if (by.way == LossNormalizer::Way::wide) return by;
    const Distance<Element<X>, true> distance(by.max, 1);
    return {LossNormalizer::Way::wide,
            by.max,
            by.log_sum,
            {},
            normalize_wide<true>(row.x, row.length, by.max, distance).sum()};
}

// The only element of which lane 0 is asked.
inline double first_lane(F64x8 a) {
    alignas(64) double lanes[F64x8::lanes];
    a.store(lanes);
    return lanes[0];
}

// A row with one class as its target, and no smoothing.
template <class X>
inline double one_target_row(const RowBatch& batch, const Row<X>& row, std::int64_t target, const LossNormalizer& by) {
    using D = F64x8;
    const double score = static_cast<double>(score_at(row.x, target));
    // The difference of two floats needs no more than a double, beside their sum in floats; one that is beyond the
    // range has nothing below it.
    const Pair distance = two_sum(score, -by.max);
    const bool lacks = is_double<X> && distance.high - distance.high == 0;
    const double low = lacks ? by.log_sum.low - distance.low : 0;
    const OneTarget<D> lanes = one_target(*batch.loss, D::set1(score), D::set1(by.max), D::set1(by.log_sum.high),
                                          D::set1(low), D::set1(weight_of(*batch.loss, target)));
    if (row.out == nullptr) return first_lane(lanes.value);
    const double factor = first_lane(lanes.factor);
    const bool takes = takes_part(row.x, target);
    if (!is_double<X> && by.way == LossNormalizer::Way::anchored && is_float_factor(factor)) {
        if constexpr (!is_double<X>) softmax_store(batch, row, by.exponentials, factor);
    } else {
        gradient_wide(
            row.x, row.length, widened(row, by), factor, [](auto, auto, auto x) { return decltype(x)::set1(0.0); },
            row.out);
    }
    if (takes) row.out[target] = narrow_to<Element<X>>(first_lane(lanes.at));
    return first_lane(lanes.value);
}

// What each class counts for, `a` of `Loss`, but for the one target that is not spread over the classes.
template <class X>
class Coefficients {
    using T = Element<X>;

public:
    Coefficients(const Loss& loss, const Row<X>& row)
        : x_(row.x), weight_(loss.weight), targets_(row.g), rest_(1 - loss.smoothing) {
        share_ = loss.smoothing == 0 ? 0 : loss.smoothing / static_cast<double>(count_kept(row.x, row.length).count);
    }

    // Of a vector of classes: 0 where their scores are -inf. `row_weight`: what they add to the weight of the row.
    template <class D, class P>
    LOGITKIT_INLINE D at(std::int64_t i, P part, D score, D& row_weight) const {
        const D impossible = D::set1(-__builtin_inf());
        const D w = weight_ == nullptr ? D::set1(1.0) : part.load(weight_ + i, 0.0);
        const D t = targets_ == nullptr ? D::set1(0.0) : part.load(targets_ + i, 0.0);
        row_weight = zero_where_equal(w * t, score, impossible);
        return zero_where_equal(w * fma(D::set1(rest_), t, D::set1(share_)), score, impossible);
    }
    // Of one class that takes part.
    double at(std::int64_t i, double& row_weight) const {
        const double w = weight_ == nullptr ? 1 : weight_[i];
        const double t = targets_ == nullptr ? 0 : static_cast<double>(widen(targets_[i]));
        row_weight = w * t;
        return w * __builtin_fma(rest_, t, share_);
    }
    // Of the one target, beside its share of the smoothing.
    double at_target(double weight) const { return weight * rest_; }

private:
    X x_;
    const double* weight_;
    const T* targets_;
    double rest_, share_;
};

// Sums over a row: of a, of w t, and of a (max - x).
struct CoefficientSums {
    Pair whole{0, 0}, weight{0, 0}, away{0, 0};

    void add(double a, double w, double distance) {
        whole = logitkit::LOGITKIT_ISA::add(whole, {a, 0});
        weight = logitkit::LOGITKIT_ISA::add(weight, {w, 0});
        if (a != 0) away = logitkit::LOGITKIT_ISA::add(away, {a * distance, 0});
    }
};

template <class X>
LOGITKIT_ONCE inline CoefficientSums sum_coefficients(const Coefficients<X>& coefficients, const Row<X>& row,
                                                      double max) {
    const double inf = __builtin_inf();
    CoefficientSums sums;
    std::int64_t impossible = 0;
    for_blocks(row.length, [&](std::int64_t start, std::int64_t n) {
        PairSum whole, weight, away;
        for_vectors<F64x8>(n, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D score = part.load(row.x + (start + i), -inf);
            D w;
            const D a = coefficients.at(start + i, part, score, w);
            impossible += count_equal(part.load(row.x + (start + i), 0.0), D::set1(-inf));
            whole.add(a);
            weight.add(w);
            away.add(zero_where_equal(a * (D::set1(max) - score), a, D::set1(0.0)));
        });
        sums.whole = add(sums.whole, whole.total());
        sums.weight = add(sums.weight, weight.total());
        sums.away = add(sums.away, away.total());
    });
    for (std::int64_t i = 0; impossible > 0 && i < row.length; ++i) {
        if (!takes_part(row.x, i) || score_at(row.x, i) != -inf) continue;
        double w;
        const double a = coefficients.at(i, w);
        sums.add(a, w, inf);
    }
    return sums;
}

// Targets of every class, or smoothing. `target`: the one class, -1 with targets of every class.
template <class X>
LOGITKIT_ONCE inline double many_targets_row(const RowBatch& batch, const Row<X>& row, std::int64_t target,
                                             const LossNormalizer& by, float* scratch) {
    using D = F64x8;
    const Loss& loss = *batch.loss;
    const Coefficients<X> coefficients(loss, row);
    CoefficientSums sums = sum_coefficients(coefficients, row, by.max);
    const double target_weight = target < 0 ? 0 : weight_of(loss, target);
    const double score = target < 0 ? by.max : static_cast<double>(score_at(row.x, target));
    if (target >= 0) sums.add(coefficients.at_target(target_weight), target_weight, by.max - score);

    const double lse = by.max + by.log_sum.high, z = loss.z_loss * sums.weight.high, pull = 2 * z * lse;
    const double whole = sums.whole.high, nan_or_0 = by.log_sum.high - by.log_sum.high;
    const double expected = whole == 0 ? 0 : whole * by.log_sum.high;
    const double value = (expected + sums.away.high) + __builtin_fma(z * lse, lse, nan_or_0);
    if (row.out == nullptr) return value;

    double at = 0;
    const bool possible = target >= 0 && score != -__builtin_inf();
    if (possible) {
        const Chance<D> chance = chance_of(D::set1(by.log_sum.high - (score - by.max)));
        double w;
        const double others = whole - (coefficients.at(target, w) + coefficients.at_target(target_weight));
        at = loss.scale *
             __builtin_fma(pull, first_lane(chance.p), __builtin_fma(whole, first_lane(chance.less_1), others));
    }
    const double factor = loss.scale * (whole + pull);
    const auto taken = [&](std::int64_t i, auto part, auto x) {
        using V = decltype(x);
        V w;
        const V a = coefficients.at(i, part, x, w);
        // What takes no part has no gradient, of the mean of nothing either.
        return zero_where_equal(a * V::set1(loss.scale), a, V::set1(0.0));
    };
    if (!is_double<X> && by.way == LossNormalizer::Way::anchored && is_float_factor(factor)) {
        if constexpr (!is_double<X>) gradient_by_blocks(row, by.exponentials, factor, taken, scratch);
    } else {
        gradient_wide(row.x, row.length, widened(row, by), factor, taken, row.out);
    }
    if (possible) row.out[target] = narrow_to<Element<X>>(at);
    return value;
}

template <class X>
LOGITKIT_ONCE inline double cross_entropy_row(const RowBatch& batch, const Row<X>& row, std::int64_t target) {
    const auto fill_gradient = [&](double value) {
        if (row.out != nullptr) fill(row.x, row.length, value, 0, row.out);
        return value;
    };
    if (row.g == nullptr && target < 0) return fill_gradient(0);
    alignas(64) float scratch[is_double<X> ? 1 : block_length];
    const LossNormalizer by = loss_normalizer(batch, row, scratch);
    if (by.way == LossNormalizer::Way::special && count_kept(row.x, row.length).count == 0) return fill_gradient(0);
    if (by.way == LossNormalizer::Way::special || by.log_sum.high != by.log_sum.high) {
        return fill_gradient(__builtin_nan(""));
    }
    if (row.g == nullptr && batch.loss->smoothing == 0) return one_target_row(batch, row, target, by);
    return many_targets_row(batch, row, row.g == nullptr ? target : -1, by, scratch);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
