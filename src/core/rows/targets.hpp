// What each class of a row of cross_entropy counts for, where the target is not one class alone, and their sums.
#pragma once

#include "kernels.hpp"
#include "rows/row.hpp"
#include "rows/special.hpp"
#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

inline double weight_of(const Loss& loss, std::int64_t target) {
    return loss.weight == nullptr ? 1 : loss.weight[target];
}

// The loss of a row, what its probabilities are multiplied by in the gradient, and the share of the z-loss in that.
struct RowLoss {
    double value, factor, pull;
};

// From the sums of what the classes count for, of that times their distance from the maximum, and the weight of the
// row; log_sum is finite.
inline RowLoss row_loss(const Loss& loss, Pair whole, Pair away, double weight, double max, Pair log_sum) {
    const Pair lse = add({max, 0}, log_sum);
    const Pair z = loss.z_loss == 0 ? Pair{0, 0} : multiply(multiply({loss.z_loss, 0}, {weight, 0}), lse);
    const Pair expected = whole.high == 0 ? Pair{0, 0} : multiply(whole, log_sum);
    const Pair value = add(add(expected, away), loss.z_loss == 0 ? z : multiply(z, lse));
    const Pair pull{2 * z.high, 2 * z.low}, factor = multiply({loss.scale, 0}, add(whole, pull));
    return {value.high + value.low, factor.high + factor.low, pull.high};
}

// `a` of `Loss`, but for the one target that is not spread over the classes; of doubles with what it rounds off.
template <class X>
class Coefficients {
public:
    Coefficients(const Loss& loss, const Row<X>& row) : weight_(loss.weight), rest_(two_sum(1, -loss.smoothing)) {
        if (loss.smoothing == 0) return;
        const auto count = static_cast<double>(count_kept(row).count);
        share_.high = loss.smoothing / count;
        share_.low = __builtin_fma(-share_.high, count, loss.smoothing) / count;
    }

    // Of a vector of classes, the element i of a piece that begins at `start`: 0 where their scores are -inf.
    // `row_weight`: what they add to the weight of the row.
    template <class D, class P>
    LOGITKIT_INLINE D at(const Row<X>& piece, std::int64_t start, std::int64_t i, P part, D score, D& low,
                         D& row_weight) const {
        const D impossible = D::set1(-__builtin_inf()), zero = D::set1(0.0);
        const D w = weight_ == nullptr ? D::set1(1.0) : part.load(weight_ + start + i, 0.0);
        const D t = piece.g == nullptr ? zero : part.load(piece.g + i, 0.0);
        row_weight = zero_where_equal(w * t, score, impossible);
        const D rest = D::set1(rest_.high), share = D::set1(share_.high);
        low = zero;
        if constexpr (!is_double<X>) {
            return zero_where_equal(w * fma(rest, t, share), score, impossible);
        } else {
            const D product = rest * t, lost = fma(D::set1(rest_.low), t, fma(rest, t, zero - product));
            const D sum = product + share, back = sum - product; // two_sum
            const D sum_low = ((product - (sum - back)) + (share - back)) + (lost + D::set1(share_.low));
            const D high = w * sum;
            low = zero_where_equal(fma(w, sum_low, fma(w, sum, zero - high)), score, impossible);
            return zero_where_equal(high, score, impossible);
        }
    }
    // Of one class that takes part.
    double at(const Row<X>& piece, std::int64_t start, std::int64_t i, double& row_weight) const {
        const double w = weight_ == nullptr ? 1 : weight_[start + i];
        const double t = piece.g == nullptr ? 0 : static_cast<double>(widen(piece.g[i]));
        row_weight = w * t;
        return w * __builtin_fma(rest_.high, t, share_.high);
    }
    // The share of the smoothing that a class has.
    double share_of(double weight) const { return weight * share_.high; }
    // Of the one target, beside its share of the smoothing.
    Pair at_target(double weight) const { return multiply({weight, 0}, rest_); }

private:
    const double* weight_;
    Pair rest_, share_{0, 0}; // 1 - s, s / K
};

// Sums over a row: of a, of w t, and of a (max - x).
struct CoefficientSums {
    Pair whole{0, 0}, weight{0, 0}, away{0, 0};

    void add(Pair a, double w, Pair distance) {
        whole = logitkit::LOGITKIT_ISA::add(whole, a);
        weight = logitkit::LOGITKIT_ISA::add(weight, {w, 0});
        if (a.high != 0) away = logitkit::LOGITKIT_ISA::add(away, multiply(a, distance));
    }
};

template <class X>
LOGITKIT_ONCE inline CoefficientSums sum_coefficients(const Coefficients<X>& coefficients, const Row<X>& row,
                                                      double max) {
    const double inf = __builtin_inf();
    CoefficientSums sums;
    std::int64_t impossible = 0;
    for_blocks(row, [&](std::int64_t start, const Row<X>& block) {
        PairSum whole, weight, away;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D score = part.load(block.x + i, -inf), top = D::set1(max), zero = D::set1(0.0);
            D w, low;
            const D a = coefficients.at(block, start, i, part, score, low, w), distance = top - score;
            const D product = a * distance;
            impossible += count_equal(part.load(block.x + i, 0.0), D::set1(-inf));
            whole.add(a);
            weight.add(w);
            away.add(zero_where_equal(product, a, zero));
            if constexpr (is_double<X>) {
                const D back = distance - top, lost = (top - (distance - back)) - (score + back); // two_sum
                whole.add_small(low);
                away.add_small(
                    zero_where_equal(fma(a, lost, fma(low, distance, fma(a, distance, zero - product))), a, zero));
            }
        });
        sums.whole = add(sums.whole, whole.total());
        sums.weight = add(sums.weight, weight.total());
        sums.away = add(sums.away, away.total());
    });
    if (impossible == 0) return sums;
    for_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
        for (std::int64_t i = 0; i < piece.length; ++i) {
            if (!takes_part(piece.x, i) || score_at(piece.x, i) != -inf) continue;
            double w;
            const double a = coefficients.at(piece, start, i, w);
            sums.add({a, 0}, w, {inf, 0});
        }
    });
    return sums;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
