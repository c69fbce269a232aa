// The product of a vector with the Jacobian of softmax, which is symmetric: p (g - sum(p g)) / T, in float64.
#pragma once

#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class T>
inline void softmax_vjp_row(const T* p, const T* g, std::int64_t length, double temperature, T* out) {
    const F64x8 zero = F64x8::set1(0);
    Pair dot{0, 0};
    for_blocks(length, [&](std::int64_t start, std::int64_t n) {
        PairSum sum;
        for_vectors<F64x8>(n, [&](std::int64_t i, auto part) {
            const F64x8 a = part.template load<F64x8>(p + start + i, 0.0);
            const F64x8 b = part.template load<F64x8>(g + start + i, 0.0);
            // Where p is 0 the gradient is 0, whatever stands in g.
            const F64x8 product = a * b;
            sum.add(zero_where_equal(product, a, zero));
            if constexpr (sizeof(T) == 8) sum.add_small(zero_where_equal(fma(a, b, zero - product), a, zero));
        });
        dot = add(dot, sum.total());
    });
    // At the limits of the temperature the probabilities do not move.
    const double slope = 1 / temperature, most = 0x1.fffffffffffffp+1023;
    const double inverse = temperature == 0 ? 0 : slope > most ? most : slope;
    const F64x8 high = F64x8::set1(dot.high), low = F64x8::set1(dot.low), by = F64x8::set1(inverse);
    for_vectors<F64x8>(length, [&](std::int64_t i, auto part) {
        const F64x8 a = part.template load<F64x8>(p + i, 0.0);
        const F64x8 b = part.template load<F64x8>(g + i, 0.0);
        part.store(zero_where_equal(a * ((b - high) - low) * by, a, zero), out + i);
    });
}

}  // namespace
}  // namespace logitkit::LOGITKIT_ISA
