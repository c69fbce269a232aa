// The verbs of a float row that is measured from its anchor, and the rows that are made of them.
//
// A row is cut into blocks of `block_length`; within a block lane j sums the elements j, j + 16, ... in float64, and the
// blocks are added in their order. That order is a property of the row alone: threads, layouts and instruction sets
// give the same bits. A sum is good to about 2^-26, whatever its length; the sum of the rest, from which logarithms are
// taken, to 2^-27.
#pragma once

#include "math/exp.hpp"
#include "math/log.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr std::int64_t block_length = 4096;

// Rows up to this length store their exponentials in the output and scale them there; longer ones are done by online.hpp.
// A constant, not a cache size: the two ways round differently.
constexpr std::int64_t stored_length = 131072;

template <class Body>
inline void for_blocks(std::int64_t length, Body body) {
    for (std::int64_t start = 0; start < length; start += block_length) {
        body(start, length - start < block_length ? length - start : block_length);
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
        a = max(part.template load<V>(x + i + j, lowest), a);
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
    // Adds an exponential and gives it rounded.
    F32x16 add(Exponential<F32x16> e) {
        const F32x16 value = e.value();
        add(value, e.lost_by(value));
        return value;
    }
    // Adds an exponential unless x is the maximum.
    void add_rest(CarefulExponential e, F32x16 x, F32x16 maximum) {
        const F32x16 value = e.value();
        const F32x16 lost = fma(e.scale, e.lost, e.lost_by(value));
        add(zero_where_equal(value, x, maximum), zero_where_equal(lost, x, maximum));
    }
    double total() const {
        return reduce_sum(low_ + high_) + reduce_sum(widen_low(lost_) + widen_high(lost_));
    }

private:
    void add(F32x16 value, F32x16 lost) {
        low_ = low_ + widen_low(value);
        high_ = high_ + widen_high(value);
        lost_ = lost_ + lost;
    }

    F64x8 low_ = F64x8::set1(0), high_ = F64x8::set1(0);
    F32x16 lost_ = F32x16::set1(0);
};

// Stores the exponentials of a block, rounded once, and gives their sum.
template <class A>
inline double exp_store_sum(const float* x, std::int64_t n, const A& anchor, float* out) {
    BlockSum sum;
    for_vectors<F32x16>(n, [&](std::int64_t i, auto part) {
        const F32x16 v = part.template load<F32x16>(x + i, -__builtin_inff());
        part.store(sum.add(anchor.exp(v)), out + i);
    });
    return sum.total();
}

// The sum of the exponentials of the elements other than m, and how often m stands in the block.
struct Rest {
    double sum;
    std::int64_t count;
};

template <class A>
inline Rest exp_sum_rest(const float* x, std::int64_t n, const A& anchor, float m) {
    BlockSum sum;
    std::int64_t count = 0;
    const F32x16 maximum = F32x16::set1(m);
    for_vectors<F32x16>(n, [&](std::int64_t i, auto part) {
        const F32x16 v = part.template load<F32x16>(x + i, -__builtin_inff());
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

template <class V, class T = typename ElementOf<V>::type>
inline void scale(T* out, std::int64_t length, Reciprocal<T> by) {
    const V high = V::set1(by.high), low = V::set1(by.low);
    for_vectors<V>(length, [&](std::int64_t i, auto part) {
        const V e = part.template load<V>(out + i, T(0));
        part.store(fma(e, high, e * low), out + i);
    });
}

// log_softmax of a float row: (x - m) / T - log(sum), both terms <= 0, rounded once from float64.
inline void log_store(const float* x, std::int64_t length, double m, double temperature, double log_sum, float* out) {
    const F64x8 maximum = F64x8::set1(m), shift = F64x8::set1(log_sum), inverse = F64x8::set1(1 / temperature);
    for_vectors<F32x16>(length, [&](std::int64_t i, auto part) {
        const F32x16 v = part.template load<F32x16>(x + i, 0.0f);
        const F64x8 low = (widen_low(v) - maximum) * inverse - shift;
        const F64x8 high = (widen_high(v) - maximum) * inverse - shift;
        part.store(narrow(low, high), out + i);
    });
}

// Everything that later passes need to know of a row, in units of 2^exponent times `unit_float` (2^exponent is e^max at the
// anchor of the maximum): `rest`, the sum without the maxima, `count` of them, and `top`, the exponential of each.
struct Normalizer {
    double max;
    double rest;
    std::int64_t count;
    double top;
    double exponent;

    // Clamped elements leave a trace below anything that a float can hold.
    void drop_clamped() {
        if (rest < unit_float * 0x1p-150) rest = 0;
    }
    double sum() const { return rest + static_cast<double>(count) * top; }
    // log(sum / e^max)
    double log_sum() const { return log_of_sum(static_cast<double>(count), {rest / top, 0}).high; }
};

template <class A>
inline Normalizer normalizer_at_maximum(const float* x, std::int64_t length, float m, const A& anchor) {
    Normalizer result{m, 0, 0, unit_float, 0};
    for_blocks(length, [&](std::int64_t start, std::int64_t n) {
        const Rest rest = exp_sum_rest(x + start, n, anchor, m);
        result.rest += rest.sum;
        result.count += rest.count;
    });
    result.drop_clamped();
    return result;
}

template <class A>
inline void softmax_stored(const float* x, std::int64_t length, const A& anchor, float* out) {
    double sum = 0;
    for_blocks(length, [&](std::int64_t start, std::int64_t n) {
        sum += exp_store_sum(x + start, n, anchor, out + start);
    });
    scale<F32x16>(out, length, reciprocal(sum));
}

}  // namespace
}  // namespace logitkit::LOGITKIT_ISA
