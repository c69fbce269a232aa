// Lane primitives for AVX2 with FMA: F32x16 is two ymm registers, F64x8 another two. Rules: see generic.hpp.
#pragma once

#include <immintrin.h>

#include "vec/avx2_halves.hpp"
#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Sliding a window of lanes over it gives the mask of the first n lanes.
alignas(64) constexpr std::int32_t mask_window[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                                      0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0};

inline __m256i first_floats(int n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask_window + 16 - n));
}
inline __m256i first_doubles(int n) {
    return _mm256_cvtepi32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(mask_window + 16 - n)));
}
inline int clamp_lanes(int n, int most) { return n < 0 ? 0 : n > most ? most : n; }

struct F32x16 {
    static constexpr int lanes = 16;
    static constexpr int interleave = 1;
    static constexpr bool staged = true;
    __m256 a, b;

    static F32x16 set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
    static F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
    LOGITKIT_INLINE static F32x16 load_part(const float* p, int n, float fill) {
        return {load_half(p, clamp_lanes(n, 8), fill), load_half(p + 8, clamp_lanes(n - 8, 8), fill)};
    }
    void store(float* p) const {
        _mm256_storeu_ps(p, a);
        _mm256_storeu_ps(p + 8, b);
    }
    LOGITKIT_INLINE void store_part(float* p, int n) const {
        if (n < 8) return store_half(p, n, a);
        _mm256_storeu_ps(p, a);
        store_half(p + 8, n - 8, b);
    }
    void stream(float* p) const {
        _mm256_stream_ps(p, a);
        _mm256_stream_ps(p + 8, b);
    }
    static void fence() { _mm_sfence(); }

    template <Half H>
    static F32x16 load(const H* p) {
        return {load_eight(p), load_eight(p + 8)};
    }
    template <Half H>
    static F32x16 load_part(const H* p, int n, float fill) {
        const __m256 filler = _mm256_set1_ps(fill);
        const auto half = [&](const H* halves, int some) {
            return _mm256_blendv_ps(filler, load_first(halves, some), _mm256_castsi256_ps(first_floats(some)));
        };
        return {half(p, clamp_lanes(n, 8)), half(p + 8, clamp_lanes(n - 8, 8))};
    }
    template <Half H>
    void store(H* p) const {
        store_eight(p, a);
        store_eight(p + 8, b);
    }
    template <Half H>
    void store_part(H* p, int n) const {
        store_first(p, n, a);
        if (n > 8) store_first(p + 8, n - 8, b);
    }
    friend F32x16 keep_where(F32x16 x, const std::uint8_t* mask) { return keep_where(x, mask, lanes); }
    friend F32x16 keep_where(F32x16 x, const std::uint8_t* mask, int n) {
        return {keep_half(x.a, first_of_mask(mask, n)), keep_half(x.b, first_of_mask(mask + 8, n - 8))};
    }

