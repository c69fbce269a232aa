// The scores of a row as doubles, a piece at a time, whatever they are stored as. What sampling does with a row is
// compiled once for all dtypes, with a mask and without.
//
// Another thread may write to x during a call, against the rules: then a sweep sees other scores than the one before.
// What is drawn or kept is arbitrary then, but nothing is read or written outside, and the search ends.
#pragma once

#include "rows/anchored.hpp"
#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class X>
LOGITKIT_ONCE inline const double* piece_as_doubles(const void* row, std::int64_t start, std::int64_t n, double* room) {
    const Row<X> piece = part_of(*static_cast<const Row<X>*>(row), start, n);
    if constexpr (is_double<X> && !is_masked<X>) {
        return piece.x;
    } else {
        for_vectors<F64x8>(n, [&](std::int64_t i, auto part) { part.store(part.load(piece.x + i, 0.0), room + i); });
        return room;
    }
}

// The sum of a row's exponentials, in units of the largest: to a few digits, by floats where they serve.
template <class X>
LOGITKIT_ONCE inline double rough_sum(const void* row, double m, double temperature) {
    Row<X> scores = *static_cast<const Row<X>*>(row);
    if constexpr (!is_double<X>) {
        if (is_anchored(temperature, m)) {
            scores.temperature = temperature;
            const Inverse<float> inverse(temperature);
            Normalizer all;
            return 1 + with_scaled(temperature, [&]<bool Scaled>() {
                       return log_sum<Scaled>(scores, first_max_of(scores), inverse, nullptr, all).beside;
                   });
        }
    }
    return normalize_wide<true>(scores, m, Distance<Element<X>, true>(m, temperature)).sum().high / unit_double;
}

class Scores {
public:
    static constexpr std::int64_t piece_length = 1024;

    template <class X>
    explicit Scores(const Row<X>& row)
        : length(row.length), is_far(row.window != nullptr), row_(&row), piece_(&piece_as_doubles<X>),
          sum_(&rough_sum<X>) {}

    const std::int64_t length;
    const bool is_far; // by way of a window

    // The n scores from `start` on, a piece at most, until the next call.
    const double* piece(std::int64_t start, std::int64_t n) const { return piece_(row_, start, n, room_); }
    double rough_sum_at(double m, double temperature) const { return sum_(row_, m, temperature); }

    // Calls body(start, n, x) for the pieces.
    template <class Body>
    LOGITKIT_INLINE void for_pieces(Body body) const {
        for (std::int64_t start = 0; start < length; start += piece_length) {
            const std::int64_t rest = length - start, n = rest < piece_length ? rest : piece_length;
            body(start, n, piece(start, n));
        }
    }

private:
    const void* row_;
    const double* (*piece_)(const void*, std::int64_t, std::int64_t, double*);
    double (*sum_)(const void*, double, double);
    alignas(64) mutable double room_[piece_length];
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
