// Lane primitives for AVX-512 (F, BW, DQ, VL): F32x16 is one zmm register, F64x8 another. Rules: see generic.hpp.
#pragma once

#include <immintrin.h>

#include "vec/avx512_halves.hpp"
#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

struct F32x16 {
    static constexpr int lanes = 16;
    static constexpr int interleave = 2;
    static constexpr bool staged = false;
    __m512 v;

    static __mmask16 first(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
    static F32x16 set1(float a) { return {_mm512_set1_ps(a)}; }
    static F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
    static F32x16 load_part(const float* p, int n, float fill) {
        return {_mm512_mask_loadu_ps(_mm512_set1_ps(fill), first(n), p)};
    }
    void store(float* p) const { _mm512_storeu_ps(p, v); }
    void store_part(float* p, int n) const { _mm512_mask_storeu_ps(p, first(n), v); }
    void stream(float* p) const { _mm512_stream_ps(p, v); }
    static void fence() { _mm_sfence(); }

    template <Half H>
    static F32x16 load(const H* p) {
        return {Halves<H>::widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
    }
    template <Half H>
    static F32x16 load_part(const H* p, int n, float fill) {
        const __m512 part = Halves<H>::widen(_mm256_maskz_loadu_epi16(first(n), p));
        return {_mm512_mask_mov_ps(_mm512_set1_ps(fill), first(n), part)};
    }
    template <Half H>
    void store(H* p) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), Halves<H>::narrow(v));
    }
    template <Half H>
    void store_part(H* p, int n) const {
        _mm256_mask_storeu_epi16(p, first(n), Halves<H>::narrow(v));
    }
    friend F32x16 keep_where(F32x16 x, const std::uint8_t* mask) {
        return keep(x, _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask)));
    }
    friend F32x16 keep_where(F32x16 x, const std::uint8_t* mask, int n) {
        return keep(x, _mm_mask_loadu_epi8(_mm_set1_epi8(1), first(n), mask));
    }

    friend F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
    friend F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
    friend F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
    friend F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
    friend F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
    friend F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
    friend F32x16 zero_where_equal(F32x16 a, F32x16 x, F32x16 y) {
        return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, y.v, _CMP_NEQ_UQ), a.v)};
    }
    friend unsigned equal_lanes(F32x16 x, F32x16 y) { return _mm512_cmp_ps_mask(x.v, y.v, _CMP_EQ_OQ); }
    friend int count_equal(F32x16 x, F32x16 y) { return __builtin_popcount(equal_lanes(x, y)); }
    // By the bits: on Zen 4 scalef takes two cycles, and a mask besides.
    friend F32x16 whole(F32x16 x) {
        return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x.v), _mm512_set1_epi32(whole_bits)))};
    }
    friend F32x16 power(F32x16 x) {
        return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x.v), power_shift))};
    }
    friend float reduce_max(F32x16 a) { return _mm512_reduce_max_ps(a.v); }
    friend float reduce_sum(F32x16 a) {
        const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
        const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
    }
    friend void unzip(F32x16& a, F32x16& b) {
        const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        const __m512 evens = _mm512_permutex2var_ps(a.v, even, b.v);
        b.v = _mm512_permutex2var_ps(a.v, _mm512_add_epi32(even, _mm512_set1_epi32(1)), b.v);
        a.v = evens;
    }
    friend void zip(F32x16& a, F32x16& b) {
        const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const __m512 first = _mm512_permutex2var_ps(a.v, low, b.v);
        b.v = _mm512_permutex2var_ps(a.v, _mm512_add_epi32(low, _mm512_set1_epi32(8)), b.v);
        a.v = first;
    }
    friend void transpose(F32x16* rows) {
        __m512 pairs[16];
        for (int i = 0; i < 16; i += 2) {
            pairs[i] = _mm512_unpacklo_ps(rows[i].v, rows[i + 1].v);
            pairs[i + 1] = _mm512_unpackhi_ps(rows[i].v, rows[i + 1].v);
        }
        // fours[4 i + j]: of the rows 4 i to 4 i + 3 the columns j, j + 4, j + 8, j + 12.
        __m512 fours[16];
        for (int i = 0; i < 16; i += 4) {
            for (int j = 0; j < 2; ++j) {
                const __m512d a = _mm512_castps_pd(pairs[i + j]), b = _mm512_castps_pd(pairs[i + j + 2]);
                fours[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                fours[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
            }
        }
        for (int j = 0; j < 4; ++j) {
            const __m512 low = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0x88);
            const __m512 high = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0x88);
            const __m512 low_odd = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0xdd);
            const __m512 high_odd = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0xdd);
            rows[j].v = _mm512_shuffle_f32x4(low, high, 0x88);
            rows[4 + j].v = _mm512_shuffle_f32x4(low_odd, high_odd, 0x88);
            rows[8 + j].v = _mm512_shuffle_f32x4(low, high, 0xdd);
            rows[12 + j].v = _mm512_shuffle_f32x4(low_odd, high_odd, 0xdd);
        }
    }

private:
    static F32x16 keep(F32x16 x, __m128i mask) {
        return {_mm512_mask_mov_ps(_mm512_set1_ps(-__builtin_inff()), _mm_test_epi8_mask(mask, mask), x.v)};
    }
};

struct F64x8 {
    static constexpr int lanes = 8;
    static constexpr int interleave = 2;
    __m512d v;

