// Vector-Jacobian products, in float64: of doubles, and where floats do not do (float_gradient.hpp). Where a
// probability is 0 the gradient is 0, whatever stands in g.
//   softmax      p (g - sum(p g)) / T; the Jacobian is symmetric
//   log_softmax  (g - p sum(g)) / T
//   logsumexp    g p / T
//   entropy      -g p (log(p) + H) / T = -g p (y + mean) / T, y <= 0 the distance from the maximum, mean that of |y|:
//                the logarithm of the sum, which both terms of the first form share, has cancelled
#pragma once

#include "rows/row.hpp"
#include "rows/special.hpp"
#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// 1 / T in two factors where one would overflow; at the limits 0 and infinity the probabilities do not move. Without
// Scaled T is 1.
template <bool Scaled>
struct InverseTemperature {
    double first, second;

    explicit InverseTemperature(double temperature)
        : first(temperature < 0x1p-1000 ? 0x1p+60 : 1), second(temperature == 0 ? 0 : 1 / (temperature * first)) {}

    template <class D>
    D times(D x) const {
        if constexpr (Scaled) return x * D::set1(first) * D::set1(second);
        return x;
    }
};

template <class X>
LOGITKIT_ONCE inline void softmax_vjp_wide(const Row<X>& row) {
    Pair dot{0, 0};
    for_blocks(row, [&](std::int64_t, const Row<X>& block) {
        PairSum sum;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D a = part.load(block.x + i, 0.0), b = part.load(block.g + i, 0.0), zero = D::set1(0.0);
            // Where p is 0 the gradient is 0, whatever stands in g.
            const D product = a * b;
            sum.add(zero_where_equal(product, a, zero));
            if constexpr (is_double<X>) sum.add_small(zero_where_equal(fma(a, b, zero - product), a, zero));
        });
        dot = add(dot, sum.total());
    });
    with_scaled(row.temperature, [&]<bool Scaled>() {
        const InverseTemperature<Scaled> inverse(row.temperature);
        store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
            for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
                using D = typename decltype(part)::Vector;
                const D a = part.load(piece.x + i, 0.0), b = part.load(piece.g + i, 0.0);
                const D change = inverse.times(a * ((b - D::set1(dot.high)) - D::set1(dot.low)));
                part.store(zero_where_equal(change, a, D::set1(0.0)), piece.out + i);
            });
        });
    });
}

template <class X>
LOGITKIT_ONCE inline void log_softmax_vjp_wide(const Row<X>& row) {
    const double impossible = -__builtin_inf();
    Pair total{0, 0};
    for_blocks(row, [&](std::int64_t, const Row<X>& block) {
        PairSum sum;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D a = part.load(block.x + i, impossible), b = part.load(block.g + i, 0.0);
            sum.add(zero_where_equal(b, a, D::set1(impossible)));
        });
        total = add(total, sum.total());
    });
    // The unit of the exponentials is taken off the factor that is far from the subnormal numbers.
    const bool large = __builtin_fabs(total.high) > 1;
    const double unit = large ? 1 : 1 / unit_double, scale = large ? 1 / unit_double : 1;
    const double high = total.high * scale, low = total.low * scale;
    with_scaled(row.temperature, [&]<bool Scaled>() {
        const InverseTemperature<Scaled> inverse(row.temperature);
        store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
            for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
                using D = typename decltype(part)::Vector;
                const D a = part.load(piece.x + i, 0.0), b = part.load(piece.g + i, 0.0), zero = D::set1(0.0);
                // Below, the power is 0; above there is no logarithm of a probability, and no power of it.
                const D y = zero - max(D::set1(-1.0), zero - max(D::set1(-1100.0), a));
                Exponential<D> e;
                exp_of_distance(y, zero, e.scale, e.q);
                const D p = e.value() * D::set1(unit);
                const D change = inverse.times(fma(zero - p, D::set1(low), fma(zero - p, D::set1(high), b)));
                part.store(zero_where_equal(change, a, D::set1(impossible)), piece.out + i);
            });
        });
    });
}

