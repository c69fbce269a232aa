// Vector-Jacobian products of float rows at temperature 1: sums in float64, the rest in floats. What they do not serve
// is left to gradient.hpp.
//
// Bound, in ULP of the larger term, with a difference up to twice as large: softmax p g - p s 3, for p s is rounded
// once and the difference once; log_softmax g - p s 4.6, q 0.6, 1 + q 1, s 1, the difference 2. docs/accuracy.md has
// what is found.
#pragma once

#include "rows/anchored.hpp"
#include "rows/gradient.hpp"
#include "rows/row.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// A sum in float64 lanes, and that of the squares of its terms. They bound what the additions have rounded off, for
// sum |a| <= sqrt(n sum a^2): where the terms cancel too far, PairSum is asked.
class TermSum {
public:
    void add(F64x8 low, F64x8 high) {
        low_ = low_ + low;
        high_ = high_ + high;
        low_squares_ = fma(low, low, low_squares_);
        high_squares_ = fma(high, high, high_squares_);
    }
    void add(F32x16 a) { add(widen_low(a), widen_high(a)); }
    void add_product(F32x16 a, F32x16 b) { add(widen_low(a) * widen_low(b), widen_high(a) * widen_high(b)); }
    double total() const { return reduce_sum(low_ + high_); }
    double squares() const { return reduce_sum(low_squares_ + high_squares_); }
    void note(F32x16 a) { largest_ = max(a, largest_); }
    float largest() const { return reduce_max(largest_); }

private:
    F32x16 largest_ = F32x16::set1(-__builtin_inff());
    F64x8 low_ = F64x8::set1(0), high_ = low_, low_squares_ = low_, high_squares_ = low_;
};

// Of a block, or a row: the sum, that of the squares, and the largest of what was noted.
struct Total {
    double sum, squares;
    float largest;
};

// Whether a sum is good to 2^-28; a NaN is not.
inline bool is_good(const Total& total, std::int64_t length) {
    return static_cast<double>(length) * total.squares <= 0x1p+34 * total.sum * total.sum;
}

// Of a row, by blocks: add(sum, block, i, part) adds the terms of a vector.
template <class X, class Add>
LOGITKIT_INLINE inline Total total_of(const Row<X>& row, const Helpers* helpers, Add add) {
    Pair sum{0, 0};
    Total total{0, 0, -__builtin_inff()};
    const auto merge = [&](const Total& block) {
        sum = logitkit::LOGITKIT_ISA::add(sum, Pair{block.sum, 0});
        total = {sum.high, total.squares + block.squares,
                 block.largest > total.largest ? block.largest : total.largest};
    };
    // Shared blocks are merged when all are done: the order is the same.
    static_assert(sizeof(Total) <= helper_bytes);
    auto* const blocks = helpers == nullptr ? nullptr : static_cast<Total*>(helpers->scratch);
    in_parts(helpers, row.length, [&](std::int64_t first, std::int64_t length) LOGITKIT_INLINE {
        for_blocks(row, first, length, [&](std::int64_t start, const Row<X>& block) LOGITKIT_INLINE {
            TermSum terms;
            for_vectors<F32x16>(block.length,
                                [&](std::int64_t i, auto part) LOGITKIT_INLINE { add(terms, block, i, part); });
            const Total one{terms.total(), terms.squares(), terms.largest()};
            if (blocks == nullptr) {
                merge(one);
            } else {
                blocks[start / block_length] = one;
            }
        });
    });
    for (std::int64_t i = 0; blocks != nullptr && i * block_length < row.length; ++i) merge(blocks[i]);
    return total;
}

