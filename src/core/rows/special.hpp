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

// How many elements are possible, that is not -inf.
template <class T>
inline std::int64_t count_possible(const T* x, std::int64_t length) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < length; ++i) count += x[i] != -__builtin_inf();
    return count;
}

template <class T>
inline void fill(T* out, std::int64_t length, double value) {
    for (std::int64_t i = 0; i < length; ++i) out[i] = static_cast<T>(value);
}

// softmax, or its logarithm, of a row for which is_ordinary is false.
template <class T>
inline void softmax_special(const T* x, std::int64_t length, T m, double temperature, Empty empty, bool log, T* out) {
    const double nan = __builtin_nan(""), inf = __builtin_inf();
    const double impossible = log ? -inf : 0;
    if (m == inf || has_nan(x, length)) return fill(out, length, nan);
    if (m == -inf) {
        const double n = static_cast<double>(length);
        switch (empty) {
        case Empty::nan: return fill(out, length, nan);
        case Empty::zero: return fill(out, length, impossible);
        case Empty::uniform: return fill(out, length, log ? 0.0 - log1p({n - 1, 0}).high : 1 / n);
        }
    }
    if (temperature == 0) {
        bool found = false;
        for (std::int64_t i = 0; i < length; ++i) {
            const bool first = !found && x[i] == m;
            found |= first;
            out[i] = static_cast<T>(first ? (log ? 0.0 : 1.0) : impossible);
        }
        return;
    }
    const double n = static_cast<double>(count_possible(x, length));
    const double share = log ? 0.0 - log1p({n - 1, 0}).high : 1 / n;
    for (std::int64_t i = 0; i < length; ++i) out[i] = static_cast<T>(x[i] == -inf ? impossible : share);
}

template <class T>
inline double logsumexp_special(const T* x, std::int64_t length, T m, double temperature) {
    const double inf = __builtin_inf();
    if (has_nan(x, length)) return __builtin_nan("");
    if (m == inf || m == -inf) return static_cast<double>(m);
    if (temperature == 0) {
        if (m != 0) return m > 0 ? inf : -inf;
        std::int64_t ties = 0;
        for (std::int64_t i = 0; i < length; ++i) ties += x[i] == m;
        return log1p({static_cast<double>(ties - 1), 0}).high;
    }
    return log1p({static_cast<double>(count_possible(x, length) - 1), 0}).high;
}

template <class T>
inline double entropy_special(const T* x, std::int64_t length, T m, double temperature) {
    if (!__builtin_isfinite(m) || has_nan(x, length)) return __builtin_nan("");
    if (temperature == 0) return 0;
    return log1p({static_cast<double>(count_possible(x, length) - 1), 0}).high;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
