// The other half of immintrin.h: integers, float16, and masks of bytes.
#pragma once

using __m512i = Register<std::uint32_t, 16>;
using __m256i = Register<std::uint16_t, 16>;
// Half as wide, each of another size than its type says.
using Integers32 = Register<std::uint32_t, 8>;
using Integers16 = Register<std::uint16_t, 8>;
using __m128i = Register<std::uint8_t, 16>;

#define _CMP_UNORD_Q 0x03

namespace emulated {
namespace {

// By value, where elements.hpp goes by bits.
inline float from_float16(std::uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float sign = bits >> 15 ? -1.0f : 1.0f;
    if (exponent == 31) return fraction ? __builtin_nanf("") : sign * __builtin_inff();
    const int whole = exponent == 0 ? fraction : 1024 + fraction;
    return sign * __builtin_ldexpf(static_cast<float>(whole), (exponent == 0 ? 1 : exponent) - 25);
}
inline std::uint16_t to_float16(float x) {
    const unsigned sign = __builtin_signbit(x) ? 0x8000 : 0;
    if (x != x) return static_cast<std::uint16_t>(sign | 0x7e00);
    const float magnitude = __builtin_fabsf(x);
    if (magnitude >= 65520) return static_cast<std::uint16_t>(sign | 0x7c00);
    if (magnitude == 0) return static_cast<std::uint16_t>(sign);
    int exponent = 0;
    __builtin_frexpf(magnitude, &exponent);
    if (exponent < -13) exponent = -13; // subnormal numbers have the unit of the smallest normal ones
    const unsigned units = static_cast<unsigned>(__builtin_rintf(__builtin_ldexpf(magnitude, 11 - exponent)));
    // A number of 1024 units carries into the exponent by itself.
    return static_cast<std::uint16_t>(sign | (units + (static_cast<unsigned>(exponent + 13) << 10)));
}
inline unsigned unordered(__m512 a, __m512 b) {
    unsigned mask = 0;
    for (int i = 0; i < 16; ++i) mask |= static_cast<unsigned>(a.v[i] != a.v[i] || b.v[i] != b.v[i]) << i;
    return mask;
}
inline unsigned unordered(__m256 a, __m256 b) {
    unsigned mask = 0;
    for (int i = 0; i < 8; ++i) mask |= static_cast<unsigned>(a.v[i] != a.v[i] || b.v[i] != b.v[i]) << i;
    return mask;
}
// f(number, number) of the 32-bit integers in a and b.
template <class F>
__m256i map32(__m256i a, __m256i b, F f) {
    const auto x = load<Integers32>(&a), y = load<Integers32>(&b);
    const auto result = make<Integers32>([&](int i) { return f(x.v[i], y.v[i]); });
    return load<__m256i>(&result);
}
// What the other predicates mean stands in immintrin.h.
template <int predicate>
unsigned compare_all(__m512 a, __m512 b) {
    if constexpr (predicate == _CMP_UNORD_Q) {
        return unordered(a, b);
    } else {
        return compare<predicate>(a, b);
    }
}

template <int predicate>
unsigned compare_unordered(__m256 a, __m256 b) {
    static_assert(predicate == _CMP_UNORD_Q);
    return unordered(a, b);
}

} // namespace
} // namespace emulated

#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask(a, b, predicate) static_cast<__mmask16>(emulated::compare_all<(predicate)>(a, b))

static inline __m256i _mm256_loadu_si256(const __m256i* p) { return emulated::load<__m256i>(p); }
static inline void _mm256_storeu_si256(__m256i* p, __m256i a) { emulated::store(p, a); }
static inline __m128i _mm_loadu_si128(const __m128i* p) { return emulated::load<__m128i>(p); }
static inline __m128i _mm_loadl_epi64(const __m128i* p) {
    __m128i r{};
    __builtin_memcpy(&r, p, 8);
    return r;
}

static inline __m256i _mm256_maskz_loadu_epi16(__mmask16 k, const void* p) { return emulated::load(__m256i{}, k, p); }
static inline void _mm256_mask_storeu_epi16(void* p, __mmask16 k, __m256i a) { emulated::store(p, k, a); }
static inline void _mm_storeu_si128(__m128i* p, __m128i a) { emulated::store(p, a); }
static inline __m128i _mm_set1_epi8(char x) { return emulated::set1<__m128i>(static_cast<std::uint8_t>(x)); }
static inline __m128i _mm_mask_loadu_epi8(__m128i a, __mmask16 k, const void* p) { return emulated::load(a, k, p); }
// By the bytes of each half.
static inline __m128i _mm_maskz_loadu_epi16(__mmask8 k, const void* p) {
    const auto halves = emulated::load(Integers16{}, k, p);
    return emulated::load<__m128i>(&halves);
}
static inline void _mm_mask_storeu_epi16(void* p, __mmask8 k, __m128i a) {
    emulated::store(p, k, emulated::load<Integers16>(&a));
}

