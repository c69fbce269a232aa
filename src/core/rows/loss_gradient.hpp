// The gradient of cross_entropy: the probabilities of a row times a factor, less what its targets take.
//
// The exponentials of float rows of some length are rounded, once more than those of softmax, and wait so where there
// is a place for them: the sweep that stores the gradient is then two operations an element in place of eight, and
// reads the scores no more.
#pragma once

#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Factors of probabilities that leave them, and what their rounding lost, in the range of floats.
inline bool is_float_factor(double factor) {
    const double size = __builtin_fabs(factor);
    return size >= 0x1p-30 && size <= 0x1p+30;
}

// What the rows of a batch need one after another: a block of numbers, and the exponent of each block of a row.
constexpr std::int64_t most_rounded_blocks = 64;
struct LossScratch {
    alignas(64) float block[block_length];
    float exponents[most_rounded_blocks];
};

// What a row's exponentials sum to, and the way that found it.
struct LossNormalizer {
    enum class Way { rounded, anchored, wide, special } way;
    double max;
    double beside = 0;             // of the first two, as LogSum has it
    SoftmaxNormalizer floats{};    // of the first two; `kept` has the exponentials themselves, rounded, or the q
    Pair sum{0, 0}, log_sum{0, 0}; // of the wide way

    bool is_float() const { return way == Way::rounded || way == Way::anchored; }
    Pair log() const { return is_float() ? Pair{log1p(Single{beside}).v, 0} : log_sum; }
};

template <class X>
LOGITKIT_ONCE inline LossNormalizer loss_normalizer(const RowBatch& batch, const Row<X>& row, LossScratch& scratch) {
    using Way = LossNormalizer::Way;
    if constexpr (!is_double<X>) {
        // Shorter rows are done in columns, where nothing waits.
        const bool rounded = row.length > longest_short && row.length <= most_rounded_blocks * block_length;
        float* kept = nullptr;
        if (row.out != nullptr && row.length > F32x16::lanes) {
            if (row.length <= block_length && (rounded || batch.keep)) kept = scratch.block;
            if constexpr (sizeof(Element<X>) == sizeof(float)) {
                // The targets are read after them.
                if (batch.keep && row.out != address(row.x) && row.out != row.g) kept = row.out;
            }
        }
        Normalizer all;
        const float max = first_max_of(row);
        const Inverse<float> one(1);
        const LogSum sum =
            rounded ? log_sum<false, Wait::rounded>(row, max, one, batch.helpers, all, kept, scratch.exponents)
                    : log_sum<false, Wait::q>(row, max, one, batch.helpers, all, kept);
        if (is_anchored(1, sum.max)) {
            return {rounded ? Way::rounded : Way::anchored, sum.max, sum.beside, {true, all, kept}};
        }
    }
    const double m = largest(row);
    if (!is_ordinary(m, 1)) return {Way::special, m};
    const WideNormalizer normalizer = with_distance(
        m, 1, [&]<bool Scaled>() { return normalize_wide<Scaled>(row, m, Distance<Element<X>, Scaled>(m, 1)); });
    return {Way::wide, m, 0, {}, normalizer.sum(), normalizer.log_sum()};
}

// The wide way of a row, whatever way has found its sum: a factor may be out of the range of floats.
template <class X>
inline LossNormalizer widened(const Row<X>& row, const LossNormalizer& by) {
    if (!by.is_float()) return by;
    const Distance<Element<X>, true> distance(by.max, 1);
    return {LossNormalizer::Way::wide, by.max, 0, {}, normalize_wide<true>(row, by.max, distance).sum(), by.log()};
}

// Exponentials of one block, rounded, and how far its exponent is below that of the row.
struct RoundedBlock {
    Anchor<false> anchor;
    double below;

    template <class F>
    F exp(F x) const {
        return anchor.exp(x).value();
    }
};
inline RoundedBlock rounded_block(const LossNormalizer& by, const LossScratch& scratch, std::int64_t start) {
    const double row = by.floats.of.exponent, found = static_cast<double>(scratch.exponents[start / block_length]);
    // A block that vanishes beside the others does so from their exponent.
    const double own = found == lowest_exponent ? row : found;
    return {Anchor<false>(static_cast<float>(own), Inverse<float>(1)), own - row};
}

// Stores body(e) for the rounded exponentials of a block that begins at `start`.
template <class X, class Body>
inline void store_block(const RowBatch& batch, const Row<X>& block, std::int64_t start, const float* kept,
                        const RoundedBlock& rounded, Body body) {
    if (kept != nullptr) {
        for_vectors<F32x16>(block.length, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
            part.store(body(part.load(kept + start + i, 0.0f)), block.out + i);
        });
        return;
    }
    store_row(block.out, block.length, batch.stream, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
        if (start > 0) prefetch_ahead<typename decltype(part)::Vector>(block.x + i, -block_length);
        return body(rounded.exp(part.load(block.x + i, 0.0f)));
    });
}

