// Lane primitives on plain arrays: the definition that the other instruction sets must equal, bit for bit.
//
// F32x16 is sixteen floats, F64x8 eight doubles, on every machine; a kernel written for them gives the same bits
// everywhere because each lane sees the same operations in the same order. Rules that the kernels rely on:
//   max(a, b) is a > b ? a : b, so a NaN in `a` is dropped and a NaN in `b` stays;
//   load_part and store_part touch the first n lanes only, memory behind them may be unmapped;
//   keep_where(x, mask) is x where a byte of the mask is not 0, else -inf; keep_where(x, mask, n) leaves the lanes from
//   n on, and reads no byte for them;
//   float16 and bfloat16 are stored rounded to nearest, ties to even, a double by way of a float; which NaN a NaN
//   becomes is free;
//   power_of(f), of doubles, rounds f to the integer k, ties to even, and gives 2^k times the unit, exactly 0 where
//   that is no normal number, for f from -2^20 to 2; whole(x), of floats from 512 to 768, clears the
//   fraction, of a NaN gives one; power(x), of integers from there, is 2^(x - 512 - 127), 0 for 512, of a NaN anything;
//   split(u), for u from 1 to 2^1000: log.hpp has what it is;
//   reduce_max is asked about numbers only, and of two zeros gives either;
//   reduce_sum adds the upper half of the lanes to the lower one, until there is one;
//   transpose(rows) swaps rows and lanes of sixteen vectors;
//   unzip(a, b) makes a of the even elements of a and b, one after the other, and b of the odd; zip(a, b) undoes it.
#pragma once

#include <cstdint>

#include "vec/common.hpp"
#include "vec/software_fma.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

struct F64x8;

struct F32x16 {
    static constexpr int lanes = 16;
    static constexpr int interleave = 1;
    static constexpr bool staged = false;
    float v[16];

    static F32x16 set1(float a) {
        F32x16 r;
        for (float& lane : r.v) lane = a;
        return r;
    }
    static F32x16 load(const float* p) {
        F32x16 r;
        __builtin_memcpy(r.v, p, sizeof r.v);
        return r;
    }
    template <class T>
    static F32x16 load_part(const T* p, int n, float fill) {
        F32x16 r = set1(fill);
        for (int i = 0; i < n; ++i) r.v[i] = widen(p[i]);
        return r;
    }
    void store(float* p) const { __builtin_memcpy(p, v, sizeof v); }
    template <class T>
    void store_part(T* p, int n) const {
        for (int i = 0; i < n; ++i) p[i] = Narrow<T>::from(v[i]);
    }
    void stream(float* p) const { store(p); }
    static void fence() {}

