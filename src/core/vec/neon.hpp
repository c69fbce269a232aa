// Lane primitives for AArch64 NEON: F32x16 is four q registers, F64x8 another four. Rules: see generic.hpp.
//
// NEON has no masked loads and stores: a part is whole registers and then single lanes, of halves an integer. Its own
// maximum keeps a NaN of either operand, so max is a comparison and a selection.
#pragma once

#include <arm_neon.h>

#include "vec/common.hpp"
#include "vec/neon_halves.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

struct F32x16 {
    static constexpr int lanes = 16;
    static constexpr int interleave = 1;
    static constexpr bool staged = true;
    float32x4_t a, b, c, d;

    static F32x16 set1(float x) {
        const float32x4_t r = vdupq_n_f32(x);
        return {r, r, r, r};
    }
    static F32x16 load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}; }
    template <class T>
    static F32x16 load_part(const T* p, int n, float fill) {
        return {load_quarter(p, n, fill), load_quarter(p + 4, n - 4, fill), load_quarter(p + 8, n - 8, fill),
                load_quarter(p + 12, n - 12, fill)};
    }
    void store(float* p) const {
        vst1q_f32(p, a);
        vst1q_f32(p + 4, b);
        vst1q_f32(p + 8, c);
        vst1q_f32(p + 12, d);
    }
    template <class T>
    void store_part(T* p, int n) const {
        store_quarter(a, p, n);
        store_quarter(b, p + 4, n - 4);
        store_quarter(c, p + 8, n - 8);
        store_quarter(d, p + 12, n - 12);
    }
    void stream(float* p) const { store(p); }
    static void fence() {}

    template <Half H>
    static F32x16 load(const H* p) {
        return {load_four(p), load_four(p + 4), load_four(p + 8), load_four(p + 12)};
    }
    template <Half H>
    void store(H* p) const {
        store_four(p, a);
        store_four(p + 4, b);
        store_four(p + 8, c);
        store_four(p + 12, d);
    }
    friend F32x16 keep_where(F32x16 x, const std::uint8_t* mask) { return keep_where(x, mask, lanes); }
    friend F32x16 keep_where(F32x16 x, const std::uint8_t* mask, int n) {
        const uint8x8_t first = vcreate_u8(first_of_mask(mask, n)), last = vcreate_u8(first_of_mask(mask + 8, n - 8));
        const int8x16_t out = vreinterpretq_s8_u8(vceqzq_u8(vcombine_u8(first, last)));
        const int16x8_t low = vmovl_s8(vget_low_s8(out)), high = vmovl_s8(vget_high_s8(out));
        const auto quarter = [](float32x4_t v, int16x4_t where) {
            return vbslq_f32(vreinterpretq_u32_s32(vmovl_s16(where)), vdupq_n_f32(-__builtin_inff()), v);
        };
        return {quarter(x.a, vget_low_s16(low)), quarter(x.b, vget_high_s16(low)), quarter(x.c, vget_low_s16(high)),
                quarter(x.d, vget_high_s16(high))};
    }

    friend F32x16 operator+(F32x16 x, F32x16 y) {
        return {vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b), vaddq_f32(x.c, y.c), vaddq_f32(x.d, y.d)};
    }
    friend F32x16 operator-(F32x16 x, F32x16 y) {
        return {vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b), vsubq_f32(x.c, y.c), vsubq_f32(x.d, y.d)};
    }
    friend F32x16 operator*(F32x16 x, F32x16 y) {
        return {vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b), vmulq_f32(x.c, y.c), vmulq_f32(x.d, y.d)};
    }
    friend F32x16 operator/(F32x16 x, F32x16 y) {
        return {vdivq_f32(x.a, y.a), vdivq_f32(x.b, y.b), vdivq_f32(x.c, y.c), vdivq_f32(x.d, y.d)};
    }
    friend F32x16 max(F32x16 x, F32x16 y) {
        return {larger(x.a, y.a), larger(x.b, y.b), larger(x.c, y.c), larger(x.d, y.d)};
    }
    friend F32x16 fma(F32x16 x, F32x16 y, F32x16 z) {
        return {vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c), vfmaq_f32(z.d, x.d, y.d)};
    }
    friend F32x16 zero_where_equal(F32x16 e, F32x16 x, F32x16 y) {
        return {clear(e.a, vceqq_f32(x.a, y.a)), clear(e.b, vceqq_f32(x.b, y.b)), clear(e.c, vceqq_f32(x.c, y.c)),
                clear(e.d, vceqq_f32(x.d, y.d))};
    }
    friend unsigned equal_lanes(F32x16 x, F32x16 y) {
        const auto bits = [](float32x4_t a, float32x4_t b) {
            const uint32x4_t places = {1, 2, 4, 8};
            return vaddvq_u32(vandq_u32(vceqq_f32(a, b), places));
        };
        return bits(x.a, y.a) | bits(x.b, y.b) << 4 | bits(x.c, y.c) << 8 | bits(x.d, y.d) << 12;
    }
    friend int count_equal(F32x16 x, F32x16 y) {
        // An equal lane is all ones, that is -1.
        const uint32x4_t low = vaddq_u32(vceqq_f32(x.a, y.a), vceqq_f32(x.b, y.b));
        const uint32x4_t high = vaddq_u32(vceqq_f32(x.c, y.c), vceqq_f32(x.d, y.d));
        return -vaddvq_s32(vreinterpretq_s32_u32(vaddq_u32(low, high)));
    }
    friend F32x16 whole(F32x16 x) {
        return {whole_quarter(x.a), whole_quarter(x.b), whole_quarter(x.c), whole_quarter(x.d)};
    }
    friend F32x16 power(F32x16 x) {
        return {power_quarter(x.a), power_quarter(x.b), power_quarter(x.c), power_quarter(x.d)};
    }
    friend float reduce_sum(F32x16 x) {
        const float32x4_t four = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
        const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
        return vget_lane_f32(vpadd_f32(two, two), 0);
    }
    friend void unzip(F32x16& x, F32x16& y) {
        const F32x16 odds = {vuzp2q_f32(x.a, x.b), vuzp2q_f32(x.c, x.d), vuzp2q_f32(y.a, y.b), vuzp2q_f32(y.c, y.d)};
        x = {vuzp1q_f32(x.a, x.b), vuzp1q_f32(x.c, x.d), vuzp1q_f32(y.a, y.b), vuzp1q_f32(y.c, y.d)};
        y = odds;
    }
    friend void zip(F32x16& x, F32x16& y) {
        const F32x16 last = {vzip1q_f32(x.c, y.c), vzip2q_f32(x.c, y.c), vzip1q_f32(x.d, y.d), vzip2q_f32(x.d, y.d)};
        x = {vzip1q_f32(x.a, y.a), vzip2q_f32(x.a, y.a), vzip1q_f32(x.b, y.b), vzip2q_f32(x.b, y.b)};
        y = last;
    }
    friend void transpose(F32x16* rows) {
        float numbers[16][16];
        for (int i = 0; i < 16; ++i) rows[i].store(numbers[i]);
        for (int j = 0; j < 16; ++j) {
            float column[16];
            for (int i = 0; i < 16; ++i) column[i] = numbers[i][j];
            rows[j] = load(column);
        }
    }
    friend float reduce_max(F32x16 x) {
        float32x4_t four = larger(larger(x.a, x.c), larger(x.b, x.d));
        four = larger(four, vextq_f32(four, four, 2));
        four = larger(four, vextq_f32(four, four, 1));
        return vgetq_lane_f32(four, 0);
    }

