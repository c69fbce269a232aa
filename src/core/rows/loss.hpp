// cross_entropy of one row and its gradient; `Loss` in kernels.hpp has the formulas.
//
// The loss is a sum of terms of one sign, a (log(sum) - (x - m)), in float64: one near 0 keeps its digits. The gradient
// is a softmax that is stored with another factor, from the exponentials that the loss has summed; a probability near 1
// less its own target is -expm1 of the loss, formed before anything is rounded to the elements of the row.
//
// Bound of the gradient, in ULP of the larger of its two terms: 3, for both are rounded once and so is the difference.
#pragma once

#include "rows/targets.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Factors of probabilities that leave them, and what their rounding lost, in the range of floats.
inline bool is_float_factor(double factor) {
    const double size = __builtin_fabs(factor);
    return size >= 0x1p-30 && size <= 0x1p+30;
}

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
        const LogSum sum = log_sum<false>(row, first_max_of(row), Inverse<float>(1), batch.helpers, all, kept);
        if (is_anchored(1, sum.max)) return {Way::anchored, sum.max, {sum.value, 0}, {true, all, kept}, {0, 0}};
    }
    const double m = largest(row);
    if (!is_ordinary(m, 1)) return {Way::special, m, {0, 0}, {}, {0, 0}};
    const WideNormalizer normalizer = with_distance(
        m, 1, [&]<bool Scaled>() { return normalize_wide<Scaled>(row, m, Distance<Element<X>, Scaled>(m, 1)); });
    return {Way::wide, m, normalizer.log_sum(), {}, normalizer.sum()};
}

// Probabilities in doubles, times a factor, less what at(piece, start, i, part, x, low) gives of each and `low`: of the
// element i of a piece that begins at `start`.
template <class X, class At>
inline void gradient_wide(const Row<X>& row, const LossNormalizer& by, double factor, At at) {
    const Distance<Element<X>, true> distance(by.max, 1);
    const Share share(factor, 1, by.sum);
    store_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
        for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D score = part.load(piece.x + i, -__builtin_inf());
            D high, rest;
            Exponential<D> e;
            distance.clamped(score, high, rest);
            exp_of_distance(high, rest, e.scale, e.q);
            D low;
            const D taken = at(piece, start, i, part, score, low);
            part.store((share.of(e, D::set1(1.0)) - taken) - low, piece.out + i);
        });
    });
}

// The same of a row that the anchored way has summed; a block of probabilities waits in scratch, where their q may be.
template <class X, class At>
inline void gradient_by_blocks(const Row<X>& row, const SoftmaxNormalizer& by, double factor, At at, float* scratch) {
    const Anchor<false> anchor(static_cast<float>(by.of.exponent), Inverse<float>(1));
    const Reciprocal<float> share = quotient_of(factor, by.of.sum());
    store_blocks_backward(row, 0, row.length, [&](std::int64_t start, const Row<X>& block) {
        for_vectors<F32x16>(block.length, [&](std::int64_t i, auto part) {
            using F = typename decltype(part)::Vector;
            const F x = part.load(block.x + i, 0.0f);
            if (by.kept == nullptr) {
                part.store(quotient(anchor.exp(x), share), scratch + i);
            } else {
                const F q = part.load(static_cast<const float*>(by.kept) + start + i, 0.0f);
                part.store(quotient(Exponential<F>{anchor.scale(x), q}, share), scratch + i);
            }
        });
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D x = part.load(block.x + i, -__builtin_inf());
            const D p = part.load(static_cast<const float*>(scratch) + i, 0.0);
            D low;
            const D taken = at(block, start, i, part, x, low);
            part.store((p - taken) - low, block.out + i);
        });
    });
}

// The wide way of a row, whatever way has found its sum: a factor may be out of the range of floats.
template <class X>
inline LossNormalizer widened(const Row<X>& row, const LossNormalizer& by) {
    if (by.way == LossNormalizer::Way::wide) return by;
    const Distance<Element<X>, true> distance(by.max, 1);
    return {LossNormalizer::Way::wide, by.max, by.log_sum, {}, normalize_wide<true>(row, by.max, distance).sum()};
}

// The only element of which lane 0 is asked.
inline double first_lane(F64x8 a) {
    alignas(64) double lanes[F64x8::lanes];
    a.store(lanes);
    return lanes[0];
}

// How far below 0 the logarithm of the probability of a score lies.
inline Pair surprise_of(double score, const LossNormalizer& by) { return add(by.log_sum, two_sum(by.max, -score)); }

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

