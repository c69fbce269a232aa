// Vector-Jacobian products of sixteen float rows at a time, one in each lane, at temperature 1: the operations of
// float_gradient.hpp and their order; so are the bits.
#pragma once

#include "rows/columns.hpp"
#include "rows/float_gradient.hpp"
#include "rows/transposed.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Sixteen rows of at most a block: n columns of x, which the results replace, and of g.
template <class Fetch>
class GradientColumns {
    using F = F32x16;
    static constexpr int most = F::lanes;

public:
    // It calls fetch(i, parts) for every i meanwhile.
    GradientColumns(F* x, const F* g, std::int64_t n, Fetch fetch) : x_(x), g_(g), n_(n), fetch_(fetch) {}

    // These give a bit for each row that floats serve; of others the result is nothing.
    unsigned softmax_vjp() {
        const F zero = F::set1(0);
        const Totals dot = totals([&](std::int64_t j) LOGITKIT_INLINE {
            return to_doubles(x_[j]) * to_doubles(zero_where_equal(g_[j], x_[j], zero));
        });
        const unsigned served = good(dot) & at_most(size_of(dot.sum), Doubles::set1(0x1p+127));
        const Doubles minus = dot.sum * Doubles::set1(-1.0);
        const F high = to_floats(minus), low = to_floats(minus - to_doubles(high));
        for (std::int64_t j = 0; j < n_; ++j) {
            const F change = fma(x_[j], g_[j], fma(x_[j], high, x_[j] * low));
            x_[j] = zero_where_equal(change, x_[j], zero);
        }
        return served;
    }
    unsigned log_softmax_vjp() {
        const F impossible = F::set1(-__builtin_inff());
        F largest = impossible;
        for (std::int64_t j = 0; j < n_; ++j) largest = max(x_[j], largest);
        const Totals total = totals(
            [&](std::int64_t j) LOGITKIT_INLINE { return to_doubles(zero_where_equal(g_[j], x_[j], impossible)); });
        const Doubles size = size_of(total.sum), none = Doubles::set1(0.0);
        const unsigned fits =
            equal_lanes(size, none) | (at_most(Doubles::set1(0x1p-60), size) & at_most(size, Doubles::set1(0x1p+36)));
        const unsigned served = good(total) & fits & at_most(to_doubles(largest), Doubles::set1(1.0));
        const Anchor<false> anchor(0, Inverse<float>(1));
        const F by = to_floats(total.sum * Doubles::set1(-1.0 / unit_float));
        for (std::int64_t j = 0; j < n_; ++j) {
            F scale, rest, small;
            anchor.reduce(x_[j], scale, rest, small);
            const F value = fma(scale, anchor.expm1(rest, small), scale);
            x_[j] = zero_where_equal(fma(value, by, g_[j]), x_[j], impossible);
        }
        return served;
    }

private:
    struct Totals {
        Doubles sum, squares;
    };

    // As TermSum, of the terms that term(j) gives for column j.
    template <class Term>
    LOGITKIT_INLINE Totals totals(Term term) const {
        Doubles sums[most], squares[most];
        const int lanes = n_ < most ? static_cast<int>(n_) : most;
        for (int lane = 0; lane < lanes; ++lane) {
            Doubles sum = Doubles::set1(0.0), square = sum;
            fetch_(lane, lanes);
            for (std::int64_t j = lane; j < n_; j += most) {
                const Doubles a = term(j);
                sum = sum + a;
                square = fma(a, a, square);
            }
            sums[lane] = sum;
            squares[lane] = square;
        }
        return {sum_vectors(sums, lanes), sum_vectors(squares, lanes)};
    }

    // As is_good.
    unsigned good(const Totals& totals) const {
        return at_most(Doubles::set1(static_cast<double>(n_)) * totals.squares,
                       Doubles::set1(0x1p+34) * totals.sum * totals.sum);
    }

    F* x_;
    const F* g_;
    std::int64_t n_;
    Fetch fetch_;
};

// Longer rows are done one by one: sixteen of 100 from memory took 1.19 ns an element, one by one 0.48.
constexpr int longest_short_gradient = F32x16::lanes - 1;

// Rows of few elements: vjp(columns) for sixteen at a time; rows(i) for each where there are too few, or floats do not
// serve.
template <class X, class Vjp, class Rows>
inline void for_short_gradients(const RowBatch& batch, Vjp vjp, Rows rows) {
    constexpr int most = F32x16::lanes;
    F32x16 x[most], g[most];
    const std::int64_t n = batch.length;
    for (std::int64_t first = 0; first < batch.rows;) {
        const int count = rows_of_one_temperature(batch, first);
        if (count < fewest_rows(n) || temperature_of(batch, first) != 1) {
            const std::int64_t end = first + count;
            for (; first < end; ++first) rows(first);
            continue;
        }
        const bool dense = count == most && batch.x_step == n && batch.g_step == n;
        const auto at = [&](int i) LOGITKIT_INLINE { return row_at<X>(batch, first + (i < count ? i : 0)); };
        load_columns([&](int i) LOGITKIT_INLINE { return at(i).x; }, dense, n, 0, x);
        load_columns([&](int i) LOGITKIT_INLINE { return at(i).g; }, dense, n, 0, g);
        const Row<X> row = row_at<X>(batch, first);
        FetchVectors fetch(n);
        if (dense && first + 2 * most <= batch.rows) {
            fetch.add(row.x + most * n);
            fetch.add(row.g + most * n);
        }
        if (batch.out_step == n && count == most) fetch.add(row.out);
        const unsigned served = vjp(GradientColumns(x, g, n, fetch));
        store_columns(x, n, row.out, batch.out_step, count, served);
        for (int i = 0; i < count; ++i) {
            if ((served >> i & 1) == 0) rows(first + i);
        }
        first += count;
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