static inline __m512 _mm512_cvtph_ps(__m256i a) {
    return emulated::make<__m512>([&](int i) { return emulated::from_float16(a.v[i]); });
}
static inline __m256i _mm512_cvtps_ph(__m512 a, int control) {
    if (control != _MM_FROUND_TO_NEAREST_INT) std::raise(SIGILL); // not emulated
    return emulated::make<__m256i>([&](int i) { return emulated::to_float16(a.v[i]); });
}
static inline __m512i _mm512_cvtepu16_epi32(__m256i a) {
    return emulated::make<__m512i>([&](int i) { return static_cast<std::uint32_t>(a.v[i]); });
}
static inline __m256i _mm512_cvtepi32_epi16(__m512i a) {
    return emulated::make<__m256i>([&](int i) { return static_cast<std::uint16_t>(a.v[i]); });
}
static inline __m512i _mm512_castps_si512(__m512 a) { return emulated::load<__m512i>(&a); }
static inline __m512 _mm512_castsi512_ps(__m512i a) { return emulated::load<__m512>(&a); }
static inline __m512i _mm512_set1_epi32(int x) { return emulated::set1<__m512i>(static_cast<std::uint32_t>(x)); }
static inline __m512i _mm512_add_epi32(__m512i a, __m512i b) { return emulated::add(a, b); }
static inline __m512i _mm512_and_si512(__m512i a, __m512i b) {
    return emulated::make<__m512i>([&](int i) { return a.v[i] & b.v[i]; });
}
static inline __m512i _mm512_or_si512(__m512i a, __m512i b) {
    return emulated::make<__m512i>([&](int i) { return a.v[i] | b.v[i]; });
}
static inline __m512i _mm512_slli_epi32(__m512i a, unsigned n) {
    return emulated::make<__m512i>([&](int i) { return a.v[i] << n; });
}
static inline __m512i _mm512_srli_epi32(__m512i a, unsigned n) {
    return emulated::make<__m512i>([&](int i) { return a.v[i] >> n; });
}

static inline __m256 _mm256_cvtph_ps(__m128i a) {
    const auto halves = emulated::load<Integers16>(&a);
    return emulated::make<__m256>([&](int i) { return emulated::from_float16(halves.v[i]); });
}
static inline __m128i _mm256_cvtps_ph(__m256 a, int control) {
    if (control != _MM_FROUND_TO_NEAREST_INT) std::raise(SIGILL); // not emulated
    const auto halves = emulated::make<Integers16>([&](int i) { return emulated::to_float16(a.v[i]); });
    return emulated::load<__m128i>(&halves);
}
static inline __m256i _mm256_cvtepu16_epi32(__m128i a) {
    const auto halves = emulated::load<Integers16>(&a);
    const auto r = emulated::make<Integers32>([&](int i) { return static_cast<std::uint32_t>(halves.v[i]); });
    return emulated::load<__m256i>(&r);
}
static inline __m128i _mm256_cvtepi32_epi16(__m256i a) {
    const auto numbers = emulated::load<Integers32>(&a);
    const auto r = emulated::make<Integers16>([&](int i) { return static_cast<std::uint16_t>(numbers.v[i]); });
    return emulated::load<__m128i>(&r);
}
static inline __m256i _mm256_castps_si256(__m256 a) { return emulated::load<__m256i>(&a); }
static inline __m256 _mm256_castsi256_ps(__m256i a) { return emulated::load<__m256>(&a); }
static inline __m256i _mm256_set1_epi32(int x) {
    return emulated::map32(__m256i{}, __m256i{}, [&](auto, auto) { return static_cast<std::uint32_t>(x); });
}
static inline __m256i _mm256_add_epi32(__m256i a, __m256i b) {
    return emulated::map32(a, b, [](auto x, auto y) { return x + y; });
}
static inline __m256i _mm256_and_si256(__m256i a, __m256i b) {
    return emulated::map32(a, b, [](auto x, auto y) { return x & y; });
}
static inline __m256i _mm256_or_si256(__m256i a, __m256i b) {
    return emulated::map32(a, b, [](auto x, auto y) { return x | y; });
}
static inline __m256i _mm256_slli_epi32(__m256i a, unsigned n) {
    return emulated::map32(a, a, [&](auto x, auto) { return x << n; });
}
static inline __m256i _mm256_srli_epi32(__m256i a, unsigned n) {
    return emulated::map32(a, a, [&](auto x, auto) { return x >> n; });
}
static inline __m256i _mm256_mask_mov_epi32(__m256i a, __mmask8 k, __m256i b) {
    const auto r = emulated::blend(emulated::load<Integers32>(&a), k, emulated::load<Integers32>(&b));
    return emulated::load<__m256i>(&r);
}
#define _mm256_cmp_ps_mask(a, b, predicate) static_cast<__mmask8>(emulated::compare_unordered<(predicate)>(a, b))

static inline __m512i _mm512_mask_mov_epi32(__m512i a, __mmask16 k, __m512i b) { return emulated::blend(a, k, b); }
static inline __m512 _mm512_mask_mov_ps(__m512 a, __mmask16 k, __m512 b) { return emulated::blend(a, k, b); }
static inline __m512d _mm512_mask_mov_pd(__m512d a, __mmask8 k, __m512d b) { return emulated::blend(a, k, b); }
static inline __mmask16 _mm_test_epi8_mask(__m128i a, __m128i b) {
    unsigned mask = 0;
    for (int i = 0; i < 16; ++i) mask |= static_cast<unsigned>((a.v[i] & b.v[i]) != 0) << i;
    return static_cast<__mmask16>(mask);
}
