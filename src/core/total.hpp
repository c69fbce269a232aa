// The sum of many numbers, to the last bits and in one order: what a reduction over rows gives does not depend on the
// library that asks. Eight sums go side by side, each with what its additions round off (Knuth's two-sum).
#pragma once

#include <cmath>
#include <cstdint>

namespace logitkit {

inline double total(const double* values, std::int64_t count) {
    constexpr int lanes = 8;
    double sum[lanes] = {}, lost[lanes] = {};
    const auto add = [&](int lane, double value) {
        const double s = sum[lane] + value, t = s - sum[lane];
        lost[lane] += (sum[lane] - (s - t)) + (value - t);
        sum[lane] = s;
    };
    for (std::int64_t i = 0; i < count; ++i) add(static_cast<int>(i % lanes), values[i]);
    for (int lane = 1; lane < lanes; ++lane) {
        lost[0] += lost[lane];
        add(0, sum[lane]);
    }
    return std::isfinite(sum[0]) ? sum[0] + lost[0] : sum[0]; // an infinity has lost a NaN
}

} // namespace logitkit
