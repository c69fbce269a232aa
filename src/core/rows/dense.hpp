// The verbs of a float row that is measured from its anchor, and the rows that are made of them.
//
// A row is cut into blocks of `block_length`; within a block lane j sums the elements j, j + 16, ... in float64, and
// the blocks are added in their order. That order is a property of the row alone: threads, layouts and instruction sets
// give the same bits. A sum is good to about 2^-26, whatever its length; the sum of the rest, from which logarithms are
// taken, to 2^-27.
#pragma once

#include "kernels.hpp"
#include "math/exp.hpp"
#include "math/log.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr std::int64_t block_length = 4096;

template <class Body>
inline void for_blocks(std::int64_t length, Body body) {
    for (std::int64_t start = 0; start < length; start += block_length) {
        body(start, length - start < block_length ? length - start : block_length);
    }
}

// The blocks from the last to the first: what the sweep before has left in a cache comes first.
template <class Body>
inline void for_blocks_backward(std::int64_t length, Body body) {
    for (std::int64_t end = length; end > 0;) {
        const std::int64_t start = (end - 1) / block_length * block_length;
        body(start, end - start);
        end = start;
    }
}

template <class V>
struct ElementOf;
template <>
struct ElementOf<F32x16> {
    using type = float;
};
template <>
struct ElementOf<F64x8> {
    using type = double;
};

// The largest element that is not NaN, -inf if there is none.
template <class V, class T = typename ElementOf<V>::type>
inline T row_max(const T* x, std::int64_t length) {
    const T lowest = -__builtin_inf();
    V a = V::set1(lowest), b = a, c = a, d = a;
    std::int64_t i = 0;
    for (; i + 4 * V::lanes <= length; i += 4 * V::lanes) {
        a = max(V::load(x + i), a);
        b = max(V::load(x + i + V::lanes), b);
        c = max(V::load(x + i + 2 * V::lanes), c);
        d = max(V::load(x + i + 3 * V::lanes), d);
    }
    for_vectors<V>(length - i, [&](std::int64_t j, auto part) {
        for_each_vector(part.load(x + i + j, lowest), [&](V v) { return a = max(v, a); });
    });
    return reduce_max(max(max(a, b), max(c, d)));
}

template <class T>
inline bool has_nan(const T* x, std::int64_t length) {
    bool found = false;
    for (std::int64_t i = 0; i < length; ++i) found |= x[i] != x[i];
    return found;
}

// Sums of float exponentials over one block. What the rounding of 1 + q loses is summed apart.
class BlockSum {
public:
    // Adds exponentials and gives them rounded.
    template <class F>
    F add(const Exponential<F>& e) {
        const F value = e.value();
        add(value, e.lost_by(value));
        return value;
    }
    // Adds exponentials but those of the maximum.
    template <class F>
    void add_rest(const CarefulExponential<F>& e, F x, F maximum) {
        const F value = e.value();
        const F lost = fma(e.scale, e.lost, e.lost_by(value));
        add(zero_where_equal(value, x, maximum), zero_where_equal(lost, x, maximum));
    }
    double total() const { return reduce_sum(low_ + high_) + reduce_sum(widen_low(lost_) + widen_high(lost_)); }

private:
    void add(F32x16 value, F32x16 lost) {
        low_ = low_ + widen_low(value);
        high_ = high_ + widen_high(value);
        lost_ = lost_ + lost;
    }
    void add(Twice<F32x16> value, Twice<F32x16> lost) {
        add(value.a, lost.a);
        add(value.b, lost.b);
    }

    F64x8 low_ = F64x8::set1(0), high_ = F64x8::set1(0);
    F32x16 lost_ = F32x16::set1(0);
};

// The arithmetic of a sweep leaves the memory idle, so it fetches what the next sweep will read, `ahead` elements
// further.
template <class V>
inline void prefetch_ahead(const float* x, std::int64_t ahead) {
    for (int i = 0; i < V::lanes; i += F32x16::lanes) prefetch(x + ahead + i);
}

// Stores the exponentials of a block, rounded once, and gives their sum.
template <class A>
inline double exp_store_sum(const float* x, std::int64_t n, const A& anchor, float* out, std::int64_t ahead) {
    BlockSum sum;
    for_vectors<F32x16>(n, [&](std::int64_t i, auto part) {
        prefetch_ahead<typename decltype(part)::Vector>(x + i, ahead);
        part.store(sum.add(anchor.exp(part.load(x + i, -__builtin_inff()))), out + i);
    });
    return sum.total();
}

template <class A>
inline double exp_sum(const float* x, std::int64_t n, const A& anchor, std::int64_t ahead) {
    BlockSum sum;
    for_vectors<F32x16>(n, [&](std::int64_t i, auto part) {
        prefetch_ahead<typename decltype(part)::Vector>(x + i, ahead);
        sum.add(anchor.exp(part.load(x + i, -__builtin_inff())));
    });
    return sum.total();
}

// The sum of the exponentials of the elements other than m, and how often m stands in the block.
struct Rest {
    double sum;
    std::int64_t count;
};

template <class A>
inline Rest exp_sum_rest(const float* x, std::int64_t n, const A& anchor, float m, std::int64_t ahead) {
    BlockSum sum;
    std::int64_t count = 0;
    for_vectors<F32x16>(n, [&](std::int64_t i, auto part) {
        using F = typename decltype(part)::Vector;
        prefetch_ahead<F>(x + i, ahead);
        const F v = part.load(x + i, -__builtin_inff()), maximum = F::set1(m);
        count += count_equal(v, maximum);
        sum.add_rest(anchor.careful_exp(v), v, maximum);
    });
    return {sum.total(), count};
}