private:
    static float32x4_t load_quarter(const float* p, int n, float fill) {
        if (n >= 4) return vld1q_f32(p);
        float32x4_t r = vdupq_n_f32(fill);
        if (n > 0) r = vld1q_lane_f32(p, r, 0);
        if (n > 1) r = vld1q_lane_f32(p + 1, r, 1);
        if (n > 2) r = vld1q_lane_f32(p + 2, r, 2);
        return r;
    }
    static void store_quarter(float32x4_t x, float* p, int n) {
        if (n >= 4) return vst1q_f32(p, x);
        if (n > 0) vst1q_lane_f32(p, x, 0);
        if (n > 1) vst1q_lane_f32(p + 1, x, 1);
        if (n > 2) vst1q_lane_f32(p + 2, x, 2);
    }
    template <Half H>
    static float32x4_t load_quarter(const H* p, int n, float fill) {
        return load_first(p, n, fill);
    }
    template <Half H>
    static void store_quarter(float32x4_t x, H* p, int n) {
        store_first(p, n, x);
    }
    static float32x4_t larger(float32x4_t x, float32x4_t y) { return vbslq_f32(vcgtq_f32(x, y), x, y); }
    static float32x4_t clear(float32x4_t x, uint32x4_t where) {
        return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), where));
    }
    static float32x4_t whole_quarter(float32x4_t x) {
        return vreinterpretq_f32_s32(vandq_s32(vreinterpretq_s32_f32(x), vdupq_n_s32(whole_bits)));
    }
    static float32x4_t power_quarter(float32x4_t x) {
        return vreinterpretq_f32_s32(vshlq_n_s32(vreinterpretq_s32_f32(x), power_shift));
    }
};