// The probabilities, times a factor. The power of a block is multiplied last: that rounds only what is subnormal.
template <class X>
LOGITKIT_ONCE inline void store_rounded(const RowBatch& batch, const Row<X>& row, const LossNormalizer& by,
                                        double factor, const LossScratch& scratch) {
    const Reciprocal<float> share = quotient_of(factor, by.floats.of.sum());
    store_blocks_backward(row, 0, row.length, [&](std::int64_t start, const Row<X>& block) {
        const RoundedBlock rounded = rounded_block(by, scratch, start);
        const auto probability = [&](auto e) LOGITKIT_INLINE {
            using F = decltype(e);
            return fma(e, F::set1(share.high), e * F::set1(share.low));
        };
        if (rounded.below == 0) return store_block(batch, block, start, by.floats.kept, rounded, probability);
        const double first = rounded.below < -126 ? -126 : rounded.below;
        const auto near = static_cast<float>(power_of_two(first));
        const auto far = static_cast<float>(power_of_two(rounded.below - first));
        store_block(batch, block, start, by.floats.kept, rounded, [&](auto e) LOGITKIT_INLINE {
            using F = decltype(e);
            return probability(e) * F::set1(near) * F::set1(far);
        });
    });
    if (batch.stream) F32x16::fence();
    mend_masked(row, false);
}

// Probabilities in doubles, times a factor, less what at(piece, start, i, part, x, low) gives of each and `low`: of the
// element i of a piece that begins at `start`.
template <class X, class At>
inline void gradient_wide(const Row<X>& row, const LossNormalizer& by, double factor, At at) {
    const Distance<Element<X>, true> distance(by.max, 1);
    const Share share(factor, 1, by.sum);
    store_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
        for_vectors<F64x8>(piece.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D score = part.load(piece.x + i, -__builtin_inf());
            D high, rest;
            Exponential<D> e;
            distance.clamped(score, high, rest);
            exp_of_distance(high, rest, e.scale, e.q);
            D low;
            const D taken = at(piece, start, i, part, score, low);
            part.store((share.of(e, D::set1(1.0)) - taken) - low, piece.out + i);
        });
    });
}

// The same of exponentials that are rounded.
template <class X, class At>
inline void gradient_of_rounded(const Row<X>& row, const LossNormalizer& by, double factor, At at,
                                LossScratch& scratch) {
    store_blocks_backward(row, 0, row.length, [&](std::int64_t start, const Row<X>& block) {
        const RoundedBlock rounded = rounded_block(by, scratch, start);
        const double share = factor * power_of_two(rounded.below) / by.floats.of.sum();
        if (by.floats.kept == nullptr) {
            for_vectors<F32x16>(block.length, [&](std::int64_t i, auto part) {
                part.store(rounded.exp(part.load(block.x + i, 0.0f)), scratch.block + i);
            });
        }
        const float* const exponentials = by.floats.kept == nullptr ? scratch.block : by.floats.kept + start;
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D e = part.load(exponentials + i, 0.0);
            D low;
            const D taken = at(block, start, i, part, part.load(block.x + i, -__builtin_inf()), low);
            part.store(fma(e, D::set1(share), D::set1(0.0) - taken) - low, block.out + i);
        });
    });
}

// The same of a row that the anchored way has summed; a block of probabilities waits in scratch, where their q may be.
template <class X, class At>
inline void gradient_by_blocks(const Row<X>& row, const SoftmaxNormalizer& by, double factor, At at, float* scratch) {
    const Anchor<false> anchor(static_cast<float>(by.of.exponent), Inverse<float>(1));
    const Reciprocal<float> share = quotient_of(factor, by.of.sum());
    store_blocks_backward(row, 0, row.length, [&](std::int64_t start, const Row<X>& block) {
        for_vectors<F32x16>(block.length, [&](std::int64_t i, auto part) {
            using F = typename decltype(part)::Vector;
            const F x = part.load(block.x + i, 0.0f);
            if (by.kept == nullptr) {
                part.store(quotient(anchor.exp(x), share), scratch + i);
            } else {
                const F q = part.load(static_cast<const float*>(by.kept) + start + i, 0.0f);
                part.store(quotient(Exponential<F>{anchor.scale(x), q}, share), scratch + i);
            }
        });
        for_vectors<F64x8>(block.length, [&](std::int64_t i, auto part) {
            using D = typename decltype(part)::Vector;
            const D x = part.load(block.x + i, -__builtin_inf());
            const D p = part.load(static_cast<const float*>(scratch) + i, 0.0);
            D low;
            const D taken = at(block, start, i, part, x, low);
            part.store((p - taken) - low, block.out + i);
        });
    });
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