// 1 / sum as a pair of row elements, so that e / sum is one rounding: fma(e, high, e * low).
template <class T>
struct Reciprocal {
    T high, low;
};

inline Reciprocal<float> reciprocal(double sum) {
    const double inverse = 1 / sum;
    const float high = static_cast<float>(inverse);
    return {high, static_cast<float>(inverse - static_cast<double>(high))};
}

// Stores f(i, part) for the vectors of a row of floats; with `stream` past the caches, in whole lines of them, which
// the caller ends with a fence.
template <class F>
inline void store_row(float* out, std::int64_t length, bool stream, F f) {
    std::int64_t i = 0;
    if (stream && length >= 2 * F32x16::lanes) {
        const int past = static_cast<int>(reinterpret_cast<std::uintptr_t>(out) / sizeof(float) % F32x16::lanes);
        if (past != 0) {
            const Part<F32x16> head{F32x16::lanes - past};
            head.store(f(i, head), out);
            i = head.n;
        }
        const std::int64_t start = i, whole = (length - start) / F32x16::lanes * F32x16::lanes;
        for_vectors<F32x16>(whole, [&](std::int64_t j, auto part) { f(start + j, part).stream(out + start + j); });
        i += whole;
    }
    for_vectors<F32x16>(length - i, [&](std::int64_t j, auto part) { part.store(f(i + j, part), out + i + j); });
}

// e / sum for the exponentials e of a row, in place.
inline void scale(float* e, std::int64_t length, Reciprocal<float> by) {
    for_vectors<F32x16>(length, [&](std::int64_t i, auto part) {
        using F = typename decltype(part)::Vector;
        const F v = part.load(e + i, 0.0f);
        part.store(fma(v, F::set1(by.high), v * F::set1(by.low)), e + i);
    });
}
inline void scale(double* e, std::int64_t length, Reciprocal<double> by) {
    for_vectors<F64x8>(length, [&](std::int64_t i, auto part) {
        using D = typename decltype(part)::Vector;
        const D v = part.load(e + i, 0.0);
        part.store(fma(v, D::set1(by.high), v * D::set1(by.low)), e + i);
    });
}

// log_softmax of a float row: (x - m) / T - log(sum), both terms <= 0, rounded once from float64.
template <bool Scaled>
inline void log_store(const float* x, std::int64_t length, double m, double temperature, double log_sum, float* out,
                      bool stream) {
    const F64x8 maximum = F64x8::set1(m), shift = F64x8::set1(log_sum), inverse = F64x8::set1(1 / temperature);
    const auto log_probability = [&](F64x8 v) {
        const F64x8 distance = v - maximum;
        return (Scaled ? distance * inverse : distance) - shift;
    };
    store_row(out, length, stream, [&](std::int64_t i, auto part) {
        return for_each_vector(part.load(x + i, 0.0f), [&](F32x16 v) {
            return narrow(log_probability(widen_low(v)), log_probability(widen_high(v)));
        });
    });
    if (stream) F32x16::fence();
}

// Everything that later passes need to know of a row, in units of 2^exponent times `unit_float` (2^exponent is e^max at
// the anchor of the maximum): `rest`, the sum without the maxima, `count` of them, and `top`, the exponential of each.
struct Normalizer {
    double max;
    double rest;
    std::int64_t count;
    double top;
    double exponent;

    double sum() const { return rest + static_cast<double>(count) * top; }
    // log(sum / e^max): of 1 and what stands beside one of the maxima.
    double log_sum() const { return log1p(static_cast<double>(count - 1) + rest / top); }
};

// The exponential of a maximum in the unit of an exponent; double working precision.
inline double exp_of(double x, double exponent) {
    using C = ExpConstants<F64x8>;
    const double r = __builtin_fma(-exponent, C::tail, __builtin_fma(-exponent, C::head, x));
    return unit_float + unit_float * expm1_double(Single{r}).v;
}

template <bool Scaled>
inline Normalizer normalize(const float* x, std::int64_t length, float m, double temperature, std::int64_t ahead) {
    const Inverse<float> inverse(temperature);
    const float exponent = Anchor<Scaled>::exponent_of(m, inverse);
    const ExponentAnchor<Scaled> anchor(exponent, inverse);
    Normalizer result{m, 0, 0, exp_of(m / temperature, exponent), exponent};
    for_blocks(length, [&](std::int64_t start, std::int64_t n) {
        const Rest rest = exp_sum_rest(x + start, n, anchor, m, ahead);
        result.rest += rest.sum;
        result.count += rest.count;
    });
    return result;
}

// The exponentials go to the output and are scaled there.
template <class A>
inline void softmax_stored(const float* x, std::int64_t length, const A& anchor, float* out, std::int64_t ahead) {
    double sums[stored_length / block_length];
    for_blocks_backward(length, [&](std::int64_t start, std::int64_t n) {
        sums[start / block_length] = exp_store_sum(x + start, n, anchor, out + start, ahead);
    });
    double sum = 0;
    for (std::int64_t i = 0; i * block_length < length; ++i) sum += sums[i];
    scale(out, length, reciprocal(sum));
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