    friend F32x16 operator+(F32x16 a, F32x16 b) {
        return map(a, b, [](float x, float y) { return x + y; });
    }
    friend F32x16 operator-(F32x16 a, F32x16 b) {
        return map(a, b, [](float x, float y) { return x - y; });
    }
    friend F32x16 operator*(F32x16 a, F32x16 b) {
        return map(a, b, [](float x, float y) { return x * y; });
    }
    friend F32x16 operator/(F32x16 a, F32x16 b) {
        return map(a, b, [](float x, float y) { return x / y; });
    }
    friend F32x16 max(F32x16 a, F32x16 b) {
        return map(a, b, [](float x, float y) { return x > y ? x : y; });
    }
    friend F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
#ifdef __FP_FAST_FMAF
        for (int i = 0; i < 16; ++i) a.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
#else
        for (int i = 0; i < 16; i += 4) {
            const FourFloats x = four_at<FourFloats>(a.v + i), y = four_at<FourFloats>(b.v + i);
            const FourFloats four = software_fma(x, y, four_at<FourFloats>(c.v + i));
            __builtin_memcpy(a.v + i, &four, sizeof four);
        }
#endif
        return a;
    }
    friend F32x16 zero_where_equal(F32x16 a, F32x16 x, F32x16 y) {
        F32x16 r;
        for (int i = 0; i < 16; ++i) r.v[i] = x.v[i] == y.v[i] ? 0.0f : a.v[i];
        return r;
    }
    friend unsigned equal_lanes(F32x16 x, F32x16 y) {
        unsigned bits = 0;
        for (int i = 0; i < 16; ++i) bits |= static_cast<unsigned>(x.v[i] == y.v[i]) << i;
        return bits;
    }
    friend int count_equal(F32x16 x, F32x16 y) {
        int n = 0;
        for (int i = 0; i < 16; ++i) n += x.v[i] == y.v[i];
        return n;
    }
    template <class T>
    static F32x16 load(const T* p) { // of half a float's size
        F32x16 r;
        for (int i = 0; i < 16; ++i) r.v[i] = widen(p[i]);
        return r;
    }
    template <class T>
    void store(T* p) const {
        for (int i = 0; i < 16; ++i) p[i] = Narrow<T>::from(v[i]);
    }
    friend F32x16 keep_where(F32x16 x, const std::uint8_t* mask, int n = lanes) {
        for (int i = 0; i < n; ++i) x.v[i] = mask[i] != 0 ? x.v[i] : -__builtin_inff();
        return x;
    }
    friend F32x16 whole(F32x16 x) {
        for (float& lane : x.v) {
            lane = __builtin_bit_cast(float, __builtin_bit_cast(std::int32_t, lane) & whole_bits);
        }
        return x;
    }
    friend F32x16 power(F32x16 x) {
        for (float& lane : x.v) {
            lane = __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, lane) << power_shift);
        }
        return x;
    }
    friend float reduce_max(F32x16 a) {
        float r = a.v[0];
        for (int i = 1; i < 16; ++i) r = a.v[i] > r ? a.v[i] : r;
        return r;
    }
    friend float reduce_sum(F32x16 a) {
        for (int half = 8; half > 0; half /= 2) {
            for (int i = 0; i < half; ++i) a.v[i] = a.v[i] + a.v[i + half];
        }
        return a.v[0];
    }
    friend void unzip(F32x16& a, F32x16& b) {
        const F32x16 x = a, y = b;
        for (int i = 0; i < 8; ++i) {
            a.v[i] = x.v[2 * i];
            a.v[8 + i] = y.v[2 * i];
            b.v[i] = x.v[2 * i + 1];
            b.v[8 + i] = y.v[2 * i + 1];
        }
    }
    friend void zip(F32x16& a, F32x16& b) {
        const F32x16 x = a, y = b;
        for (int i = 0; i < 8; ++i) {
            a.v[2 * i] = x.v[i];
            a.v[2 * i + 1] = y.v[i];
            b.v[2 * i] = x.v[8 + i];
            b.v[2 * i + 1] = y.v[8 + i];
        }
    }
    friend void transpose(F32x16* rows) {
        for (int i = 0; i < 16; ++i) {
            for (int j = 0; j < i; ++j) {
                const float above = rows[j].v[i];
                rows[j].v[i] = rows[i].v[j];
                rows[i].v[j] = above;
            }
        }
    }

private:
    template <class F>
    static F32x16 map(F32x16 a, F32x16 b, F f) {
        F32x16 r;
        for (int i = 0; i < 16; ++i) r.v[i] = f(a.v[i], b.v[i]);
        return r;
    }
};

struct F64x8 {
    static constexpr int lanes = 8;
    static constexpr int interleave = 1;
    double v[8];

    static F64x8 set1(double a) {
        F64x8 r;
        for (double& lane : r.v) lane = a;
        return r;
    }
    static F64x8 load(const double* p) {
        F64x8 r;
        __builtin_memcpy(r.v, p, sizeof r.v);
        return r;
    }
    template <class T>
    static F64x8 load(const T* p) {
        F64x8 r;
        for (int i = 0; i < 8; ++i) r.v[i] = widen(p[i]);
        return r;
    }
    template <class T>
    static F64x8 load_part(const T* p, int n, double fill) {
        F64x8 r = set1(fill);
        for (int i = 0; i < n; ++i) r.v[i] = widen(p[i]);
        return r;
    }
    void store(double* p) const { __builtin_memcpy(p, v, sizeof v); }
    template <class T>
    void store(T* p) const {
        for (int i = 0; i < 8; ++i) p[i] = narrow_to<T>(v[i]);
    }
    template <class T>
    void store_part(T* p, int n) const {
        for (int i = 0; i < n; ++i) p[i] = narrow_to<T>(v[i]);
    }