struct F64x8 {
    static constexpr int lanes = 8;
    static constexpr int interleave = 1;
    float64x2_t a, b, c, d;

    static F64x8 set1(double x) {
        const float64x2_t r = vdupq_n_f64(x);
        return {r, r, r, r};
    }
    static F64x8 load(const double* p) { return {vld1q_f64(p), vld1q_f64(p + 2), vld1q_f64(p + 4), vld1q_f64(p + 6)}; }
    static F64x8 load(const float* p) { return from_floats(vld1q_f32(p), vld1q_f32(p + 4)); }
    template <Half H>
    static F64x8 load(const H* p) {
        return from_floats(load_four(p), load_four(p + 4));
    }
    template <class T>
    static F64x8 load_part(const T* p, int n, double fill) {
        return {load_quarter(p, n, fill), load_quarter(p + 2, n - 2, fill), load_quarter(p + 4, n - 4, fill),
                load_quarter(p + 6, n - 6, fill)};
    }
    void store(double* p) const {
        vst1q_f64(p, a);
        vst1q_f64(p + 2, b);
        vst1q_f64(p + 4, c);
        vst1q_f64(p + 6, d);
    }
    void store(float* p) const {
        vst1q_f32(p, vcvt_high_f32_f64(vcvt_f32_f64(a), b));
        vst1q_f32(p + 4, vcvt_high_f32_f64(vcvt_f32_f64(c), d));
    }
    template <Half H>
    void store(H* p) const {
        store_four(p, vcvt_high_f32_f64(vcvt_f32_f64(a), b));
        store_four(p + 4, vcvt_high_f32_f64(vcvt_f32_f64(c), d));
    }
    template <class T>
    void store_part(T* p, int n) const {
        store_quarter(a, p, n);
        store_quarter(b, p + 2, n - 2);
        store_quarter(c, p + 4, n - 4);
        store_quarter(d, p + 6, n - 6);
    }

