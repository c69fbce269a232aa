// e^r - 1 for the kernels, and the exponentials of a row measured from its anchor.
//
// Identity:   e^(x - m) = 2^k (1 + q(r)),  k an integer near (x - m) log2(e),  r = (x - m) - k ln(2)
// Interval:   |r| <= 1.0005 ln(2)/2 (k is rounded in working precision, hence the margin)
// Polynomial: q(r) = r + r^2 P(r), fitted and printed by tools/fit_coefficients.py
// Bound:      float degree 6, relative error 2^-28.2 before rounding; double degree 11, 2^-57.5
//
// The anchored exponent. x - m is never rounded: with N the exponent of the anchor and ln(2) = head + tail,
//     r = (x - (N + k) head) - (m - N head) - k tail
// where both brackets are exact (head has 16 bits, fma rounds once), so r carries an error of about 2^-26 whatever the
// distance of x from m; subtracting m first would cost up to 32 ULP. Two anchors:
//   MaximumAnchor, at m:   e^0 is exactly 1, the others are measured from it;
//   ExponentAnchor, at N:  2^N is the unit, so that sums of blocks merge by exact powers of two, and without the second
//                          bracket r is known to the last bit, which logarithms need.
// Higham, Blanchard and Higham, "Accurately computing the log-sum-exp and softmax functions" (2021) bound the shifted
// form that this replaces; the exponent as accumulator is from Dukhan and Ablavatski, "Two-pass softmax" (2020).
//
// Worst input of the float exponential on [-104, 0] against the anchor 0: see docs/accuracy.md (printed by
// `python -m benchmarks accuracy`).
#pragma once

#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr double unit_float = 0x1p+60;
constexpr double unit_double = 0x1p+500;

// Anchors up to this size keep k, N and the brackets above exact enough; larger rows take the wide path (wide.hpp).
constexpr double largest_anchor = 4096;

template <class V>
struct ExpConstants;

template <>
struct ExpConstants<F32x16> {
    static constexpr float log2e = 0x1.715476p+0f;
    static constexpr float head = 0x1.62e4p-1f;
    static constexpr float tail = 0x1.7f7d1cp-20f;
};

template <>
struct ExpConstants<F64x8> {
    static constexpr double log2e = 0x1.71547652b82fep+0;
    static constexpr double head = 0x1.62e42ffp-1;
    static constexpr double tail = -0x1.718432a1b0e26p-35;
};

// P of the identity above.
template <class F>
inline F expm1_rest_float(F r, F r2) {
    const F p01 = fma(r, F::set1(0x1.555492p-3f), F::set1(0x1.fffffcp-2f));
    const F p23 = fma(r, F::set1(0x1.1239c8p-7f), F::set1(0x1.5558d2p-5f));
    return fma(fma(F::set1(0x1.6a239cp-10f), r2, p23), r2, p01);
}

template <class D>
inline D expm1_double(D r) {
    const D r2 = r * r;
    const D r4 = r2 * r2;
    const D p01 = fma(r, D::set1(0x1.55555555554fap-3), D::set1(0x1.000000000000ap-1));
    const D p23 = fma(r, D::set1(0x1.1111111127cb6p-7), D::set1(0x1.5555555550804p-5));
    const D p45 = fma(r, D::set1(0x1.a01a012a26993p-13), D::set1(0x1.6c16c18439477p-10));
    const D p67 = fma(r, D::set1(0x1.71df258530863p-19), D::set1(0x1.a01999e0ddf35p-16));
    const D p89 = fma(r, D::set1(0x1.ad7f7fe1bdc07p-26), D::set1(0x1.28ad9cdacceb9p-22));
    const D low = fma(r2, p23, p01);
    const D high = fma(r4, p89, fma(r2, p67, p45));
    return fma(r2, fma(r4, high, low), r);
}

// A single number where a polynomial asks for lanes.
struct Single {
    double v;
    static Single set1(double a) { return {a}; }
    friend Single operator*(Single a, Single b) { return {a.v * b.v}; }
    friend Single fma(Single a, Single b, Single c) { return {__builtin_fma(a.v, b.v, c.v)}; }
};

// One exponential as scale * (1 + q): the product is left to the caller, who rounds once.
template <class V>
struct Exponential {
    V scale; // 2^k times the unit, a power of two or 0
    V q;

    V value() const { return fma(scale, q, scale); }
    // What `value` rounded off, exactly.
    V lost_by(V value) const { return fma(scale, q, scale - value); }
};

// The same with what the roundings of r and q lost, for sums of which single terms count: about 2^-27 in place of
// 2^-25.
template <class V>
struct CarefulExponential : Exponential<V> {
    V lost; // to be added to q
};

// The temperature as the kernels use it: x / T = x * high + x * low.
template <class T>
struct Inverse {
    T high, low;