    friend F32x16 operator+(F32x16 x, F32x16 y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
    friend F32x16 operator-(F32x16 x, F32x16 y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
    friend F32x16 operator*(F32x16 x, F32x16 y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
    friend F32x16 operator/(F32x16 x, F32x16 y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
    friend F32x16 max(F32x16 x, F32x16 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
    friend F32x16 fma(F32x16 x, F32x16 y, F32x16 z) {
        return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
    }
    friend F32x16 zero_where_equal(F32x16 e, F32x16 x, F32x16 y) {
        return {_mm256_andnot_ps(_mm256_cmp_ps(x.a, y.a, _CMP_EQ_OQ), e.a),
                _mm256_andnot_ps(_mm256_cmp_ps(x.b, y.b, _CMP_EQ_OQ), e.b)};
    }
    friend unsigned equal_lanes(F32x16 x, F32x16 y) {
        return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(x.a, y.a, _CMP_EQ_OQ))) |
               static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(x.b, y.b, _CMP_EQ_OQ))) << 8;
    }
    friend int count_equal(F32x16 x, F32x16 y) { return __builtin_popcount(equal_lanes(x, y)); }
    friend F32x16 whole(F32x16 x) {
        const __m256 bits = _mm256_castsi256_ps(_mm256_set1_epi32(whole_bits));
        return {_mm256_and_ps(x.a, bits), _mm256_and_ps(x.b, bits)};
    }
    friend F32x16 power(F32x16 x) { return {power_half(x.a), power_half(x.b)}; }
    friend float reduce_max(F32x16 x) {
        const __m256 eight = _mm256_max_ps(x.a, x.b);
        __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        four = _mm_max_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
    }

    friend float reduce_sum(F32x16 x) {
        const __m256 eight = _mm256_add_ps(x.a, x.b);
        const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
    }
    friend void unzip(F32x16& x, F32x16& y) {
        const __m256 first = x.a, second = x.b, third = y.a, fourth = y.b;
        x = {evens(first, second), evens(third, fourth)};
        y = {odds(first, second), odds(third, fourth)};
    }
    friend void zip(F32x16& x, F32x16& y) {
        const auto low = [](__m256 a, __m256 b) { return _mm256_permute2f128_ps(a, b, 0x20); };
        const auto high = [](__m256 a, __m256 b) { return _mm256_permute2f128_ps(a, b, 0x31); };
        const __m256 a = _mm256_unpacklo_ps(x.a, y.a), b = _mm256_unpackhi_ps(x.a, y.a);
        const __m256 c = _mm256_unpacklo_ps(x.b, y.b), d = _mm256_unpackhi_ps(x.b, y.b);
        x = {low(a, b), high(a, b)};
        y = {low(c, d), high(c, d)};
    }
    friend void transpose(F32x16* rows) {
        __m256 columns[4][8]; // of the first and the last eight rows, first a, then b
        for (int half = 0; half < 2; ++half) {
            __m256 a[8], b[8];
            for (int i = 0; i < 8; ++i) a[i] = rows[8 * half + i].a, b[i] = rows[8 * half + i].b;
            transpose_eight(a, columns[half]);
            transpose_eight(b, columns[2 + half]);
        }
        for (int j = 0; j < 8; ++j) {
            rows[j] = {columns[0][j], columns[1][j]};
            rows[8 + j] = {columns[2][j], columns[3][j]};
        }
    }

private:
    static __m256 evens(__m256 a, __m256 b) { return in_order(_mm256_shuffle_ps(a, b, 0x88)); }
    static __m256 odds(__m256 a, __m256 b) { return in_order(_mm256_shuffle_ps(a, b, 0xdd)); }
    static __m256 in_order(__m256 x) { return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8)); }
    static void transpose_eight(const __m256* rows, __m256* columns) {
        for (int j = 0; j < 4; j += 2) {
            __m256 four[2][2]; // of the rows 0 to 3 and 4 to 7: the columns j and j + 4, j + 1 and j + 5
            for (int i = 0; i < 2; ++i) {
                const __m256* const r = rows + 4 * i;
                const __m256 a = j == 0 ? _mm256_unpacklo_ps(r[0], r[1]) : _mm256_unpackhi_ps(r[0], r[1]);
                const __m256 b = j == 0 ? _mm256_unpacklo_ps(r[2], r[3]) : _mm256_unpackhi_ps(r[2], r[3]);
                four[0][i] = _mm256_shuffle_ps(a, b, 0x44);
                four[1][i] = _mm256_shuffle_ps(a, b, 0xee);
            }
            for (int i = 0; i < 2; ++i) {
                columns[j + i] = _mm256_permute2f128_ps(four[i][0], four[i][1], 0x20);
                columns[j + i + 4] = _mm256_permute2f128_ps(four[i][0], four[i][1], 0x31);
            }
        }
    }
    static __m256 keep_half(__m256 x, std::uint64_t mask) {
        const __m256i bytes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(mask)));
        const __m256i out = _mm256_cmpeq_epi32(bytes, _mm256_setzero_si256());
        return _mm256_blendv_ps(x, _mm256_set1_ps(-__builtin_inff()), _mm256_castsi256_ps(out));
    }
    // By halves: AMD's processors before Zen 3 take 20 to 40 cycles for a masked store.
    static void store_half(float* p, int n, __m256 v) {
        if (n == 8) return _mm256_storeu_ps(p, v);
        __m128 rest = _mm256_castps256_ps128(v);
        if (n & 4) {
            _mm_storeu_ps(p, rest);
            rest = _mm256_extractf128_ps(v, 1);
            p += 4;
        }
        if (n & 2) {
            _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
            rest = _mm_movehl_ps(rest, rest);
            p += 2;
        }
        if (n & 1) _mm_store_ss(p, rest);
    }
    static __m256 load_half(const float* p, int n, float fill) {
        if (n == 0) return _mm256_set1_ps(fill);
        const __m256i mask = first_floats(n);
        return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
    }
    static __m256 power_half(__m256 x) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), power_shift));
    }
};

