// Stands in for the compiler's header where AVX-512 is tested without it: what vec/avx512.hpp uses, lane by lane in
// plain C++, after the documented meaning of each intrinsic. What is missing here is added when it is used there.
//
// Found first through -Itests/core/emulated. Runs in the default rounding mode.
#pragma once

#include <csignal>
#include <cstdint>

template <class T, int n>
struct Register {
    T v[n];
};
using __m512 = Register<float, 16>;
using __m512d = Register<double, 8>;
using __m256 = Register<float, 8>;
using __m256d = Register<double, 4>;
using __m128d = Register<double, 2>;
using __mmask16 = std::uint16_t;
using __mmask8 = std::uint8_t;

// The numbers that the instructions encode.
#define _CMP_EQ_OQ 0x00
#define _CMP_NEQ_UQ 0x04
#define _CMP_GE_OQ 0x1d
#define _MM_FROUND_TO_NEAREST_INT 0x00
#define _MM_FROUND_NO_EXC 0x08

namespace emulated {
namespace {

template <class R>
constexpr int lanes = sizeof(R::v) / sizeof(R::v[0]);

inline bool has(unsigned mask, int lane) { return (mask >> lane & 1) != 0; }

// f(i) in each lane.
template <class R, class F>
R make(F f) {
    R r;
    for (int i = 0; i < lanes<R>; ++i) r.v[i] = f(i);
    return r;
}
template <class R, class T>
R set1(T x) {
    return make<R>([&](int) { return x; });
}
// Lanes that nothing promises: zeros would hide that one is read.
template <class R>
R undefined() {
    R r;
    __builtin_memset(&r, 0x5a, sizeof r);
    return r;
}

// By bytes: no alignment is asked for.
template <class R>
R load(const void* p) {
    R r;
    __builtin_memcpy(&r, p, sizeof r);
    return r;
}
template <class R>
void store(void* p, R a) {
    __builtin_memcpy(p, &a, sizeof a);
}
// Only the lanes in the mask are touched.
template <class R>
R load(R otherwise, unsigned mask, const void* p) {
    constexpr int size = sizeof(R) / lanes<R>;
    for (int i = 0; i < lanes<R>; ++i) {
        if (has(mask, i)) __builtin_memcpy(otherwise.v + i, static_cast<const char*>(p) + i * size, size);
    }
    return otherwise;
}
template <class R>
void store(void* p, unsigned mask, R a) {
    constexpr int size = sizeof(R) / lanes<R>;
    for (int i = 0; i < lanes<R>; ++i) {
        if (has(mask, i)) __builtin_memcpy(static_cast<char*>(p) + i * size, a.v + i, size);
    }
}
template <class R>
R blend(R otherwise, unsigned mask, R a) {
    return make<R>([&](int i) { return has(mask, i) ? a.v[i] : otherwise.v[i]; });
}

template <class R>
R add(R a, R b) {
    return make<R>([&](int i) { return a.v[i] + b.v[i]; });
}
template <class R>
R subtract(R a, R b) {
    return make<R>([&](int i) { return a.v[i] - b.v[i]; });
}
template <class R>
R multiply(R a, R b) {
    return make<R>([&](int i) { return a.v[i] * b.v[i]; });
}
// The second operand where one is NaN or both are zero.
template <class T>
T larger(T a, T b) {
    return a > b ? a : b;
}
template <class R>
R max(R a, R b) {
    return make<R>([&](int i) { return larger(a.v[i], b.v[i]); });
}
// The upper half against the lower one, until one lane is left.
template <class R>
auto reduce_max(R r) {
    for (int half = lanes<R> / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; ++i) r.v[i] = larger(r.v[i + half], r.v[i]);
    }
    return r.v[0];
}

inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
template <class R>
R fmadd(R a, R b, R c) {
    return make<R>([&](int i) { return fma(a.v[i], b.v[i], c.v[i]); });
}

// O: false, U: true where a NaN takes part.
template <int predicate, class R>
unsigned compare(R a, R b) {
    static_assert(predicate == _CMP_EQ_OQ || predicate == _CMP_NEQ_UQ || predicate == _CMP_GE_OQ);
    unsigned mask = 0;
    for (int i = 0; i < lanes<R>; ++i) {
        const bool equal = a.v[i] == b.v[i];
        const bool holds = predicate == _CMP_EQ_OQ ? equal : predicate == _CMP_NEQ_UQ ? !equal : a.v[i] >= b.v[i];
        mask |= static_cast<unsigned>(holds) << i;
    }
    return mask;
}

inline float nearest(float x) { return __builtin_rintf(x); }
inline double nearest(double x) { return __builtin_rint(x); }
// The upper four bits would keep binary places, the lower ones choose another rounding.
template <int control, class R>
R round_scale(R a) {
    static_assert(control == (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    return make<R>([&](int i) { return nearest(a.v[i]); });
}

inline float times_power(float x, int n) { return __builtin_ldexpf(x, n); }
inline double times_power(double x, int n) { return __builtin_ldexp(x, n); }
// a times 2^floor(b), rounded once, into the subnormal numbers too. Of a quiet NaN in a, an infinite b makes an
// infinity or 0; signalling ones are not told apart.
template <class T>
T scale(T a, T b) {
    const T infinity = static_cast<T>(__builtin_inf());
    const bool infinite = b == infinity || b == -infinity;
    if (a != a) return infinite ? (b > 0 ? infinity : T(0)) : a;
    if (b != b) return b;
    // NaN of 0 times infinity.
    if (infinite) return a * (b > 0 ? infinity : T(0));
    constexpr int far = 5000; // takes every number out of the range
    int n = b > T(far) ? far : b < T(-far) ? -far : static_cast<int>(b);
    if (static_cast<T>(n) > b && n > -far) --n; // the conversion went towards 0
    return times_power(a, n);
}
template <class R>
R scalef(unsigned mask, R a, R b) {
    return make<R>([&](int i) { return has(mask, i) ? scale(a.v[i], b.v[i]) : 0; });
}

inline __m512d widen(__m256 a) {
    return make<__m512d>([&](int i) { return static_cast<double>(a.v[i]); });
}
inline __m256 narrow(__m512d a) {
    return make<__m256>([&](int i) { return static_cast<float>(a.v[i]); });
}

// The part that is number `which` in a whole one.
template <class Part, class R>
Part extract(R a, int which) {
    return make<Part>([&](int i) { return a.v[which * lanes<Part> + i]; });
}
template <class R, class Part>
R insert(R a, Part b, int which) {
    for (int i = 0; i < lanes<Part>; ++i) a.v[which * lanes<Part> + i] = b.v[i];
    return a;
}

} // namespace
} // namespace emulated

static inline __m512 _mm512_set1_ps(float x) { return emulated::set1<__m512>(x); }
static inline __m512d _mm512_set1_pd(double x) { return emulated::set1<__m512d>(x); }

static inline __m512 _mm512_loadu_ps(const void* p) { return emulated::load<__m512>(p); }
static inline __m512d _mm512_loadu_pd(const void* p) { return emulated::load<__m512d>(p); }
static inline __m256 _mm256_loadu_ps(const float* p) { return emulated::load<__m256>(p); }
static inline __m512 _mm512_mask_loadu_ps(__m512 a, __mmask16 k, const void* p) { return emulated::load(a, k, p); }
static inline __m512d _mm512_mask_loadu_pd(__m512d a, __mmask8 k, const void* p) { return emulated::load(a, k, p); }
static inline __m256 _mm256_maskz_loadu_ps(__mmask8 k, const void* p) { return emulated::load(__m256{}, k, p); }

static inline void _mm512_storeu_ps(void* p, __m512 a) { emulated::store(p, a); }
static inline void _mm512_storeu_pd(void* p, __m512d a) { emulated::store(p, a); }
static inline void _mm256_storeu_ps(float* p, __m256 a) { emulated::store(p, a); }
static inline void _mm512_mask_storeu_ps(void* p, __mmask16 k, __m512 a) { emulated::store(p, k, a); }
static inline void _mm512_mask_storeu_pd(void* p, __mmask8 k, __m512d a) { emulated::store(p, k, a); }
static inline void _mm256_mask_storeu_ps(void* p, __mmask8 k, __m256 a) { emulated::store(p, k, a); }
// The only one of them that needs an aligned address.
static inline void _mm512_stream_ps(void* p, __m512 a) {
    if (reinterpret_cast<std::uintptr_t>(p) % sizeof a != 0) std::raise(SIGSEGV); // as hardware does
    emulated::store(p, a);
}
static inline void _mm_sfence() {}

static inline __m512 _mm512_add_ps(__m512 a, __m512 b) { return emulated::add(a, b); }
static inline __m512d _mm512_add_pd(__m512d a, __m512d b) { return emulated::add(a, b); }
static inline __m256d _mm256_add_pd(__m256d a, __m256d b) { return emulated::add(a, b); }
static inline __m128d _mm_add_pd(__m128d a, __m128d b) { return emulated::add(a, b); }
static inline __m128d _mm_add_sd(__m128d a, __m128d b) { return {{a.v[0] + b.v[0], a.v[1]}}; }
static inline __m512 _mm512_sub_ps(__m512 a, __m512 b) { return emulated::subtract(a, b); }
static inline __m512d _mm512_sub_pd(__m512d a, __m512d b) { return emulated::subtract(a, b); }
static inline __m512 _mm512_mul_ps(__m512 a, __m512 b) { return emulated::multiply(a, b); }
static inline __m512d _mm512_mul_pd(__m512d a, __m512d b) { return emulated::multiply(a, b); }
static inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) { return emulated::fmadd(a, b, c); }
static inline __m512d _mm512_fmadd_pd(__m512d a, __m512d b, __m512d c) { return emulated::fmadd(a, b, c); }
static inline __m512 _mm512_max_ps(__m512 a, __m512 b) { return emulated::max(a, b); }
static inline __m512d _mm512_max_pd(__m512d a, __m512d b) { return emulated::max(a, b); }
static inline float _mm512_reduce_max_ps(__m512 a) { return emulated::reduce_max(a); }
static inline double _mm512_reduce_max_pd(__m512d a) { return emulated::reduce_max(a); }

