// The third part of immintrin.h: lanes that change places, sums across them, and integers of 64 bits.
#pragma once

using __m128 = Register<float, 4>;
using Integers64 = Register<std::uint64_t, 8>;

namespace emulated {
namespace {

// In each 128 bits: of their lower (`half` 0) or upper half the lanes of a and b in turn.
template <class R>
R unpack(R a, R b, int half) {
    constexpr int some = 16 / static_cast<int>(sizeof(a.v[0]));
    return make<R>([&](int i) {
        const int lane = i / some * some + half * some / 2 + i % some / 2;
        return i % 2 == 0 ? a.v[lane] : b.v[lane];
    });
}
// Each two bits of `control` choose 128 bits: two of a, then two of b.
inline __m512 shuffle_fours(__m512 a, __m512 b, int control) {
    return make<__m512>([&](int i) {
        const int four = control >> (i / 4 * 2) & 3;
        return (i < 8 ? a : b).v[4 * four + i % 4];
    });
}
// f(number) of the 64-bit integers in a.
template <class F>
__m512i map64(__m512i a, F f) {
    const auto numbers = load<Integers64>(&a);
    const auto result = make<Integers64>([&](int i) { return f(numbers.v[i]); });
    return load<__m512i>(&result);
}

} // namespace
} // namespace emulated

static inline __m512 _mm512_div_ps(__m512 a, __m512 b) {
    return emulated::make<__m512>([&](int i) { return a.v[i] / b.v[i]; });
}
static inline __m512d _mm512_div_pd(__m512d a, __m512d b) {
    return emulated::make<__m512d>([&](int i) { return a.v[i] / b.v[i]; });
}

static inline __m512d _mm512_castps_pd(__m512 a) { return emulated::load<__m512d>(&a); }
static inline __m512 _mm512_castpd_ps(__m512d a) { return emulated::load<__m512>(&a); }
static inline __m512 _mm512_unpacklo_ps(__m512 a, __m512 b) { return emulated::unpack(a, b, 0); }
static inline __m512 _mm512_unpackhi_ps(__m512 a, __m512 b) { return emulated::unpack(a, b, 1); }
static inline __m512d _mm512_unpacklo_pd(__m512d a, __m512d b) { return emulated::unpack(a, b, 0); }
static inline __m512d _mm512_unpackhi_pd(__m512d a, __m512d b) { return emulated::unpack(a, b, 1); }
template <class... Numbers>
static inline __m512i _mm512_setr_epi32(Numbers... numbers) {
    return {{static_cast<std::uint32_t>(numbers)...}};
}
// Each index chooses one of the lanes of a, then of b.
static inline __m512 _mm512_permutex2var_ps(__m512 a, __m512i index, __m512 b) {
    return emulated::make<__m512>([&](int i) {
        const unsigned lane = index.v[i] & 31;
        return lane < 16 ? a.v[lane] : b.v[lane - 16];
    });
}
static inline __m512 _mm512_shuffle_f32x4(__m512 a, __m512 b, int control) {
    return emulated::shuffle_fours(a, b, control);
}

static inline __m256 _mm256_add_ps(__m256 a, __m256 b) { return emulated::add(a, b); }
static inline __m128 _mm256_castps256_ps128(__m256 a) { return emulated::extract<__m128>(a, 0); }
static inline __m128 _mm256_extractf128_ps(__m256 a, int which) { return emulated::extract<__m128>(a, which); }
static inline __m128 _mm_add_ps(__m128 a, __m128 b) { return emulated::add(a, b); }
static inline __m128 _mm_add_ss(__m128 a, __m128 b) { return {{a.v[0] + b.v[0], a.v[1], a.v[2], a.v[3]}}; }
static inline __m128 _mm_movehl_ps(__m128 a, __m128 b) { return {{b.v[2], b.v[3], a.v[2], a.v[3]}}; }
static inline __m128 _mm_movehdup_ps(__m128 a) { return {{a.v[1], a.v[1], a.v[3], a.v[3]}}; }
static inline float _mm_cvtss_f32(__m128 a) { return a.v[0]; }

static inline __m512i _mm512_castpd_si512(__m512d a) { return emulated::load<__m512i>(&a); }
static inline __m512d _mm512_castsi512_pd(__m512i a) { return emulated::load<__m512d>(&a); }
static inline __m512i _mm512_set1_epi64(long long x) {
    return emulated::map64(__m512i{}, [&](std::uint64_t) { return static_cast<std::uint64_t>(x); });
}
static inline __m512i _mm512_sub_epi64(__m512i a, __m512i b) {
    const auto x = emulated::load<Integers64>(&a), y = emulated::load<Integers64>(&b);
    const auto result = emulated::make<Integers64>([&](int i) { return x.v[i] - y.v[i]; });
    return emulated::load<__m512i>(&result);
}
static inline __m512i _mm512_slli_epi64(__m512i a, unsigned n) {
    return emulated::map64(a, [&](std::uint64_t x) { return x << n; });
}
static inline __m512i _mm512_srli_epi64(__m512i a, unsigned n) {
    return emulated::map64(a, [&](std::uint64_t x) { return x >> n; });
}
static inline __m512d _mm512_cvtepi64_pd(__m512i a) {
    const auto x = emulated::load<Integers64>(&a);
    return emulated::make<__m512d>([&](int i) { return static_cast<double>(static_cast<std::int64_t>(x.v[i])); });
}
