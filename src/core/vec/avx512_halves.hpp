// Elements of half a float's size as floats and back, with AVX-512. Rules: see generic.hpp.
#pragma once

#include <immintrin.h>

#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class H>
struct Halves;

template <>
struct Halves<Float16> {
    static __m512 widen(__m256i halves) { return _mm512_cvtph_ps(halves); }
    static __m256 widen(__m128i halves) { return _mm256_cvtph_ps(halves); }
    static __m256i narrow(__m512 x) { return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
    static __m128i narrow(__m256 x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
};

template <>
struct Halves<BFloat16> {
    static __m512 widen(__m256i halves) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    }
    static __m256 widen(__m128i halves) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
    }
    static __m256i narrow(__m512 x) {
        const __m512i bits = _mm512_castps_si512(x), upper = _mm512_srli_epi32(bits, 16);
        const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
        const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        const __m512i quiet = _mm512_or_si512(upper, _mm512_set1_epi32(0x40));
        return _mm512_cvtepi32_epi16(
            _mm512_mask_mov_epi32(_mm512_srli_epi32(up, 16), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet));
    }
    static __m128i narrow(__m256 x) {
        const __m256i bits = _mm256_castps_si256(x), upper = _mm256_srli_epi32(bits, 16);
        const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
        const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
        return _mm256_cvtepi32_epi16(
            _mm256_mask_mov_epi32(_mm256_srli_epi32(up, 16), _mm256_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet));
    }
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
