// A row of filter_logits and of sample.
#pragma once

#include "rows/filters.hpp"
#include "rows/lottery.hpp"
#include "rows/special.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// The largest score, NaN if there is one.
template <class V, class X>
inline double largest_or_nan_by(const Row<X>& row) {
    V m = V::set1(-__builtin_inf());
    bool has_nan = false;
    for_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for_vectors<V>(piece.length, [&](std::int64_t i, auto part) {
            for_each_vector(part.load(piece.x + i, -__builtin_inf()), [&](V v) {
                has_nan |= count_equal(v, v) < V::lanes;
                return m = max(v, m);
            });
        });
    });
    return has_nan ? __builtin_nan("") : static_cast<double>(reduce_max(m));
}
template <class X>
LOGITKIT_ONCE inline double largest_or_nan(const Row<X>& row) {
    if constexpr (is_double<X>) {
        return largest_or_nan_by<F64x8>(row);
    } else {
        return largest_or_nan_by<F32x16>(row);
    }
}

// The row's number stands in ids[0]. A row that nothing can be drawn from gives -1.
template <class X>
inline void sample_row(const Row<X>& row, const Sampling& sampling, std::int64_t* ids, std::int64_t count) {
    const double m = largest_or_nan(row);
    const bool possible = __builtin_isfinite(m) && row.temperature >= 0;
    if (!possible || row.temperature == 0) {
        const std::int64_t id = possible ? first_of(row, m) : -1;
        for (std::int64_t i = 0; i < count; ++i) ids[i] = id;
        return;
    }
    const Scores scores(row);
    FloatSums sums;
    const Cut cut = kept_of(scores, m, row.temperature, sampling, sums);
    draw(scores, cut, m, row.temperature, sampling.seed, sums, ids, count);
}

// x / temperature where it is kept, -inf elsewhere.
template <class X>
LOGITKIT_ONCE inline void store_kept(const Row<X>& row, double m, const Cut& cut) {
    using T = Element<X>;
    const double top = static_cast<double>(widen(narrow_to<T>(m / row.temperature)));
    // Beyond the largest number: as distances from the largest score, which are the same to softmax.
    const double shift = __builtin_isfinite(top) ? 0 : m;
    const auto store = [&](const Row<X>& piece, std::int64_t i, std::int64_t length, double least) {
        for_vectors<F64x8>(length, [&](std::int64_t j, auto part) {
            using D = typename decltype(part)::Vector;
            const D v = part.load(piece.x + (i + j), -__builtin_inf()), bound = D::set1(least);
            const D quotient = (v - D::set1(shift)) / D::set1(row.temperature);
            const D kept = zero_where_equal(quotient, max(bound, v), bound);
            const D left_out = zero_where_equal(D::set1(__builtin_inf()), max(D::set1(just_above(least)), v), v);
            part.store(kept - left_out, piece.out + (i + j));
        });
    };
    store_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
        for_bounds(cut, start, start + piece.length, [&](std::int64_t first, std::int64_t length, double least) {
            store(piece, first - start, length, least);
        });
        for (std::int64_t i = cut.end > start ? cut.end - start : 0; i < piece.length; ++i) {
            piece.out[i] = narrow_to<T>(-__builtin_inf());
        }
    });
}

template <class X>
inline void filter_row(const Row<X>& row, const Sampling& sampling) {
    const double m = largest_or_nan(row), nothing = -__builtin_inf();
    if (!__builtin_isfinite(m) || !(row.temperature >= 0)) {
        return fill(row, m == nothing ? nothing : __builtin_nan(""), nothing);
    }
    if (row.temperature == 0) {
        const std::int64_t first = first_of(row, m);
        fill(row, nothing, nothing);
        if (first < row.length) set_element(row, first, narrow_to<Element<X>>(0.0));
        return;
    }
    FloatSums sums;
    store_kept(row, m, kept_of(Scores(row), m, row.temperature, sampling, sums));
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