    friend F64x8 operator+(F64x8 a, F64x8 b) {
        return map(a, b, [](double x, double y) { return x + y; });
    }
    friend F64x8 operator-(F64x8 a, F64x8 b) {
        return map(a, b, [](double x, double y) { return x - y; });
    }
    friend F64x8 operator*(F64x8 a, F64x8 b) {
        return map(a, b, [](double x, double y) { return x * y; });
    }
    friend F64x8 operator/(F64x8 a, F64x8 b) {
        return map(a, b, [](double x, double y) { return x / y; });
    }
    friend F64x8 max(F64x8 a, F64x8 b) {
        return map(a, b, [](double x, double y) { return x > y ? x : y; });
    }
    friend F64x8 fma(F64x8 a, F64x8 b, F64x8 c) {
        F64x8 r;
#ifdef __FP_FAST_FMA
        for (int i = 0; i < 8; ++i) r.v[i] = __builtin_fma(a.v[i], b.v[i], c.v[i]);
#else
        for (int i = 0; i < 8; i += 4) {
            const Four x = four_at<Four>(a.v + i), y = four_at<Four>(b.v + i), z = four_at<Four>(c.v + i);
            const Four four = software_fma(x, y, z);
            const FourBits others = unfit(x, y, z);
            __builtin_memcpy(r.v + i, &four, sizeof four);
            if ((others[0] | others[1] | others[2] | others[3]) == 0) continue;
            for (int j = 0; j < 4; ++j) {
                if (others[j] != 0) r.v[i + j] = fma_of_extremes(a.v[i + j], b.v[i + j], c.v[i + j]);
            }
        }
#endif
        return r;
    }
    friend F64x8 zero_where_equal(F64x8 a, F64x8 x, F64x8 y) {
        F64x8 r;
        for (int i = 0; i < 8; ++i) r.v[i] = x.v[i] == y.v[i] ? 0.0 : a.v[i];
        return r;
    }
    friend unsigned equal_lanes(F64x8 x, F64x8 y) {
        unsigned bits = 0;
        for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(x.v[i] == y.v[i]) << i;
        return bits;
    }
    friend int count_equal(F64x8 x, F64x8 y) {
        int n = 0;
        for (int i = 0; i < 8; ++i) n += x.v[i] == y.v[i];
        return n;
    }
    friend F64x8 keep_where(F64x8 x, const std::uint8_t* mask, int n = lanes) {
        for (int i = 0; i < n; ++i) x.v[i] = mask[i] != 0 ? x.v[i] : -__builtin_inf();
        return x;
    }
    friend Power<F64x8> power_of(F64x8 f) {
        Power<F64x8> r;
        for (int i = 0; i < 8; ++i) {
            const double magic_k = f.v[i] + magic_double;
            const std::uint64_t biased =
                __builtin_bit_cast(std::uint64_t, magic_k) + static_cast<std::uint64_t>(power_offset_double);
            r.k.v[i] = magic_k - magic_double;
            r.scale.v[i] = static_cast<std::int64_t>(biased) < 0 ? 0.0 : __builtin_bit_cast(double, biased << 52);
        }
        return r;
    }
    friend Split<F64x8> split(F64x8 u) {
        Split<F64x8> r;
        for (int i = 0; i < 8; ++i) {
            const Split<Single> one = split(Single{u.v[i]});
            r.k.v[i] = one.k.v, r.f.v[i] = one.f.v, r.down.v[i] = one.down.v;
        }
        return r;
    }
    friend double reduce_max(F64x8 a) {
        double r = a.v[0];
        for (int i = 1; i < 8; ++i) r = a.v[i] > r ? a.v[i] : r;
        return r;
    }
    friend double reduce_sum(F64x8 a) {
        return ((a.v[0] + a.v[4]) + (a.v[2] + a.v[6])) + ((a.v[1] + a.v[5]) + (a.v[3] + a.v[7]));
    }

private:
    template <class F>
    static F64x8 map(F64x8 a, F64x8 b, F f) {
        F64x8 r;
        for (int i = 0; i < 8; ++i) r.v[i] = f(a.v[i], b.v[i]);
        return r;
    }
};

inline F64x8 widen_low(F32x16 a) {
    F64x8 r;
    for (int i = 0; i < 8; ++i) r.v[i] = a.v[i];
    return r;
}
inline F64x8 widen_high(F32x16 a) {
    F64x8 r;
    for (int i = 0; i < 8; ++i) r.v[i] = a.v[i + 8];
    return r;
}
inline F32x16 narrow(F64x8 low, F64x8 high) {
    F32x16 r;
    for (int i = 0; i < 8; ++i) {
        r.v[i] = static_cast<float>(low.v[i]);
        r.v[i + 8] = static_cast<float>(high.v[i]);
    }
    return r;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
