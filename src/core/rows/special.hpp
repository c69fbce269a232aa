// Rows without an ordinary sum: no finite maximum, or a temperature of 0 or infinity. Plain loops; the contract in
// code.
#pragma once

#include "kernels.hpp"
#include "math/log.hpp"
#include "rows/dense.hpp"

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
LOGITKIT_ONCE inline Kept count_kept(X x, std::int64_t length) {
    Kept kept{0, 0};
    for (std::int64_t i = 0; i < length; ++i) {
        kept.count += takes_part(x, i);
        kept.possible += score_at(x, i) != -__builtin_inf();
    }
    return kept;
}

// `value` where the elements take part, else `excluded`.
template <class X, class T>
inline void fill(X x, std::int64_t length, double value, double excluded, T* out) {
    const T in = narrow_to<T>(value), ex = narrow_to<T>(excluded);
    for (std::int64_t i = 0; i < length; ++i) out[i] = takes_part(x, i) ? in : ex;
}

// A NaN has spoilt the row; what the mask leaves out stays as it should be.
template <class X, class T>
inline void mend_masked(X x, std::int64_t length, bool log, T* out) {
    if constexpr (is_masked<X>) {
        const auto first = widen(out[0]);
        if (first != first) fill(x, length, __builtin_nan(""), log ? -__builtin_inf() : 0, out);
    }
}

// softmax, or its logarithm, of a row for which is_ordinary is false.
template <class X, class T>
LOGITKIT_ONCE inline void softmax_special(X x, std::int64_t length, double m, double temperature, Empty empty, bool log,
                                          T* out) {
    const double nan = __builtin_nan(""), inf = __builtin_inf();
    const double impossible = log ? -inf : 0;
    const auto share = [log](std::int64_t count) {
        const double n = static_cast<double>(count);
        return log ? 0.0 - log1p({n - 1, 0}).high : 1 / n;
    };
    const bool spoilt = m == inf || has_nan(x, length);
    const Kept kept = count_kept(x, length);
    if (spoilt) return fill(x, length, nan, impossible, out);
    if (m == -inf) {
        switch (empty) {
        case Empty::nan: return fill(x, length, nan, impossible, out);
        case Empty::zero: return fill(x, length, impossible, impossible, out);
        case Empty::uniform: return fill(x, length, share(kept.count), impossible, out);
        }
    }
    if (temperature == 0) {
        bool found = false;
        for (std::int64_t i = 0; i < length; ++i) {
            const bool first = !found && static_cast<double>(score_at(x, i)) == m;
            found |= first;
            out[i] = narrow_to<T>(first ? (log ? 0.0 : 1.0) : impossible);
        }
        return;
    }
    const T possible = narrow_to<T>(share(kept.possible)), none = narrow_to<T>(impossible);
    for (std::int64_t i = 0; i < length; ++i) out[i] = score_at(x, i) == -inf ? none : possible;
}

template <class X>
LOGITKIT_ONCE inline double logsumexp_special(X x, std::int64_t length, double m, double temperature) {
    const double inf = __builtin_inf();
    if (has_nan(x, length)) return __builtin_nan("");
    if (m == inf || m == -inf) return m;
    if (temperature == 0) {
        if (m != 0) return m > 0 ? inf : -inf;
        std::int64_t ties = 0;
        for (std::int64_t i = 0; i < length; ++i) ties += static_cast<double>(score_at(x, i)) == m;
        return log1p({static_cast<double>(ties - 1), 0}).high;
    }
    return log1p({static_cast<double>(count_kept(x, length).possible - 1), 0}).high;
}

template <class X>
LOGITKIT_ONCE inline double entropy_special(X x, std::int64_t length, double m, double temperature) {
    const Kept kept = count_kept(x, length);
    if (kept.count == 0) return 0;
    if (!__builtin_isfinite(m) || has_nan(x, length)) return __builtin_nan("");
    if (temperature == 0) return 0;
    return log1p({static_cast<double>(kept.possible - 1), 0}).high;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