// These give false, and store nothing, where floats do not serve. (What makes a row goes by value: a short one would
// wait for its way through memory.)
template <class X>
LOGITKIT_ONCE inline bool softmax_vjp_floats(X x, const Element<X>* g, Element<X>* out, std::int64_t length,
                                             const Window* window, const Helpers* helpers) {
    const Row<X> row{x, g, out, length, 1, 0, window};
    const Total dot =
        total_of(row, helpers, [&](TermSum& sum, const Row<X>& block, std::int64_t i, auto part) LOGITKIT_INLINE {
            using F = typename decltype(part)::Vector;
            const F a = part.load(block.x + i, 0.0f), b = zero_where_equal(part.load(block.g + i, 0.0f), a, F::set1(0));
            for_each_vector(a, b, [&](F32x16 one, F32x16 other) LOGITKIT_INLINE { sum.add_product(one, other); });
        });
    if (!is_good(dot, length) || __builtin_fabs(dot.sum) > 0x1p+127) return false;
    const float high = static_cast<float>(-dot.sum), low = static_cast<float>(-dot.sum - static_cast<double>(high));
    in_parts(helpers, length, [&](std::int64_t start, std::int64_t n) LOGITKIT_INLINE {
        store_pieces(row, start, n, [&](std::int64_t, const Row<X>& piece) LOGITKIT_INLINE {
            for_vectors<F32x16>(piece.length, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
                using F = typename decltype(part)::Vector;
                const F a = part.load(piece.x + i, 0.0f), b = part.load(piece.g + i, 0.0f);
                const F change = fma(a, b, fma(a, F::set1(high), a * F::set1(low)));
                part.store(zero_where_equal(change, a, F::set1(0.0f)), piece.out + i);
            });
        });
    });
    return true;
}

template <class X>
LOGITKIT_ONCE inline bool log_softmax_vjp_floats(X x, const Element<X>* g, Element<X>* out, std::int64_t length,
                                                 const Window* window, const Helpers* helpers) {
    const Row<X> row{x, g, out, length, 1, 0, window};
    const float impossible = -__builtin_inff();
    const Total total =
        total_of(row, helpers, [&](TermSum& sum, const Row<X>& block, std::int64_t i, auto part) LOGITKIT_INLINE {
            using F = typename decltype(part)::Vector;
            const F a = part.load(block.x + i, impossible);
            const F b = zero_where_equal(part.load(block.g + i, 0.0f), a, F::set1(impossible));
            for_each_vector(a, b, [&](F32x16 one, F32x16 other) LOGITKIT_INLINE {
                sum.note(one);
                sum.add(other);
            });
        });
    // Powers stay within their bits, and their products within the floats: where a power is 0 the term is, too.
    const double size = __builtin_fabs(total.sum);
    const bool fits = size == 0 || (size >= 0x1p-60 && size <= 0x1p+36);
    if (!is_good(total, length) || !fits || total.largest > 1) return false;
    const Anchor<false> anchor(0, Inverse<float>(1));
    const float by = static_cast<float>(-total.sum / unit_float);
    in_parts(helpers, length, [&](std::int64_t start, std::int64_t n) LOGITKIT_INLINE {
        store_pieces(row, start, n, [&](std::int64_t, const Row<X>& piece) LOGITKIT_INLINE {
            for_vectors<F32x16>(piece.length, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
                using F = typename decltype(part)::Vector;
                const F a = part.load(piece.x + i, 0.0f), b = part.load(piece.g + i, 0.0f);
                F scale, rest, small;
                anchor.reduce(a, scale, rest, small);
                const F value = fma(scale, anchor.expm1(rest, small), scale);
                part.store(zero_where_equal(fma(value, F::set1(by), b), a, F::set1(impossible)), piece.out + i);
            });
        });
    });
    return true;
}

template <class X>
inline void softmax_vjp_row(const RowBatch& batch, const Row<X>& row) {
    if constexpr (!is_double<X>) {
        if (row.temperature == 1 && softmax_vjp_floats(row.x, row.g, row.out, row.length, row.window, batch.helpers)) {
            return;
        }
    }
    softmax_vjp_wide(row);
}

template <class X>
inline void log_softmax_vjp_row(const RowBatch& batch, const Row<X>& row) {
    if constexpr (!is_double<X>) {
        if (row.temperature == 1 &&
            log_softmax_vjp_floats(row.x, row.g, row.out, row.length, row.window, batch.helpers)) {
            return;
        }
    }
    log_softmax_vjp_wide(row);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
