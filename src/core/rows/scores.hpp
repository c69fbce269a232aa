// The scores of a row as doubles, a block at a time, whatever they are stored as. What sampling does with a row is
// compiled once for all dtypes, with a mask and without.
#pragma once

#include "rows/anchored.hpp"
#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class X>
LOGITKIT_ONCE inline const double* block_as_doubles(const void* row, std::int64_t start, std::int64_t n, double* room) {
    const Row<X> block = part_of(*static_cast<const Row<X>*>(row), start, n);
    if constexpr (is_double<X> && !is_masked<X>) {
        return block.x;
    } else {
        for_vectors<F64x8>(n, [&](std::int64_t i, auto part) { part.store(part.load(block.x + i, 0.0), room + i); });
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
    template <class X>
    explicit Scores(const Row<X>& row)
        : length(row.length), is_far(row.window != nullptr), row_(&row), block_(&block_as_doubles<X>),
          sum_(&rough_sum<X>) {}

    const std::int64_t length;
    const bool is_far; // by way of a window

    // The n scores from `start` on, a block at most; in `room` if not where they are.
    const double* block(std::int64_t start, std::int64_t n, double* room) const { return block_(row_, start, n, room); }
    double rough_sum_at(double m, double temperature) const { return sum_(row_, m, temperature); }

    // Calls body(start, n, x) for the blocks.
    template <class Body>
    LOGITKIT_INLINE void for_blocks(Body body) const {
        alignas(64) double room[block_length];
        for (std::int64_t start = 0; start < length; start += block_length) {
            const std::int64_t rest = length - start, n = rest < block_length ? rest : block_length;
            body(start, n, block(start, n, room));
        }
    }

private:
    const void* row_;
    const double* (*block_)(const void*, std::int64_t, std::int64_t, double*);
    double (*sum_)(const void*, double, double);
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