struct F64x8 {
    static constexpr int lanes = 8;
    static constexpr int interleave = 1;
    __m256d a, b;

    static F64x8 set1(double x) { return {_mm256_set1_pd(x), _mm256_set1_pd(x)}; }
    static F64x8 load(const double* p) { return {_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }
    static F64x8 load(const float* p) {
        return {_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4))};
    }
    static F64x8 load_part(const double* p, int n, double fill) {
        return {load_half(p, clamp_lanes(n, 4), fill), load_half(p + 4, clamp_lanes(n - 4, 4), fill)};
    }
    static F64x8 load_part(const float* p, int n, double fill) {
        return keep_first(from_floats(_mm256_maskload_ps(p, first_floats(n))), n, fill);
    }
    void store(double* p) const {
        _mm256_storeu_pd(p, a);
        _mm256_storeu_pd(p + 4, b);
    }
    void store(float* p) const { _mm256_storeu_ps(p, to_floats()); }
    void store_part(double* p, int n) const {
        _mm256_maskstore_pd(p, first_doubles(clamp_lanes(n, 4)), a);
        if (n > 4) _mm256_maskstore_pd(p + 4, first_doubles(n - 4), b);
    }
    void store_part(float* p, int n) const { _mm256_maskstore_ps(p, first_floats(n), to_floats()); }
    __m256 to_floats() const { return _mm256_set_m128(_mm256_cvtpd_ps(b), _mm256_cvtpd_ps(a)); }

    template <Half H>
    static F64x8 load(const H* p) {
        return from_floats(load_eight(p));
    }
    template <Half H>
    static F64x8 load_part(const H* p, int n, double fill) {
        return keep_first(from_floats(load_first(p, n)), n, fill);
    }
    template <Half H>
    void store(H* p) const {
        store_eight(p, to_floats());
    }
    template <Half H>
    void store_part(H* p, int n) const {
        store_first(p, n, to_floats());
    }
    friend F64x8 keep_where(F64x8 x, const std::uint8_t* mask) { return keep_where(x, mask, lanes); }
    friend F64x8 keep_where(F64x8 x, const std::uint8_t* mask, int n) {
        const std::uint64_t bytes = first_of_mask(mask, n);
        return {keep_half(x.a, static_cast<int>(bytes)), keep_half(x.b, static_cast<int>(bytes >> 32))};
    }
    friend F64x8 operator+(F64x8 x, F64x8 y) { return {_mm256_add_pd(x.a, y.a), _mm256_add_pd(x.b, y.b)}; }
    friend F64x8 operator-(F64x8 x, F64x8 y) { return {_mm256_sub_pd(x.a, y.a), _mm256_sub_pd(x.b, y.b)}; }
    friend F64x8 operator*(F64x8 x, F64x8 y) { return {_mm256_mul_pd(x.a, y.a), _mm256_mul_pd(x.b, y.b)}; }
    friend F64x8 operator/(F64x8 x, F64x8 y) { return {_mm256_div_pd(x.a, y.a), _mm256_div_pd(x.b, y.b)}; }
    friend F64x8 max(F64x8 x, F64x8 y) { return {_mm256_max_pd(x.a, y.a), _mm256_max_pd(x.b, y.b)}; }
    friend F64x8 fma(F64x8 x, F64x8 y, F64x8 z) {
        return {_mm256_fmadd_pd(x.a, y.a, z.a), _mm256_fmadd_pd(x.b, y.b, z.b)};
    }
    friend F64x8 zero_where_equal(F64x8 e, F64x8 x, F64x8 y) {
        return {_mm256_andnot_pd(_mm256_cmp_pd(x.a, y.a, _CMP_EQ_OQ), e.a),
                _mm256_andnot_pd(_mm256_cmp_pd(x.b, y.b, _CMP_EQ_OQ), e.b)};
    }
    friend unsigned equal_lanes(F64x8 x, F64x8 y) {
        return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(x.a, y.a, _CMP_EQ_OQ))) |
               static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(x.b, y.b, _CMP_EQ_OQ))) << 4;
    }
    friend int count_equal(F64x8 x, F64x8 y) { return __builtin_popcount(equal_lanes(x, y)); }
    friend Power<F64x8> power_of(F64x8 f) {
        const F64x8 magic = set1(magic_double), magic_k = f + magic;
        return {magic_k - magic, {power_half(magic_k.a), power_half(magic_k.b)}};
    }
    friend Split<F64x8> split(F64x8 u) {
        const __m256i a = exponent_half(u.a), b = exponent_half(u.b);
        const F64x8 power{down_half(a), down_half(b)};
        return {{to_doubles(a), to_doubles(b)}, u * power, power};
    }
    friend double reduce_max(F64x8 x) {
        const __m256d four = _mm256_max_pd(x.a, x.b);
        const __m128d two = _mm_max_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
        return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
    }
    friend double reduce_sum(F64x8 x) {
        const __m256d four = _mm256_add_pd(x.a, x.b);
        const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
        return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
    }