// Macros, because the last operand is a constant of the instruction.
#define _mm512_cmp_ps_mask(a, b, predicate) static_cast<__mmask16>(emulated::compare<(predicate)>(a, b))
#define _mm512_cmp_pd_mask(a, b, predicate) static_cast<__mmask8>(emulated::compare<(predicate)>(a, b))
#define _mm512_roundscale_pd(a, control) emulated::round_scale<(control)>(a)

static inline __m512 _mm512_maskz_mov_ps(__mmask16 k, __m512 a) { return emulated::blend(__m512{}, k, a); }
static inline __m512d _mm512_maskz_mov_pd(__mmask8 k, __m512d a) { return emulated::blend(__m512d{}, k, a); }
static inline __m512d _mm512_maskz_scalef_pd(__mmask8 k, __m512d a, __m512d b) { return emulated::scalef(k, a, b); }

static inline __m512d _mm512_cvtps_pd(__m256 a) { return emulated::widen(a); }
static inline __m512d _mm512_mask_cvtps_pd(__m512d otherwise, __mmask8 k, __m256 a) {
    return emulated::blend(otherwise, k, emulated::widen(a));
}
static inline __m256 _mm512_cvtpd_ps(__m512d a) { return emulated::narrow(a); }
static inline double _mm_cvtsd_f64(__m128d a) { return a.v[0]; }

static inline __m256 _mm512_castps512_ps256(__m512 a) { return emulated::extract<__m256>(a, 0); }
static inline __m256d _mm512_castpd512_pd256(__m512d a) { return emulated::extract<__m256d>(a, 0); }
static inline __m128d _mm256_castpd256_pd128(__m256d a) { return emulated::extract<__m128d>(a, 0); }
static inline __m512 _mm512_castps256_ps512(__m256 a) { return emulated::insert(emulated::undefined<__m512>(), a, 0); }
static inline __m256 _mm512_extractf32x8_ps(__m512 a, int which) { return emulated::extract<__m256>(a, which); }
static inline __m256d _mm512_extractf64x4_pd(__m512d a, int which) { return emulated::extract<__m256d>(a, which); }
static inline __m128d _mm256_extractf128_pd(__m256d a, int which) { return emulated::extract<__m128d>(a, which); }
static inline __m512 _mm512_insertf32x8(__m512 a, __m256 b, int which) { return emulated::insert(a, b, which); }
static inline __m128d _mm_unpackhi_pd(__m128d a, __m128d b) { return {{a.v[1], b.v[1]}}; }

#include "integers.h"
#include "shuffles.h"
