// Sums of float exponentials over one block.
#pragma once

#include "math/exp.hpp"
#include "rows/dense.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// The sum of the exponentials of a block, the maximum among them, in floats. Each is split at a fixed place, 2^-18 of
// the largest: the upper parts are added without rounding, since a run of 16 vectors fills 24 bits at most; the lower
// parts hold the rest to 2^-44, with what the rounding of 1 + q has lost. Runs are added in float64. Rump, Ogita and
// Oishi, "Accurate floating-point summation" (2008), extract parts so.
//
// Bound: for each exponential 0.75 * 2^-40 of the power of the largest. (A lower part is 2^-19 at most and rounded to
// 2^-44; the half of a run's sixteen additions is rounded to 2^-40, a quarter to 2^-41, and so on.)
class BlockSum {
public:
    static constexpr int run_length = 16 * F32x16::lanes;
    // 16 times the largest exponential, 1.501 units, is below it: what is added to it is rounded to 2^-23 of it.
    static constexpr float split = 0x1p+65f;
    static_assert(split == 32 * unit_float);

    // scale (1 + q). (By value, because a struct of vectors goes through memory with gcc.)
    template <class F>
    LOGITKIT_INLINE void add(F scales, F qs) {
        for_each_vector(scales, qs, [&](F32x16 scale, F32x16 q) {
            F32x16 lower;
            upper_ = split_off({scale, q}, upper_, lower);
            lower_ = lower_ + lower;
        });
    }
    // scale (1 + q + lost).
    template <class F>
    LOGITKIT_INLINE void add(F scales, F qs, F lost) {
        for_each_vector(scales, qs, lost, [&](F32x16 scale, F32x16 q, F32x16 rest) {
            F32x16 lower;
            upper_ = split_off({scale, q}, upper_, lower);
            lower_ = lower_ + fma(scale, rest, lower);
        });
    }
    // Gives `upper` with the upper part of an exponential added to it.
    LOGITKIT_INLINE static F32x16 split_off(const Exponential<F32x16>& e, F32x16 upper, F32x16& lower) {
        const F32x16 to = upper + e.value();
        lower = fma(e.scale, e.q, e.scale - (to - upper));
        return to;
    }
    // After `run_length` exponentials.
    LOGITKIT_INLINE void next_run() {
        add(upper_ - F32x16::set1(split));
        add(lower_);
        upper_ = F32x16::set1(split);
        lower_ = F32x16::set1(0);
    }
    LOGITKIT_INLINE double total() {
        add(upper_ - F32x16::set1(split));
        return reduce_sum(low_ + high_) + static_cast<double>(reduce_sum(lower_));
    }

private:
    LOGITKIT_INLINE void add(F32x16 parts) {
        low_ = low_ + widen_low(parts);
        high_ = high_ + widen_high(parts);
    }

    F32x16 upper_ = F32x16::set1(split), lower_ = F32x16::set1(0);
    F64x8 low_ = F64x8::set1(0), high_ = F64x8::set1(0);
};

// The sum of those other than the maxima, however small, in float64. What the rounding of 1 + q loses is summed apart.
class RestSum {
public:
    // scale (1 + q + lost).
    template <class F>
    void add(F scale, F q, F lost) {
        F rounded_off;
        add_rounded(round({scale, q}, lost, rounded_off), rounded_off);
    }
    // The same rounded, and what that loses.
    template <class F>
    static F round(const Exponential<F>& e, F lost, F& rounded_off) {
        const F value = e.value();
        rounded_off = fma(e.scale, lost, e.lost_by(value));
        return value;
    }
    double total() const { return reduce_sum(low_ + high_) + static_cast<double>(reduce_sum(lost_)); }

private:
    void add_rounded(F32x16 value, F32x16 lost) {
        low_ = low_ + widen_low(value);
        high_ = high_ + widen_high(value);
        lost_ = lost_ + lost;
    }
    void add_rounded(Twice<F32x16> value, Twice<F32x16> lost) {
        add_rounded(value.a, lost.a);
        add_rounded(value.b, lost.b);
    }

    F64x8 low_ = F64x8::set1(0), high_ = F64x8::set1(0);
    F32x16 lost_ = F32x16::set1(0);
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