// g / (T sum), for sums of exponentials in units of `unit_double`: a pair times a power of two, so that neither a tiny
// probability nor an extreme g or T leaves the range before the last rounding.
class Share {
public:
    // `factor_exponent`: the power of two that the factors given to `of` are too large by.
    Share(double g, double temperature, Pair sum, int factor_exponent = 0) {
        int g_exponent = 0, t_exponent = 0, exponent = 0;
        if (__builtin_isfinite(g)) g = __builtin_frexp(g, &g_exponent);
        temperature = __builtin_frexp(temperature, &t_exponent);
        const double ratio = g / temperature, ratio_low = __builtin_fma(-ratio, temperature, g) / temperature;
        sum = {sum.high / unit_double, sum.low / unit_double};
        high_ = ratio / sum.high;
        low_ = lost_ = 0;
        if (__builtin_isfinite(high_)) {
            const double rest = __builtin_fma(-high_, sum.high, ratio) + (ratio_low - high_ * sum.low);
            const double low = rest / sum.high;
            high_ = lost_ = __builtin_frexp(high_, &exponent);
            low_ = low * power(-exponent);
        }
        const int whole = g_exponent - t_exponent + exponent - unit_exponent_double - factor_exponent;
        const int half = (whole < -2000 ? -2000 : whole > 2000 ? 2000 : whole) / 2;
        first_ = power(half);
        second_ = power((whole < -2000 ? -2000 : whole > 2000 ? 2000 : whole) - half);
    }

    // e times the share, times `factor` where that is given; 0 where e is.
    template <class D>
    D of(const Exponential<D>& e, D factor) const {
        const D value = e.value(), zero = D::set1(0.0);
        const D product = fma(value, D::set1(high_), fma(value, D::set1(low_), e.lost_by(value) * D::set1(lost_)));
        return zero_where_equal(product * factor * D::set1(first_) * D::set1(second_), value, zero);
    }

private:
    static double power(int k) { return __builtin_bit_cast(double, static_cast<std::uint64_t>(1023 + k) << 52); }

    double high_, low_, lost_, first_, second_; // lost_: for what an exponential rounded off, 0 where that would be NaN
};

template <class X>
inline void logsumexp_vjp_wide(const Row<X>& row, double g, double m) {
    const Distance<Element<X>, true> distance(m, row.temperature);
    const Pair sum = normalize_wide<true>(row, m, distance).sum();
    if (sum.high != sum.high) return fill(row, sum.high, 0);
    const Share share(g, row.temperature, sum);
    store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            D high, low;
            Exponential<D> e;
            distance.clamped(part.load(piece.x + i, -__builtin_inf()), high, low);
            exp_of_distance(high, low, e.scale, e.q);
            part.store(share.of(e, D::set1(1.0)), piece.out + i);
        });
    });
}

template <class X>
inline void entropy_vjp_wide(const Row<X>& row, double g, double m) {
    const Distance<Element<X>, true> distance(m, row.temperature);
    const Pair sum = normalize_wide<true>(row, m, distance).sum();
    if (sum.high != sum.high) return fill(row, sum.high, 0);
    // Distances times 2^300: neither a subnormal one nor their mean is rounded off.
    constexpr int up_exponent = 300;
    constexpr double up = 0x1p+300;
    const Pair mean = mean_distance(row, distance, Pair{sum.high / up, sum.low / up});
    const Share share(-g, row.temperature, sum, up_exponent);
    store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            D y, y_low;
            Exponential<D> e;
            distance.clamped(part.load(piece.x + i, -__builtin_inf()), y, y_low);
            exp_of_distance(y, y_low, e.scale, e.q);
            const D away = y * D::set1(up), high = D::set1(mean.high), near = away + high;
            const D back = near - away; // two_sum
            const D low = ((away - (near - back)) + (high - back)) + fma(y_low, D::set1(up), D::set1(mean.low));
            part.store(share.of(e, near + low), piece.out + i);
        });
    });
}

// For rows without an ordinary sum. What does not move has no gradient: nor has a logsumexp of -inf.
template <class X>
inline void reduction_vjp_special(const Row<X>& row, double m, double impossible) {
    double value = 0;
    if (m == __builtin_inf() || has_nan(row)) {
        value = __builtin_nan("");
    } else if (m == -__builtin_inf()) {
        value = impossible;
    }
    fill(row, value, 0);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