    explicit Inverse(double temperature) : high(static_cast<T>(1 / temperature)) {
        const double rest = __builtin_fma(-static_cast<double>(high), temperature, 1.0);
        low = static_cast<T>(rest / temperature);
    }
};

// What the two anchors share. Scaled: a temperature other than 1.
template <bool Scaled>
class Anchor {
public:
    using C = ExpConstants<F32x16>;

    // The integer nearest to x / T in units of ln(2).
    static float exponent_of(float x, const Inverse<float>& inverse) {
        if constexpr (Scaled) x = x * inverse.high;
        return nearest(x * C::log2e);
    }

protected:
    // log2: what the powers of two are counted from, in units of ln(2); exponent: the integer N nearest to it.
    Anchor(float log2, float exponent, const Inverse<float>& inverse)
        : inverse_(inverse), log2_(log2), exponent_(exponent), lowest_((log2 - 400.0f) / (C::log2e * inverse.high)) {}

    static float nearest(float x) { return (x + magic_float) - magic_float; }

    // x / T = n head + rest + low, exactly but for `low`; k = n - N.
    template <class F>
    struct Reduced {
        F k, scale, n, rest, low;
    };

    template <class F>
    Reduced<F> reduce(F x) const {
        // -inf, and what is far below any sum, becomes a finite number whose power is 0; NaN stays.
        x = max(F::set1(lowest_), x);
        F low = F::set1(0);
        if constexpr (Scaled) {
            const F high = x * F::set1(inverse_.high);
            low = fma(x, F::set1(inverse_.high), low - high);
            low = fma(x, F::set1(inverse_.low), low);
            x = high;
        }
        const Power<F> power = power_of(fma(x, F::set1(C::log2e), F::set1(-log2_)));
        const F n = power.k + F::set1(exponent_);
        return {power.k, power.scale, n, fma(n, F::set1(-C::head), x), low};
    }

private:
    Inverse<float> inverse_;
    float log2_, exponent_, lowest_;
};

// Exponentials in units of e^(m / T): that of the maximum m itself is exactly 1.
template <bool Scaled>
class MaximumAnchor : public Anchor<Scaled> {
    using Base = Anchor<Scaled>;
    using C = typename Base::C;

public:
    MaximumAnchor(float m, const Inverse<float>& inverse) : MaximumAnchor(quotient(m, inverse), inverse) {}

    template <class F>
    Exponential<F> exp(F x) const {
        const auto reduced = Base::reduce(x);
        F r = reduced.rest - F::set1(bracket_);
        if constexpr (Scaled) {
            r = r + fma(reduced.k, F::set1(-C::tail), reduced.low - F::set1(low_));
        } else {
            r = fma(reduced.k, F::set1(-C::tail), r);
        }
        const F r2 = r * r;
        return {reduced.scale, fma(r2, expm1_rest_float(r, r2), r)};
    }

private:
    struct Quotient {
        float high, low;
    };
    static Quotient quotient(float m, const Inverse<float>& inverse) {
        if constexpr (!Scaled) return {m, 0};
        const float high = m * inverse.high;
        return {high, __builtin_fmaf(m, inverse.high, -high) + m * inverse.low};
    }
    MaximumAnchor(Quotient m, const Inverse<float>& inverse)
        : Base(m.high * C::log2e, Base::nearest(m.high * C::log2e), inverse),
          bracket_(__builtin_fmaf(-Base::nearest(m.high * C::log2e), C::head, m.high)), low_(m.low) {}

    float bracket_, low_;
};

// Exponentials in units of 2^N.
template <bool Scaled>
class ExponentAnchor : public Anchor<Scaled> {
    using Base = Anchor<Scaled>;
    using C = typename Base::C;

public:
    ExponentAnchor(float exponent, const Inverse<float>& inverse) : Base(exponent, exponent, inverse) {}

    template <class F>
    Exponential<F> exp(F x) const {
        const auto reduced = Base::reduce(x);
        const F r = reduced.rest + fma(reduced.n, F::set1(-C::tail), reduced.low);
        const F r2 = r * r;
        return {reduced.scale, fma(r2, expm1_rest_float(r, r2), r)};
    }

    // `rest` is exact, so that nothing is lost but what `lost` tells.
    template <class F>
    CarefulExponential<F> careful_exp(F x) const {
        const auto reduced = Base::reduce(x);
        const F small = fma(reduced.n, F::set1(-C::tail), reduced.low);
        const F r = reduced.rest + small;
        const F lost_r = (reduced.rest - r) + small;
        const F r2 = r * r, p = expm1_rest_float(r, r2);
        const F q = fma(r2, p, r);
        const F lost_q = fma(r2, p, r - q);
        return {{reduced.scale, q}, fma(lost_r, q, lost_r) + lost_q};
    }
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
