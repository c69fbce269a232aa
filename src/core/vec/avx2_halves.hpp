// Elements of half a float's size as eight floats and back, with AVX2 and F16C. Rules: see generic.hpp.
#pragma once

#include <immintrin.h>

#include "vec/first_bytes.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class H>
struct Halves;

template <>
struct Halves<Float16> {
    static __m256 widen(__m128i halves) { return _mm256_cvtph_ps(halves); }
    static __m128i narrow(__m256 x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
};

template <>
struct Halves<BFloat16> {
    static __m256 widen(__m128i halves) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
    }
    static __m128i narrow(__m256 x) {
        const __m256i bits = _mm256_castps_si256(x), upper = _mm256_srli_epi32(bits, 16);
        const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
        const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
        const __m256i rounded = _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), quiet,
                                                   _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
        return _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    }
};

template <Half H>
inline __m256 load_eight(const H* p) {
    return Halves<H>::widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
template <Half H>
inline void store_eight(H* p, __m256 x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), Halves<H>::narrow(x));
}
// The first n of them: none up to eight, zeros behind.
template <Half H>
inline __m256 load_first(const H* p, int n) {
    const auto low = static_cast<long long>(first_bytes(p, 2 * n));
    const auto high = static_cast<long long>(first_bytes(p + 4, 2 * n - 8));
    return Halves<H>::widen(_mm_set_epi64x(high, low));
}
template <Half H>
inline void store_first(H* p, int n, __m256 x) {
    const __m128i halves = Halves<H>::narrow(x);
    store_first(static_cast<std::uint64_t>(_mm_cvtsi128_si64(halves)), p, n);
    store_first(static_cast<std::uint64_t>(_mm_extract_epi64(halves, 1)), p + 4, n - 4);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
