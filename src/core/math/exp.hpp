// e^r - 1 for the kernels, and the exponentials of a row measured from an exponent.
//
// Identity:   e^x = 2^n (1 + q(r)),  n the integer nearest to x log2(e) - `shift`,  r = x - n ln(2)
// Interval:   r in ln(2) [shift - 1/2, shift + 1/2], 0.0002 wider (n is rounded in working precision). The shift moves
//             the float interval to [-0.289, 0.406]: q lies in [-1/4, 1/2] then, where its own rounding costs least
//             beside 1 + q. Doubles have no shift.
// Polynomial: q(r) = r + r^2 P(r), fitted and printed by tools/fit_coefficients.py
// Bound:      float degree 6, relative error 2^-28.3 before rounding; double degree 11, 2^-57.5
//
// The anchored exponent. The maximum is not subtracted from the scores: x - m would be rounded, which costs up to 32
// ULP in small probabilities. With ln(2) = head + tail, r = (x - n head) - n tail, where the bracket is exact (head has
// 16 bits), so r is rounded once whatever the size of x; and n, r, q are those of the score alone. Powers are counted
// from an integer N near m log2(e): sums with different N differ by exact powers of two, so that blocks of a row merge,
// and an exponential computed again is the same. Higham, Blanchard and Higham, "Accurately computing the log-sum-exp
// and softmax functions" (2021) bound the shifted form that this replaces; the exponent as accumulator is from Dukhan
// and Ablavatski, "Two-pass softmax" (2020).
//
// Worst inputs of the float exponential: see docs/accuracy.md (printed by `python -m benchmarks exp-sweep`).
#pragma once

#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr double unit_float = 0x1p+60;
constexpr double unit_double = 0x1p+500;

// Scores up to this many temperatures keep n and the bracket above exact; larger rows take the wide path (wide.hpp).
constexpr double largest_anchor = 4096;

template <class V>
struct ExpConstants;

template <>
struct ExpConstants<F32x16> {
    static constexpr float log2e = 0x1.715476p+0f;
    static constexpr float head = 0x1.62e4p-1f;
    static constexpr float tail = 0x1.7f7d1cp-20f;
    static constexpr float shift = 87.0f / 1024;
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
    const F p01 = fma(r, F::set1(0x1.5554d6p-3f), F::set1(0x1.000006p-1f));
    const F p23 = fma(r, F::set1(0x1.11f18ap-7f), F::set1(0x1.5543e8p-5f));
    return fma(fma(F::set1(0x1.801224p-10f), r2, p23), r2, p01);
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

// One exponential as scale * (1 + q): the product is left to the caller, who rounds once.
template <class V>
struct Exponential {
    V scale; // 2^(n - N) times the unit, a power of two or 0
    V q;

    V value() const { return fma(scale, q, scale); }
    // What `value` rounded off, exactly.
    V lost_by(V value) const { return fma(scale, q, scale - value); }
};

// The temperature as the kernels use it: x / T = x * high + x * low.
template <class T>
struct Inverse {
    T high = 1, low = 0;

    explicit Inverse(double temperature) {
        if (temperature == 1) return;
        high = static_cast<T>(1 / temperature);
        const double rest = __builtin_fma(-static_cast<double>(high), temperature, 1.0);
        low = static_cast<T>(rest / temperature);
    }
};

// Measures the exponentials of a row from the exponent N. Scaled: a temperature other than 1. M: the type of N, float
// for one row, F32x16 for sixteen, each in a lane of its own.
template <bool Scaled, class M = float>
class Anchor {
    using C = ExpConstants<F32x16>;

public:
    Anchor(M exponent, const Inverse<float>& inverse)
        : inverse_(inverse), base_(constant(zero_power) - exponent), lowest_(lowest(exponent, inverse)) {
        start_ = base_ + constant(0.5f - C::shift);
    }

