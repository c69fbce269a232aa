// log_softmax at chosen elements. The row is reduced as log_softmax_row reduces it; the chosen scores, put side by
// side, then go through the same map, so they get the same bits.
#pragma once

#include "rows/special.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class T>
inline void gather(const T* x, const std::int64_t* ids, std::int64_t picks, T* out) {
    for (std::int64_t i = 0; i < picks; ++i) out[i] = x[ids[i]];
}

// For a row for which is_ordinary is false; as softmax_special.
template <class T>
inline void gather_log_special(const T* x, std::int64_t length, T m, double temperature, const std::int64_t* ids,
                               std::int64_t picks, T* out) {
    const double inf = __builtin_inf();
    if (!__builtin_isfinite(m) || has_nan(x, length)) return fill(out, picks, __builtin_nan(""));
    if (temperature == 0) {
        std::int64_t first = 0;
        while (x[first] != m) ++first;
        for (std::int64_t i = 0; i < picks; ++i) out[i] = static_cast<T>(ids[i] == first ? 0.0 : -inf);
        return;
    }
    const double share = 0.0 - log1p({static_cast<double>(count_possible(x, length)) - 1, 0}).high;
    for (std::int64_t i = 0; i < picks; ++i) out[i] = static_cast<T>(x[ids[i]] == -inf ? -inf : share);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