    friend F64x8 keep_where(F64x8 x, const std::uint8_t* mask, int n = lanes) {
        double row[8];
        x.store(row);
        for (int i = 0; i < n; ++i) row[i] = mask[i] != 0 ? row[i] : -__builtin_inf();
        return load(row);
    }
    friend F64x8 operator+(F64x8 x, F64x8 y) {
        return {vaddq_f64(x.a, y.a), vaddq_f64(x.b, y.b), vaddq_f64(x.c, y.c), vaddq_f64(x.d, y.d)};
    }
    friend F64x8 operator-(F64x8 x, F64x8 y) {
        return {vsubq_f64(x.a, y.a), vsubq_f64(x.b, y.b), vsubq_f64(x.c, y.c), vsubq_f64(x.d, y.d)};
    }
    friend F64x8 operator*(F64x8 x, F64x8 y) {
        return {vmulq_f64(x.a, y.a), vmulq_f64(x.b, y.b), vmulq_f64(x.c, y.c), vmulq_f64(x.d, y.d)};
    }
    friend F64x8 operator/(F64x8 x, F64x8 y) {
        return {vdivq_f64(x.a, y.a), vdivq_f64(x.b, y.b), vdivq_f64(x.c, y.c), vdivq_f64(x.d, y.d)};
    }
    friend F64x8 max(F64x8 x, F64x8 y) {
        return {larger(x.a, y.a), larger(x.b, y.b), larger(x.c, y.c), larger(x.d, y.d)};
    }
    friend F64x8 fma(F64x8 x, F64x8 y, F64x8 z) {
        return {vfmaq_f64(z.a, x.a, y.a), vfmaq_f64(z.b, x.b, y.b), vfmaq_f64(z.c, x.c, y.c), vfmaq_f64(z.d, x.d, y.d)};
    }
    friend F64x8 zero_where_equal(F64x8 e, F64x8 x, F64x8 y) {
        return {clear(e.a, vceqq_f64(x.a, y.a)), clear(e.b, vceqq_f64(x.b, y.b)), clear(e.c, vceqq_f64(x.c, y.c)),
                clear(e.d, vceqq_f64(x.d, y.d))};
    }
    friend unsigned equal_lanes(F64x8 x, F64x8 y) {
        const auto bits = [](float64x2_t a, float64x2_t b) {
            const uint64x2_t places = {1, 2};
            return static_cast<unsigned>(vaddvq_u64(vandq_u64(vceqq_f64(a, b), places)));
        };
        return bits(x.a, y.a) | bits(x.b, y.b) << 2 | bits(x.c, y.c) << 4 | bits(x.d, y.d) << 6;
    }
    friend int count_equal(F64x8 x, F64x8 y) {
        // An equal lane is all ones, that is -1.
        const uint64x2_t low = vaddq_u64(vceqq_f64(x.a, y.a), vceqq_f64(x.b, y.b));
        const uint64x2_t high = vaddq_u64(vceqq_f64(x.c, y.c), vceqq_f64(x.d, y.d));
        return -static_cast<int>(vaddvq_s64(vreinterpretq_s64_u64(vaddq_u64(low, high))));
    }
    friend Power<F64x8> power_of(F64x8 f) {
        const F64x8 magic = set1(magic_double), magic_k = f + magic;
        return {
            magic_k - magic,
            {power_quarter(magic_k.a), power_quarter(magic_k.b), power_quarter(magic_k.c), power_quarter(magic_k.d)}};
    }
    friend Split<F64x8> split(F64x8 u) {
        const Split<float64x2_t> a = split_quarter(u.a), b = split_quarter(u.b), c = split_quarter(u.c),
                                 d = split_quarter(u.d);
        return {{a.k, b.k, c.k, d.k}, {a.f, b.f, c.f, d.f}, {a.down, b.down, c.down, d.down}};
    }
    friend double reduce_max(F64x8 x) {
        const float64x2_t two = larger(larger(x.a, x.c), larger(x.b, x.d));
        return vgetq_lane_f64(larger(two, vextq_f64(two, two, 1)), 0);
    }
    friend double reduce_sum(F64x8 x) { return vaddvq_f64(vaddq_f64(vaddq_f64(x.a, x.c), vaddq_f64(x.b, x.d))); }

private:
    static F64x8 from_floats(float32x4_t low, float32x4_t high) {
        return {vcvt_f64_f32(vget_low_f32(low)), vcvt_high_f64_f32(low), vcvt_f64_f32(vget_low_f32(high)),
                vcvt_high_f64_f32(high)};
    }
    static Split<float64x2_t> split_quarter(float64x2_t u) {
        const int64x2_t above = vsubq_s64(vreinterpretq_s64_f64(u), vdupq_n_s64(sqrt_half_bits));
        const int64x2_t k = vreinterpretq_s64_u64(vshrq_n_u64(vreinterpretq_u64_s64(above), 52));
        const float64x2_t down = vreinterpretq_f64_s64(vshlq_n_s64(vsubq_s64(vdupq_n_s64(1023), k), 52));
        return {vcvtq_f64_s64(k), vmulq_f64(u, down), down};
    }
    static float64x2_t load_quarter(const double* p, int n, double fill) {
        if (n >= 2) return vld1q_f64(p);
        const float64x2_t r = vdupq_n_f64(fill);
        return n > 0 ? vld1q_lane_f64(p, r, 0) : r;
    }
    static float64x2_t load_quarter(const float* p, int n, double fill) {
        if (n >= 2) return vcvt_f64_f32(vld1_f32(p));
        const float64x2_t r = vdupq_n_f64(fill);
        return n > 0 ? vsetq_lane_f64(static_cast<double>(*p), r, 0) : r;
    }
    static void store_quarter(float64x2_t x, double* p, int n) {
        if (n >= 2) return vst1q_f64(p, x);
        if (n > 0) vst1q_lane_f64(p, x, 0);
    }
    static void store_quarter(float64x2_t x, float* p, int n) {
        if (n >= 2) return vst1_f32(p, vcvt_f32_f64(x));
        if (n > 0) vst1_lane_f32(p, vcvt_f32_f64(x), 0);
    }
    template <Half H>
    static float64x2_t load_quarter(const H* p, int n, double fill) {
        return load_first(p, n, fill);
    }
    template <Half H>
    static void store_quarter(float64x2_t x, H* p, int n) {
        store_first(p, n, x);
    }
    static float64x2_t larger(float64x2_t x, float64x2_t y) { return vbslq_f64(vcgtq_f64(x, y), x, y); }
    static float64x2_t clear(float64x2_t x, uint64x2_t where) {
        return vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(x), where));
    }
    static float64x2_t power_quarter(float64x2_t magic_k) {
        const int64x2_t biased = vaddq_s64(vreinterpretq_s64_f64(magic_k), vdupq_n_s64(power_offset_double));
        const int64x2_t normal = vreinterpretq_s64_u64(vcgtq_s64(biased, vdupq_n_s64(0)));
        return vreinterpretq_f64_s64(vshlq_n_s64(vandq_s64(biased, normal), 52));
    }
};

inline F64x8 widen_low(F32x16 x) {
    return {vcvt_f64_f32(vget_low_f32(x.a)), vcvt_high_f64_f32(x.a), vcvt_f64_f32(vget_low_f32(x.b)),
            vcvt_high_f64_f32(x.b)};
}
inline F64x8 widen_high(F32x16 x) {
    return {vcvt_f64_f32(vget_low_f32(x.c)), vcvt_high_f64_f32(x.c), vcvt_f64_f32(vget_low_f32(x.d)),
            vcvt_high_f64_f32(x.d)};
}
inline F32x16 narrow(F64x8 low, F64x8 high) {
    return {vcvt_high_f32_f64(vcvt_f32_f64(low.a), low.b), vcvt_high_f32_f64(vcvt_f32_f64(low.c), low.d),
            vcvt_high_f32_f64(vcvt_f32_f64(high.a), high.b), vcvt_high_f32_f64(vcvt_f32_f64(high.c), high.d)};
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