    // The k of a score: from an estimate that may be one off, as every other anchor finds it.
    static M exponent_of(M x, const Inverse<float>& inverse) {
        const M magic = constant(magic_float), log2e = constant(C::log2e);
        const M y = Scaled ? x * constant(inverse.high) : x;
        const Anchor about((fma(y, log2e, constant(-C::shift)) + magic) - magic, inverse);
        return whole(fma(y, log2e, about.start_)) - about.base_;
    }
    template <class F>
    F scale(F x) const {
        F k;
        return scale_of(divide(clamp(x)).high, k);
    }
    // x / T as scale * e^(rest + small): `rest` is exact, `small` its correction, of which only the last bit is rounded
    // off. (By reference, because a struct of vectors goes through memory with gcc.)
    template <class F>
    LOGITKIT_INLINE void reduce(F x, F& scale, F& rest, F& small) const {
        const Quotient<F> y = divide(clamp(x));
        F k;
        scale = scale_of(y.high, k);
        rest = fma(k, F::set1(-C::head), y.high);
        if constexpr (Scaled) {
            small = fma(k, F::set1(-C::tail), y.low);
        } else {
            small = k * F::set1(-C::tail);
        }
    }
    template <class F>
    Exponential<F> exp(F x) const {
        F lost;
        return exp(x, lost);
    }
    template <class F>
    Exponential<F> exp(F x, F& lost) const {
        F scale, rest, small;
        reduce(x, scale, rest, small);
        return {scale, expm1(rest, small, lost)};
    }
    // The exponential of the maximum as Sum::all_carefully has it.
    double summed(double max) const {
        alignas(64) float q[F32x16::lanes], lost[F32x16::lanes];
        F32x16 rounded_off;
        exp(F32x16::set1(static_cast<float>(max)), rounded_off).q.store(q);
        rounded_off.store(lost);
        return (unit_float + unit_float * static_cast<double>(q[0])) + unit_float * static_cast<double>(lost[0]);
    }

    // q of a reduced score.
    template <class F>
    LOGITKIT_INLINE static F expm1(F rest, F small) {
        F lost;
        return expm1(rest, small, lost);
    }
    // The same, and what its last addition lost.
    template <class F>
    LOGITKIT_INLINE static F expm1(F rest, F small, F& lost) {
        const F r = rest + small, r2 = r * r;
        const F inner = fma(r2, expm1_rest_float(r, r2), small), q = rest + inner;
        lost = (rest - q) + inner;
        return q;
    }
    // The same, and what its roundings lost.
    template <class F>
    static F careful_expm1(F rest, F small, F& lost) {
        const F q = expm1(rest, small, lost);
        lost = fma((rest - (rest + small)) + small, q, lost);
        return q;
    }

private:
    template <class F>
    struct Quotient {
        F high, low; // low: 0 unless Scaled
    };

    // The score whose power is just too small to be told from 0: -inf, and all that is lower, becomes it.
    static float lowest(float exponent, const Inverse<float>& inverse) {
        const float y = (exponent + below) * ln2;
        return Scaled ? y / inverse.high : y;
    }
    static F32x16 lowest(F32x16 exponent, const Inverse<float>& inverse) {
        using F = F32x16;
        const F y = (exponent + F::set1(below)) * F::set1(ln2);
        return Scaled ? y / F::set1(inverse.high) : y;
    }
    template <class F>
    F clamp(F x) const {
        return max(lanes<F>(lowest_), x); // NaN stays
    }
    template <class F>
    static F lanes(M x) {
        if constexpr (rows_in_lanes) {
            return x;
        } else {
            return F::set1(x);
        }
    }
    static M constant(float x) {
        if constexpr (rows_in_lanes) {
            return F32x16::set1(x);
        } else {
            return x;
        }
    }
    template <class F>
    Quotient<F> divide(F x) const {
        if constexpr (!Scaled) return {x, F::set1(0)};
        const F high = x * F::set1(inverse_.high);
        const F low = fma(x, F::set1(inverse_.high), F::set1(0) - high);
        return {high, fma(x, F::set1(inverse_.low), low)};
    }
    // 2^(k - N) times the unit. The integer k is the same whatever N is.
    template <class F>
    F scale_of(F y, F& k) const {
        const F place = whole(fma(y, F::set1(C::log2e), lanes<F>(start_)));
        k = place - lanes<F>(base_);
        return power(place);
    }

    static constexpr bool rows_in_lanes = sizeof(M) > sizeof(float);
    static constexpr float ln2 = C::head + C::tail;
    static constexpr float below = static_cast<float>(lowest_power_float - 1) + C::shift;

    // Where k - N stands among the powers; exact, as is `start_`: eleven bits with the sign before the point, ten
    // after.
    static constexpr float zero_power = power_base + 127 + unit_exponent_float;

    Inverse<float> inverse_;
    M base_, start_, lowest_;
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
