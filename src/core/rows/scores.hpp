// The scores of a row as doubles, a piece at a time, whatever they are stored as. What sampling does with a row is
// compiled once for all dtypes, with a mask and without.
//
// Another thread may write to x during a call, against the rules: then a sweep sees other scores than the one before.
// What is drawn or kept is arbitrary then, but nothing is read or written outside, and the search ends.
//
// One row takes some 90 KiB of a thread's stack, less than the smallest that a C library gives by default, 128.
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

// As floats, which not all scores are.
template <class X>
LOGITKIT_ONCE inline const float* piece_as_floats(const void* row, std::int64_t start, std::int64_t n, float* room) {
    const Row<X> piece = part_of(*static_cast<const Row<X>*>(row), start, n);
    if constexpr (sizeof(Element<X>) == sizeof(float) && !is_masked<X>) {
        return piece.x;
    } else {
        for_vectors<F32x16>(n, [&](std::int64_t i, auto part) { part.store(part.load(piece.x + i, 0.0f), room + i); });
        return room;
    }
}

// The sum of a row's exponentials, in units of the largest: to a few digits.
template <class X>
LOGITKIT_ONCE inline double rough_sum(const void* row, double m, double temperature) {
    const Distance<Element<X>, true> distance(m, temperature);
    return normalize_wide<true>(*static_cast<const Row<X>*>(row), m, distance).sum().high / unit_double;
}

class Scores {
public:
    static constexpr std::int64_t piece_length = 1024;

    template <class X>
    explicit Scores(const Row<X>& row)
        : length(row.length), row_(&row), piece_(&piece_as_doubles<X>), sum_(&rough_sum<X>) {
        if constexpr (!is_double<X>) float_piece_ = &piece_as_floats<X>;
    }

    const std::int64_t length;
    bool in_floats() const { return float_piece_ != nullptr; }

    // The n scores from `start` on, a piece at most, until the next call.
    const double* piece(std::int64_t start, std::int64_t n) const { return piece_(row_, start, n, room_); }
    const float* float_piece(std::int64_t start, std::int64_t n) const {
        return float_piece_(row_, start, n, float_room_);
    }
    double rough_sum_at(double m, double temperature) const { return sum_(row_, m, temperature); }

    // Calls body(start, n, x) for the pieces.
    template <class Body>
    LOGITKIT_INLINE void for_pieces(Body body) const {
        for (std::int64_t start = 0; start < length; start += piece_length) {
            const std::int64_t n = length_of_piece(start);
            body(start, n, piece(start, n));
        }
    }
    template <class Body>
    LOGITKIT_INLINE void for_float_pieces(Body body) const {
        for (std::int64_t start = 0; start < length; start += piece_length) {
            const std::int64_t n = length_of_piece(start);
            body(start, n, float_piece(start, n));
        }
    }
    std::int64_t length_of_piece(std::int64_t start) const {
        const std::int64_t rest = length - start;
        return rest < piece_length ? rest : piece_length;
    }

private:
    const void* row_;
    const double* (*piece_)(const void*, std::int64_t, std::int64_t, double*);
    const float* (*float_piece_)(const void*, std::int64_t, std::int64_t, float*) = nullptr;
    double (*sum_)(const void*, double, double);
    alignas(64) mutable double room_[piece_length];
    alignas(64) mutable float float_room_[piece_length];
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
