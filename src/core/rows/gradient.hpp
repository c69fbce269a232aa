// The product of a vector with the Jacobian of softmax, which is symmetric: p (g - sum(p g)) / T, in float64.
#pragma once

#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class X, class T>
inline void softmax_vjp_row(X p, const T* g, std::int64_t length, double temperature, T* out) {
    Pair dot{0, 0};
    for_blocks(length, [&](std::int64_t start, std::int64_t n) {
        PairSum sum;
        for_vectors<F64x8>(n, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D a = part.load(p + (start + i), 0.0), b = part.load(g + start + i, 0.0), zero = D::set1(0.0);
            // Where p is 0 the gradient is 0, whatever stands in g.
            const D product = a * b;
            sum.add(zero_where_equal(product, a, zero));
            if constexpr (sizeof(T) == 8) sum.add_small(zero_where_equal(fma(a, b, zero - product), a, zero));
        });
        dot = add(dot, sum.total());
    });
    // 1 / T in two factors where one would overflow; at the limits 0 and infinity the probabilities do not move.
    const double first = temperature < 0x1p-1000 ? 0x1p+60 : 1;
    const double second = temperature == 0 ? 0 : 1 / (temperature * first);
    for_vectors<F64x8>(length, [&](std::int64_t i, auto part) {
        using D = typename decltype(part)::Vector;
        const D a = part.load(p + i, 0.0), b = part.load(g + i, 0.0);
        const D change = a * ((b - D::set1(dot.high)) - D::set1(dot.low)) * D::set1(first) * D::set1(second);
        part.store(zero_where_equal(change, a, D::set1(0.0)), out + i);
    });
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
