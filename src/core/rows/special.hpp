// Rows without an ordinary sum: no finite maximum, or a temperature of 0 or infinity. Plain loops; the contract in
// code.
#pragma once

#include "kernels.hpp"
#include "math/log.hpp"
#include "rows/row.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

inline bool is_ordinary(double m, double temperature) {
    return __builtin_isfinite(m) && temperature > 0 && temperature < __builtin_inf();
}

// How many elements take part, and how many of those are possible, that is not -inf.
struct Kept {
    std::int64_t count, possible;
};
template <class X>
LOGITKIT_ONCE inline Kept count_kept(const Row<X>& row) {
    Kept kept{0, 0};
    for_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for (std::int64_t i = 0; i < piece.length; ++i) {
            kept.count += takes_part(piece.x, i);
            kept.possible += score_at(piece.x, i) != -__builtin_inf();
        }
    });
    return kept;
}

// `value` where the elements take part, else `excluded`.
template <class X>
inline void fill(const Row<X>& row, double value, double excluded) {
    using T = Element<X>;
    const T in = narrow_to<T>(value), ex = narrow_to<T>(excluded);
    store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for (std::int64_t i = 0; i < piece.length; ++i) piece.out[i] = takes_part(piece.x, i) ? in : ex;
    });
}

// A NaN has spoilt the row; what the mask leaves out stays as it should be.
template <class X>
inline void mend_masked(const Row<X>& row, bool log) {
    if constexpr (is_masked<X>) {
        // By way of a window, of the block that was stored last: they are all NaN.
        const auto first = widen(row.out[0]);
        if (first != first) fill(row, __builtin_nan(""), log ? -__builtin_inf() : 0);
    }
}

// softmax, or its logarithm, of a row for which is_ordinary is false.
template <class X>
LOGITKIT_ONCE inline void softmax_special(const Row<X>& row, double m, Empty empty, bool log) {
    using T = Element<X>;
    const double nan = __builtin_nan(""), inf = __builtin_inf();
    const double impossible = log ? -inf : 0;
    const auto share = [log](std::int64_t count) {
        const double n = static_cast<double>(count);
        return log ? 0.0 - log1p({n - 1, 0}).high : 1 / n;
    };
    const bool spoilt = m == inf || has_nan(row);
    const Kept kept = count_kept(row);
    if (spoilt) return fill(row, nan, impossible);
    if (m == -inf) {
        switch (empty) {
        case Empty::nan: return fill(row, nan, impossible);
        case Empty::zero: return fill(row, impossible, impossible);
        case Empty::uniform: return fill(row, share(kept.count), impossible);
        }
    }
    const T none = narrow_to<T>(impossible);
    if (row.temperature == 0) {
        const T certain = narrow_to<T>(log ? 0.0 : 1.0);
        const std::int64_t first = first_of(row, m);
        return store_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
            for (std::int64_t i = 0; i < piece.length; ++i) piece.out[i] = start + i == first ? certain : none;
        });
    }
    const T possible = narrow_to<T>(share(kept.possible));
    store_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for (std::int64_t i = 0; i < piece.length; ++i) piece.out[i] = score_at(piece.x, i) == -inf ? none : possible;
    });
}

template <class X>
LOGITKIT_ONCE inline double logsumexp_special(const Row<X>& row, double m) {
    const double inf = __builtin_inf();
    if (has_nan(row)) return __builtin_nan("");
    if (m == inf || m == -inf) return m;
    if (row.temperature == 0) {
        if (m != 0) return m > 0 ? inf : -inf;
        std::int64_t ties = 0;
        for_pieces(row, [&](std::int64_t, const Row<X>& piece) {
            for (std::int64_t i = 0; i < piece.length; ++i) ties += static_cast<double>(score_at(piece.x, i)) == m;
        });
        return log1p({static_cast<double>(ties - 1), 0}).high;
    }
    return log1p({static_cast<double>(count_kept(row).possible - 1), 0}).high;
}

template <class X>
LOGITKIT_ONCE inline double entropy_special(const Row<X>& row, double m) {
    const Kept kept = count_kept(row);
    if (kept.count == 0) return 0;
    if (!__builtin_isfinite(m) || has_nan(row)) return __builtin_nan("");
    if (row.temperature == 0) return 0;
    return log1p({static_cast<double>(kept.possible - 1), 0}).high;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
