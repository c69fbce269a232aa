// What filters keep of a row: a beginning of its descending order, of equals the lower position first.
//
// top_k, top_p and min_p each keep such a beginning, so what several keep one after the other is one too: the last
// element that is kept says it all.
#pragma once

#include "rows/weights.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr std::int64_t beyond = INT64_MAX;

// Keeps the scores above `score`, those equal to it up to the position `last`, and of both those before `end`.
struct Cut {
    double score = -__builtin_inf();
    std::int64_t last = -1;
    std::int64_t end = beyond;

    bool operator==(const Cut&) const = default;
    bool keeps(double x, std::int64_t i) const { return i < end && (x > score || (x == score && i <= last)); }
    // Takes on what another cut leaves out.
    void add(double other_score, std::int64_t other_last) {
        if (other_score < score || (other_score == score && other_last >= last)) return;
        score = other_score;
        last = other_last;
    }
};

inline double just_below(double x) {
    if (x == 0) return -0x1p-1074;
    const auto bits = __builtin_bit_cast(std::int64_t, x);
    return __builtin_bit_cast(double, x > 0 ? bits - 1 : bits + 1);
}

inline double just_above(double x) { return -just_below(-x); }

// The largest float that is not above x: floats are above the one where they are above the other.
inline float float_up_to(double x) {
    const auto near = static_cast<float>(x);
    if (!(static_cast<double>(near) > x)) return near;
    if (near == 0) return -0x1p-149f;
    const auto bits = __builtin_bit_cast(std::int32_t, near);
    return __builtin_bit_cast(float, near > 0 ? bits - 1 : bits + 1);
}

// Calls body(first, length, bound) for the two parts of [begin, end) of a row in which a cut keeps the scores above a
// bound of their own.
template <class Body>
inline void for_bounds(const Cut& cut, std::int64_t begin, std::int64_t end, Body body) {
    if (end > cut.end) end = cut.end;
    const std::int64_t between = cut.last < begin ? begin : cut.last < end ? cut.last + 1 : end;
    if (begin < between) body(begin, between - begin, just_below(cut.score));
    if (between < end) body(between, end - between, cut.score);
}

// Weights, but 0 for the elements that are not above a bound.
template <class D>
LOGITKIT_INLINE inline Weight<D> above_only(Weight<D> w, D v, D bound) {
    const D limited = max(bound, v);
    return {zero_where_equal(w.coarse, limited, bound), zero_where_equal(w.fine, limited, bound)};
}

// The n elements x of a piece that are kept, as a mass. `start` is its place in the row.
template <class Weigh>
LOGITKIT_ONCE inline Mass piece_mass(const double* x, std::int64_t start, std::int64_t n, const Cut& cut,
                                     const Weigh& weigh) {
    Mass mass = 0;
    for_bounds(cut, start, start + n, [&](std::int64_t first, std::int64_t length, double least) {
        BlockMass sum;
        for_vectors<F64x8>(length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D v = part.load(x + (first - start + i), -__builtin_inf()), bound = D::set1(least);
            if (at_most(v, bound) != all_lanes<D>) sum.add(above_only(weigh(v), v, bound));
        });
        mass += sum.total();
    });
    return mass;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