private:
    static __m256i exponent_half(__m256d u) {
        return _mm256_srli_epi64(_mm256_sub_epi64(_mm256_castpd_si256(u), _mm256_set1_epi64x(sqrt_half_bits)), 52);
    }
    static __m256d down_half(__m256i k) {
        return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_sub_epi64(_mm256_set1_epi64x(1023), k), 52));
    }
    // Of integers from 0 to 2^51: they are set into the mantissa of 2^52.
    static __m256d to_doubles(__m256i k) {
        const __m256d two52 = _mm256_set1_pd(0x1p+52);
        return _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(k), two52), two52);
    }
    static F64x8 from_floats(__m256 x) {
        return {_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))};
    }
    static F64x8 keep_first(F64x8 x, int n, double fill) {
        const __m256d filler = _mm256_set1_pd(fill);
        return {_mm256_blendv_pd(filler, x.a, _mm256_castsi256_pd(first_doubles(clamp_lanes(n, 4)))),
                _mm256_blendv_pd(filler, x.b, _mm256_castsi256_pd(first_doubles(clamp_lanes(n - 4, 4))))};
    }
    static __m256d keep_half(__m256d x, int mask) {
        const __m256i out = _mm256_cmpeq_epi64(_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(mask)), _mm256_setzero_si256());
        return _mm256_blendv_pd(x, _mm256_set1_pd(-__builtin_inf()), _mm256_castsi256_pd(out));
    }
    static __m256d load_half(const double* p, int n, double fill) {
        if (n == 0) return _mm256_set1_pd(fill);
        const __m256i mask = first_doubles(n);
        return _mm256_blendv_pd(_mm256_set1_pd(fill), _mm256_maskload_pd(p, mask), _mm256_castsi256_pd(mask));
    }
    static __m256d power_half(__m256d magic_k) {
        const __m256i biased = _mm256_add_epi64(_mm256_castpd_si256(magic_k), _mm256_set1_epi64x(power_offset_double));
        const __m256i below = _mm256_cmpgt_epi64(_mm256_setzero_si256(), biased);
        return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_andnot_si256(below, biased), 52));
    }
};

inline F64x8 widen_low(F32x16 x) {
    return {_mm256_cvtps_pd(_mm256_castps256_ps128(x.a)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1))};
}
inline F64x8 widen_high(F32x16 x) {
    return {_mm256_cvtps_pd(_mm256_castps256_ps128(x.b)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1))};
}
inline F32x16 narrow(F64x8 low, F64x8 high) { return {low.to_floats(), high.to_floats()}; }

} // namespace
} // namespace logitkit::LOGITKIT_ISA