    static __mmask8 first(int n) { return static_cast<__mmask8>((1u << n) - 1u); }
    static F64x8 set1(double a) { return {_mm512_set1_pd(a)}; }
    static F64x8 load(const double* p) { return {_mm512_loadu_pd(p)}; }
    static F64x8 load(const float* p) { return {_mm512_cvtps_pd(_mm256_loadu_ps(p))}; }
    static F64x8 load_part(const double* p, int n, double fill) {
        return {_mm512_mask_loadu_pd(_mm512_set1_pd(fill), first(n), p)};
    }
    static F64x8 load_part(const float* p, int n, double fill) {
        const __m256 part = _mm256_maskz_loadu_ps(first(n), p);
        return {_mm512_mask_cvtps_pd(_mm512_set1_pd(fill), first(n), part)};
    }
    void store(double* p) const { _mm512_storeu_pd(p, v); }
    void store(float* p) const { _mm256_storeu_ps(p, _mm512_cvtpd_ps(v)); }
    void store_part(double* p, int n) const { _mm512_mask_storeu_pd(p, first(n), v); }
    void store_part(float* p, int n) const { _mm256_mask_storeu_ps(p, first(n), _mm512_cvtpd_ps(v)); }

    template <Half H>
    static F64x8 load(const H* p) {
        return {_mm512_cvtps_pd(Halves<H>::widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
    }
    template <Half H>
    static F64x8 load_part(const H* p, int n, double fill) {
        const __m256 part = Halves<H>::widen(_mm_maskz_loadu_epi16(first(n), p));
        return {_mm512_mask_cvtps_pd(_mm512_set1_pd(fill), first(n), part)};
    }
    template <Half H>
    void store(H* p) const {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), Halves<H>::narrow(_mm512_cvtpd_ps(v)));
    }
    template <Half H>
    void store_part(H* p, int n) const {
        _mm_mask_storeu_epi16(p, first(n), Halves<H>::narrow(_mm512_cvtpd_ps(v)));
    }

    friend F64x8 keep_where(F64x8 x, const std::uint8_t* mask) {
        return keep(x, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(mask)));
    }
    friend F64x8 keep_where(F64x8 x, const std::uint8_t* mask, int n) {
        return keep(x, _mm_mask_loadu_epi8(_mm_set1_epi8(1), first(n), mask));
    }
    friend F64x8 operator+(F64x8 a, F64x8 b) { return {_mm512_add_pd(a.v, b.v)}; }
    friend F64x8 operator-(F64x8 a, F64x8 b) { return {_mm512_sub_pd(a.v, b.v)}; }
    friend F64x8 operator*(F64x8 a, F64x8 b) { return {_mm512_mul_pd(a.v, b.v)}; }
    friend F64x8 operator/(F64x8 a, F64x8 b) { return {_mm512_div_pd(a.v, b.v)}; }
    friend F64x8 max(F64x8 a, F64x8 b) { return {_mm512_max_pd(a.v, b.v)}; }
    friend F64x8 fma(F64x8 a, F64x8 b, F64x8 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
    friend F64x8 zero_where_equal(F64x8 a, F64x8 x, F64x8 y) {
        return {_mm512_maskz_mov_pd(_mm512_cmp_pd_mask(x.v, y.v, _CMP_NEQ_UQ), a.v)};
    }
    friend unsigned equal_lanes(F64x8 x, F64x8 y) { return _mm512_cmp_pd_mask(x.v, y.v, _CMP_EQ_OQ); }
    friend int count_equal(F64x8 x, F64x8 y) { return __builtin_popcount(equal_lanes(x, y)); }
    friend Power<F64x8> power_of(F64x8 f) {
        const __m512d k = _mm512_roundscale_pd(f.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __mmask8 normal = _mm512_cmp_pd_mask(k, _mm512_set1_pd(lowest_power_double), _CMP_GE_OQ);
        return {{k}, {_mm512_maskz_scalef_pd(normal, _mm512_set1_pd(0x1p+500), k)}};
    }
    friend Split<F64x8> split(F64x8 u) {
        const __m512i above = _mm512_sub_epi64(_mm512_castpd_si512(u.v), _mm512_set1_epi64(sqrt_half_bits));
        const __m512i k = _mm512_srli_epi64(above, 52);
        const __m512i down = _mm512_slli_epi64(_mm512_sub_epi64(_mm512_set1_epi64(1023), k), 52);
        const F64x8 power{_mm512_castsi512_pd(down)};
        return {{_mm512_cvtepi64_pd(k)}, u * power, power};
    }
    friend double reduce_max(F64x8 a) { return _mm512_reduce_max_pd(a.v); }
    friend double reduce_sum(F64x8 a) {
        const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(a.v), _mm512_extractf64x4_pd(a.v, 1));
        const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
        return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
    }

private:
    static F64x8 keep(F64x8 x, __m128i mask) {
        const auto kept = static_cast<__mmask8>(_mm_test_epi8_mask(mask, mask));
        return {_mm512_mask_mov_pd(_mm512_set1_pd(-__builtin_inf()), kept, x.v)};
    }
};

inline F64x8 widen_low(F32x16 a) { return {_mm512_cvtps_pd(_mm512_castps512_ps256(a.v))}; }
inline F64x8 widen_high(F32x16 a) { return {_mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1))}; }
inline F32x16 narrow(F64x8 low, F64x8 high) {
    return {_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low.v)), _mm512_cvtpd_ps(high.v), 1)};
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
