// log(1 + t) for t >= 0, as a double and as an unevaluated pair.
//
// Identity:   1 + t = 2^k f,  f in [sqrt(1/2), sqrt(2));  log(1 + t) = k ln(2) + 2 atanh(s),  s = (f - 1)/(f + 1)
// Interval:   |s| <= 3 - 2 sqrt(2)
// Polynomial: 2 atanh(s) = 2 s + s^3 D(s^2), nine terms by tools/fit_coefficients.py, relative error 2^-62.9
// Bound:      of the pair, whose s is one too, 2^-60 relative; its `high` is within 0.51 ULP
//
// The same operations on every instruction set, which the C library's log is not.
#pragma once

#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

struct Pair {
    double high, low;
};

// a + b with |a| >= |b| or a = 0 (Dekker).
inline Pair fast_two_sum(double a, double b) {
    const double s = a + b;
    return {s, b - (s - a)};
}

// a + b for any a, b (Knuth).
inline Pair two_sum(double a, double b) {
    const double s = a + b;
    const double t = s - a;
    return {s, (a - (s - t)) + (b - t)};
}

inline Pair add(Pair a, Pair b) {
    const Pair s = two_sum(a.high, b.high);
    // An infinity has no low part.
    if (!__builtin_isfinite(s.high)) return {s.high, 0};
    return fast_two_sum(s.high, s.low + (a.low + b.low));
}

inline Pair multiply(Pair a, Pair b) {
    const double high = a.high * b.high;
    if (!__builtin_isfinite(high)) return {high, 0};
    return fast_two_sum(high, __builtin_fma(a.high, b.high, -high) + (a.high * b.low + a.low * b.high));
}

constexpr double log2_head = 0x1.62e42ffp-1, log2_tail = -0x1.718432a1b0e26p-35;

// D of the identity above.
template <class D>
inline D log_polynomial(D z) {
    D d = D::set1(0x1.ecebc2089cabap-4);
    d = fma(d, z, D::set1(0x1.ddf2763a870f8p-4));
    d = fma(d, z, D::set1(0x1.112292788382ep-3));
    d = fma(d, z, D::set1(0x1.3b1353e07f36p-3));
    d = fma(d, z, D::set1(0x1.745d1877b4a28p-3));
    d = fma(d, z, D::set1(0x1.c71c71c4c003bp-3));
    d = fma(d, z, D::set1(0x1.24924924939c6p-2));
    d = fma(d, z, D::set1(0x1.99999999999a9p-2));
    return fma(d, z, D::set1(0x1.5555555555555p-1));
}

inline Pair log1p(Pair t) {
    Pair u = two_sum(1.0, t.high);
    u = fast_two_sum(u.high, u.low + t.low);
    const Split<Single> parts = split(Single{u.high});
    const double k = parts.k.v, f = parts.f.v, down = parts.down.v;
    const Pair numerator = two_sum(f - 1.0, u.low * down);
    const Pair sum = two_sum(f, 1.0);
    const double denominator_low = sum.low + u.low * down;

    const double s = numerator.high / sum.high;
    double s_low = __builtin_fma(-s, sum.high, numerator.high) + numerator.low;
    s_low = __builtin_fma(-s, denominator_low, s_low) / sum.high;

    const double z = s * s;
    const Pair result = fast_two_sum(k * log2_head, 2 * s);
    const double small = __builtin_fma(s * z, log_polynomial(Single{z}).v, __builtin_fma(k, log2_tail, 2 * s_low));
    return fast_two_sum(result.high, result.low + small);
}

// The same for float rows, within 2^-51: one division.
template <class D>
inline D log1p(D t) {
    const D one = D::set1(1.0), u = one + t, b = u - one;
    const D low = (one - (u - b)) + (t - b); // two_sum
    const auto [k, f, down] = split(u);
    const D s = ((f - one) + low * down) / (f + one);
    const D z = s * s;
    return k * D::set1(log2_head) + fma(s * z, log_polynomial(z), fma(k, D::set1(log2_tail), s + s));
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