// A row with one class as its target, and no smoothing.
template <class X>
inline double one_target_row(const RowBatch& batch, const Row<X>& row, std::int64_t target, const LossNormalizer& by) {
    using D = F64x8;
    const X at_target = element_at(row, target);
    const double score = static_cast<double>(score_at(at_target, 0));
    const bool takes = takes_part(at_target, 0);
    const Loss& loss = *batch.loss;
    const double weight = weight_of(loss, target);
    double value, factor, at;
    if constexpr (is_double<X>) {
        const Pair surprise = surprise_of(score, by);
        const Pair away = weight == 0 ? Pair{0, 0} : multiply({weight, 0}, two_sum(by.max, -score));
        const RowLoss all = row_loss(loss, {weight, 0}, away, weight, by.max, by.log_sum);
        value = all.value;
        factor = all.factor;
        at = gradient_at(loss, all, weight, 0, surprise);
    } else {
        const OneTarget<D> lanes =
            one_target(loss, D::set1(score), D::set1(by.max), D::set1(by.log_sum.high), D::set1(weight));
        value = first_lane(lanes.value);
        factor = first_lane(lanes.factor);
        at = first_lane(lanes.at);
    }
    if (row.out == nullptr) return value;
    if (!is_double<X> && by.way == LossNormalizer::Way::anchored && is_float_factor(factor)) {
        if constexpr (!is_double<X>) softmax_store(batch, row, by.exponentials, factor);
    } else {
        gradient_wide(row, widened(row, by), factor, [](auto, auto, auto, auto, auto x, auto& low) {
            low = decltype(x)::set1(0.0);
            return low;
        });
    }
    if (takes) set_element(row, target, narrow_to<Element<X>>(score == -__builtin_inf() ? 0 : at));
    return value;
}

// Targets of every class, or smoothing. `target`: the one class, -1 with targets of every class.
template <class X>
LOGITKIT_ONCE inline double many_targets_row(const RowBatch& batch, const Row<X>& row, std::int64_t target,
                                             const LossNormalizer& by, float* scratch) {
    const Loss& loss = *batch.loss;
    const Coefficients<X> coefficients(loss, row);
    CoefficientSums sums = sum_coefficients(coefficients, row, by.max);
    const double target_weight = target < 0 ? 0 : weight_of(loss, target);
    const double score = target < 0 ? by.max : static_cast<double>(score_at(element_at(row, target), 0));
    if (target >= 0) sums.add(coefficients.at_target(target_weight), target_weight, two_sum(by.max, -score));
    const RowLoss all = row_loss(loss, sums.whole, sums.away, sums.weight.high, by.max, by.log_sum);
    if (row.out == nullptr) return all.value;

    double at = 0;
    const bool possible = target >= 0 && score != -__builtin_inf();
    if (possible) {
        const Pair own = add({coefficients.share_of(target_weight), 0}, coefficients.at_target(target_weight));
        const double others = add(sums.whole, {-own.high, -own.low}).high;
        at = gradient_at(loss, all, own.high, others, surprise_of(score, by));
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
    if (!is_double<X> && by.way == LossNormalizer::Way::anchored && is_float_factor(all.factor)) {
        if constexpr (!is_double<X>) gradient_by_blocks(row, by.exponentials, all.factor, taken, scratch);
    } else {
        gradient_wide(row, widened(row, by), all.factor, taken);
    }
    if (possible) set_element(row, target, narrow_to<Element<X>>(at));
    return all.value;
}

template <class X>
LOGITKIT_ONCE inline double cross_entropy_row(const RowBatch& batch, const Row<X>& row, std::int64_t target) {
    const auto fill_gradient = [&](double value) {
        if (row.out != nullptr) fill(row, value, 0);
        return value;
    };
    if (row.g == nullptr && target < 0) return fill_gradient(0);
    alignas(64) float scratch[is_double<X> ? 1 : block_length];
    const LossNormalizer by = loss_normalizer(batch, row, scratch);
    if (by.way == LossNormalizer::Way::special && count_kept(row).count == 0) return fill_gradient(0);
    if (by.way == LossNormalizer::Way::special || by.log_sum.high != by.log_sum.high) {
        return fill_gradient(__builtin_nan(""));
    }
    if (row.g == nullptr && batch.loss->smoothing == 0) return one_target_row(batch, row, target, by);
    return many_targets_row(batch, row, row.g == nullptr ? target : -1, by, scratch);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
