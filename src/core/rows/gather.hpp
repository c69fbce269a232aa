// log_softmax at chosen elements. The row is reduced as log_softmax_row reduces it; the chosen scores, put side by
// side, then go through the same map, so they get the same bits.
#pragma once

#include "rows/special.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class X>
inline void gather(const Row<X>& row, const std::int64_t* ids, std::int64_t picks) {
    const auto impossible = narrow_to<Element<X>>(-__builtin_inf());
    for (std::int64_t i = 0; i < picks; ++i) {
        const X x = element_at(row, ids[i]);
        row.out[i] = takes_part(x, 0) ? *address(x) : impossible;
    }
}

// What the mask leaves out stays -inf where a NaN has spoilt the row.
template <class X>
inline void mend_gathered(const Row<X>& row, const std::int64_t* ids, std::int64_t picks) {
    for (std::int64_t i = 0; is_masked<X> && i < picks; ++i) {
        if (!takes_part(element_at(row, ids[i]), 0)) row.out[i] = narrow_to<Element<X>>(-__builtin_inf());
    }
}

// For a row for which is_ordinary is false; as softmax_special.
template <class X>
inline void gather_log_special(const Row<X>& row, double m, const std::int64_t* ids, std::int64_t picks) {
    const double inf = __builtin_inf();
    const bool spoilt = !__builtin_isfinite(m) || has_nan(row), certain = row.temperature == 0;
    const double share = 0.0 - log1p({static_cast<double>(count_kept(row).possible) - 1, 0}).high;
    const std::int64_t first = !spoilt && certain ? first_of(row, m) : 0;
    for (std::int64_t i = 0; i < picks; ++i) {
        double value = certain                                        ? (ids[i] == first ? 0.0 : -inf)
                       : score_at(element_at(row, ids[i]), 0) == -inf ? -inf
                                                                      : share;
        if (spoilt) value = __builtin_nan("");
        row.out[i] = narrow_to<Element<X>>(value);
    }
    mend_gathered(row, ids, picks);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
