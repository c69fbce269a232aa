// What each element of a row counts for in sampling: e^((x - m) / T) as a whole number of units of 2^-80.
//
// A sum of whole numbers has no rounding and no order: blocks, threads, instruction sets, a search without sorting and
// one that sorts find the same sums, so the same boundaries and the same draws.
// Identity: w = c + f,  c = e^y rounded to 2^-40,  f = what is left, rounded to 2^-80;  y as in wide.hpp
// Bound:    a block has 2^12 elements, so the sums of its c and of its f are exact doubles; a row has fewer than 2^47,
//           so its sum fits in 128 bits.
//           |w - e^y| <= 2^-81 + 2^-52 e^y: below 2^-81 of the maximum, 56 temperatures under it, an element has none.
#pragma once

#include "rows/wide.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

__extension__ using Mass = unsigned __int128;
constexpr int mass_bits = 80; // the maximum counts for 2^80
constexpr int coarse_bits = 40;

// Weights in the lanes of a vector; in units of e^m times `unit_double`, as exponentials are.
template <class D>
struct Weight {
    D coarse, fine;
};

inline Mass mass_of(double coarse, double fine) {
    constexpr double coarse_unit = 0x1p+40 / unit_double, fine_unit = 0x1p+80 / unit_double;
    // The fine part may be negative: added modulo 2^128.
    return (static_cast<Mass>(static_cast<std::int64_t>(coarse * coarse_unit)) << (mass_bits - coarse_bits)) +
           static_cast<Mass>(static_cast<std::int64_t>(fine * fine_unit));
}

// By the softmax at a temperature that is neither 0 nor infinite.
class ByProbability {
public:
    ByProbability(double m, double temperature) : distance_(m, temperature) {}

    template <class D>
    LOGITKIT_INLINE Weight<D> operator()(D x) const {
        // Adding them rounds to a multiple of their last bit.
        const D to_coarse = D::set1(0x1.8p+52 * unit_double / 0x1p+40);
        const D to_fine = D::set1(0x1.8p+52 * unit_double / 0x1p+80);
        D high, low;
        Exponential<D> e;
        distance_.clamped(x, high, low);
        exp_of_distance(high, low, e.scale, e.q);
        const D value = e.value(), coarse = (value + to_coarse) - to_coarse;
        return {coarse, ((value - coarse) + to_fine) - to_fine};
    }

private:
    Distance<double, true> distance_;
};

// Each element as much as the maximum.
struct ByCount {
    template <class D>
    LOGITKIT_INLINE Weight<D> operator()(D) const {
        return {D::set1(unit_double), D::set1(0.0)};
    }
};

// Sums weights, of a block at most.
class BlockMass {
public:
    template <class D>
    LOGITKIT_INLINE void add(Weight<D> w) {
        for_each_vector(w.coarse, w.fine, [&](F64x8 coarse, F64x8 fine) {
            coarse_ = coarse_ + coarse;
            fine_ = fine_ + fine;
        });
    }
    Mass total() const { return mass_of(sum(coarse_), sum(fine_)); }

private:
    static double sum(F64x8 v) {
        double lanes[F64x8::lanes], total = 0;
        v.store(lanes);
        for (const double lane : lanes) total += lane;
        return total;
    }

    F64x8 coarse_ = F64x8::set1(0.0), fine_ = F64x8::set1(0.0);
};

// whole * n / 2^shift, and whether nothing was cut off. n has 55 bits at most, shift is 53 at least.
struct Scaled {
    Mass quotient;
    bool exact;
};
inline Scaled scaled(Mass whole, std::uint64_t n, int shift) {
    const Mass low_product = (whole & ~std::uint64_t{0}) * n;
    const Mass high = (whole >> 64) * n + (low_product >> 64);
    const auto low = static_cast<std::uint64_t>(low_product);
    if (shift < 64) return {high << (64 - shift) | low >> shift, (low & ((std::uint64_t{1} << shift) - 1)) == 0};
    if (shift >= 192) return {0, high == 0 && low == 0};
    const Mass left = high & ((Mass{1} << (shift - 64)) - 1);
    return {high >> (shift - 64), left == 0 && low == 0};
}

// The least part of the whole that, as a fraction rounded to a double, is at least p; 0 < p < 1.
inline Mass part_reaching(double p, Mass whole) {
    const auto bits = __builtin_bit_cast(std::uint64_t, p);
    const int exponent = static_cast<int>(bits >> 52);
    std::uint64_t n = (bits & ((std::uint64_t{1} << 52) - 1)) | (exponent == 0 ? 0 : std::uint64_t{1} << 52);
    int shift = 1075 - (exponent == 0 ? 1 : exponent);
    // A fraction between p and half the way to the double before it rounds to p; at half the way, to the even one.
    const bool even = n % 2 == 0, is_power = n == std::uint64_t{1} << 52;
    n = is_power ? 4 * n - 1 : 2 * n - 1;
    shift += is_power ? 2 : 1;
    const Scaled least = scaled(whole, n, shift);
    return least.quotient + (least.exact && even ? 0 : 1);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
