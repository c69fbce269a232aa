// Elements of half a float's size as four floats and back, with NEON. Rules: see generic.hpp.
#pragma once

#include <arm_neon.h>

#include "vec/first_bytes.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class H>
struct Halves;

template <>
struct Halves<Float16> {
    static float32x4_t widen(uint16x4_t halves) { return vcvt_f32_f16(vreinterpret_f16_u16(halves)); }
    static uint16x4_t narrow(float32x4_t x) { return vreinterpret_u16_f16(vcvt_f16_f32(x)); }
};

template <>
struct Halves<BFloat16> {
    static float32x4_t widen(uint16x4_t halves) { return vreinterpretq_f32_u32(vshll_n_u16(halves, 16)); }
    static uint16x4_t narrow(float32x4_t x) {
        const uint32x4_t bits = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
        const uint32x4_t up = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
        const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
        return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), up, quiet), 16);
    }
};

template <Half H>
inline float32x4_t load_four(const H* p) {
    return Halves<H>::widen(vld1_u16(reinterpret_cast<const std::uint16_t*>(p)));
}
template <Half H>
inline void store_four(H* p, float32x4_t x) {
    vst1_u16(reinterpret_cast<std::uint16_t*>(p), Halves<H>::narrow(x));
}
// The first n of four, or of two doubles; n may be less than 0, and more than there are.
template <Half H>
inline float32x4_t load_first(const H* p, int n, float fill) {
    const float32x4_t floats = Halves<H>::widen(vcreate_u16(first_bytes(p, 2 * n)));
    return vbslq_f32(vcltq_s32(int32x4_t{0, 1, 2, 3}, vdupq_n_s32(n)), floats, vdupq_n_f32(fill));
}
template <Half H>
inline float64x2_t load_first(const H* p, int n, double fill) {
    const float32x4_t floats = load_first(p, n < 2 ? n : 2, 0.0f);
    return vbslq_f64(vcltq_s64(int64x2_t{0, 1}, vdupq_n_s64(n)), vcvt_f64_f32(vget_low_f32(floats)), vdupq_n_f64(fill));
}
template <Half H>
inline void store_first(H* p, int n, float32x4_t x) {
    store_first(vget_lane_u64(vreinterpret_u64_u16(Halves<H>::narrow(x)), 0), p, n);
}
template <Half H>
inline void store_first(H* p, int n, float64x2_t x) {
    store_first(p, n < 2 ? n : 2, vcombine_f32(vcvt_f32_f64(x), vdup_n_f32(0)));
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
