// log_softmax at chosen elements. The row is reduced as log_softmax_row reduces it; the chosen scores, put side by
// side, then go through the same map, so they get the same bits.
#pragma once

#include "rows/special.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class X, class T>
inline void gather(X x, const std::int64_t* ids, std::int64_t picks, T* out) {
    const T impossible = narrow_to<T>(-__builtin_inf());
    for (std::int64_t i = 0; i < picks; ++i) out[i] = takes_part(x, ids[i]) ? address(x)[ids[i]] : impossible;
}

// What the mask leaves out stays -inf where a NaN has spoilt the row.
template <class X, class T>
inline void mend_gathered(X x, const std::int64_t* ids, std::int64_t picks, T* out) {
    for (std::int64_t i = 0; is_masked<X> && i < picks; ++i) {
        if (!takes_part(x, ids[i])) out[i] = narrow_to<T>(-__builtin_inf());
    }
}

// For a row for which is_ordinary is false; as softmax_special.
template <class X, class T>
inline void gather_log_special(X x, std::int64_t length, double m, double temperature, const std::int64_t* ids,
                               std::int64_t picks, T* out) {
    const double inf = __builtin_inf();
    const bool spoilt = !__builtin_isfinite(m) || has_nan(x, length);
    const double share = 0.0 - log1p({static_cast<double>(count_kept(x, length).possible) - 1, 0}).high;
    std::int64_t first = 0;
    if (!spoilt && temperature == 0) {
        while (static_cast<double>(score_at(x, first)) != m) ++first;
    }
    for (std::int64_t i = 0; i < picks; ++i) {
        double value = temperature == 0 ? (ids[i] == first ? 0.0 : -inf) : score_at(x, ids[i]) == -inf ? -inf : share;
        if (spoilt) value = __builtin_nan("");
        out[i] = narrow_to<T>(value);
    }
    mend_gathered(x, ids, picks, out);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
