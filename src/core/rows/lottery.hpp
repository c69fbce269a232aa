// Draws from what is left of a row.
//
// A draw is the classic inversion: with u a number from [0, 1), the first element at which the weights so far, in the
// order of the row, pass u times their whole. Both are whole numbers (weights.hpp), so an element without weight is
// never drawn, and the draw depends on the row, its number and the seed alone.
#pragma once

#include "math/philox.hpp"
#include "rows/approximate.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Draws from the elements that a cut keeps; ready with the first.
template <class Weigh>
class Lottery {
public:
    Lottery(const Scores& scores, const Cut& cut, const Weigh& weigh) : scores_(scores), cut_(cut), weigh_(weigh) {
        pieces_ = (scores.length + piece_length - 1) / piece_length;
        group_ = (pieces_ + groups - 1) / groups;
    }

    std::int64_t draw(std::uint64_t u) {
        if (opened_ == nothing) prepare();
        Mass target = scaled(whole_, u, uniform_bits).quotient;
        if (pieces_ > 1) {
            std::int64_t group = 0;
            while (group + 1 < groups && (group + 1) * group_ < pieces_ && ends_[group] <= target) ++group;
            if (group > 0) target -= ends_[group - 1];
            // The last piece of a group has what the others have not.
            std::int64_t piece = group * group_;
            for (; piece + 1 < (group + 1) * group_ && piece + 1 < pieces_; ++piece) {
                const Mass mass = mass_of_piece(piece);
                if (mass > target) break;
                target -= mass;
            }
            if (piece != opened_) open(piece);
        }
        std::int64_t low = 0, high = opened_length_ - 1;
        while (low < high) {
            const std::int64_t middle = (low + high) / 2;
            if (upto_[middle] > target) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return opened_ * piece_length + low;
    }

private:
    static constexpr std::int64_t nothing = -2, closed = -1;

    LOGITKIT_ONCE void prepare() {
        if (pieces_ == 1) {
            open(0);
            whole_ = upto_[scores_.length - 1];
            return;
        }
        opened_ = closed;
        scores_.for_pieces([&](std::int64_t start, std::int64_t n, const double* x) {
            whole_ += piece_mass(x, start, n, cut_, weigh_);
            ends_[start / piece_length / group_] = whole_;
        });
    }

    static constexpr std::int64_t groups = 256, piece_length = Scores::piece_length;

    std::int64_t length_of(std::int64_t piece) const {
        const std::int64_t rest = scores_.length - piece * piece_length;
        return rest < piece_length ? rest : piece_length;
    }
    Mass mass_of_piece(std::int64_t piece) const {
        const std::int64_t start = piece * piece_length, n = length_of(piece);
        return piece_mass(scores_.piece(start, n), start, n, cut_, weigh_);
    }
    // Sums the weights of a piece element by element.
    void open(std::int64_t index) {
        opened_ = index;
        opened_length_ = length_of(index);
        const std::int64_t start = index * piece_length;
        const double* const x = scores_.piece(start, opened_length_);
        Mass sum = 0;
        std::int64_t done = 0;
        for_bounds(cut_, start, start + opened_length_, [&](std::int64_t first, std::int64_t length, double least) {
            for_vectors<F64x8>(length, [&](std::int64_t i, auto part) {
                using D = typename decltype(part)::Vector;
                double coarse[D::lanes], fine[D::lanes];
                const D v = part.load(x + (first - start + i), -__builtin_inf());
                const Weight<D> w = above_only(weigh_(v), v, D::set1(least));
                w.coarse.store(coarse);
                w.fine.store(fine);
                for (int j = 0; j < part.n; ++j) upto_[done++] = sum += mass_of(coarse[j], fine[j]);
            });
        });
        while (done < opened_length_) upto_[done++] = sum;
    }

    const Scores& scores_;
    const Cut& cut_;
    const Weigh& weigh_;
    std::int64_t pieces_, group_, opened_ = nothing, opened_length_ = 0;
    Mass whole_ = 0, ends_[groups], upto_[piece_length];
};

// By float sums: -1 where they do not tell.
template <class Weights>
LOGITKIT_ONCE inline std::int64_t draw_by_floats(const Scores& scores, const FloatSums& sums, const Weights& weights,
                                                 std::uint64_t u) {
    const double fraction = static_cast<double>(u) * 0x1p-53, part = fraction * sums.whole;
    const double slack = sums.slack(fraction);
    double sum = 0;
    std::int64_t start = 0;
    for (const double* piece = sums.of_piece; sum + *piece <= part - slack; ++piece) {
        sum += *piece;
        start += Scores::piece_length;
        if (start >= scores.length) return -1;
    }
    const std::int64_t n = scores.length_of_piece(start);
    const float* const x = scores.float_piece(start, n);
    std::int64_t drawn = -1;
    bool is_over = false;
    for_bounds(sums.cut, start, start + n, [&](std::int64_t first, std::int64_t length, double least) {
        for_vectors<F32x16>(length, [&](std::int64_t i, auto vector) {
            if (is_over) return;
            using F = typename decltype(vector)::Vector;
            const F v = vector.load(x + (first - start + i), -__builtin_inff()), bound = F::set1(float_up_to(least));
            float weight[F::lanes];
            zero_where_equal(weights(v), max(bound, v), bound).store(weight);
            for (int j = 0; j < vector.n && !is_over; ++j) {
                sum += static_cast<double>(weight[j]);
                is_over = sum > part - slack;
                if (sum > part + slack) drawn = first + i + j;
            }
        });
    });
    return drawn;
}

// Draws, ids[0] being the number of the row. What floats do not tell is asked of the whole numbers.
template <class Weigh, class Weights>
LOGITKIT_ONCE inline void draw_all(const Weigh& weigh, const Scores& scores, const Cut& cut, std::uint64_t seed,
                                   std::int64_t* ids, std::int64_t count, const FloatSums* sums,
                                   const Weights& weights) {
    Lottery<Weigh> lottery(scores, cut, weigh);
    const auto number = static_cast<std::uint64_t>(ids[0]);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint64_t u = uniform(seed, number, static_cast<std::uint64_t>(i));
        ids[i] = sums == nullptr ? -1 : draw_by_floats(scores, *sums, weights, u);
        if (ids[i] < 0) ids[i] = lottery.draw(u);
    }
}

inline void draw(const Scores& scores, const Cut& cut, double m, double temperature, std::uint64_t seed,
                 FloatSums& sums, std::int64_t* ids, std::int64_t count) {
    const FloatCount none;
    if (temperature == __builtin_inf()) return draw_all(ByCount(), scores, cut, seed, ids, count, nullptr, none);
    const ByProbability weigh(m, temperature);
    if (!FloatSums::serve(scores, m, temperature)) return draw_all(weigh, scores, cut, seed, ids, count, nullptr, none);
    with_scaled(temperature, [&]<bool Scaled>() {
        const FloatWeights<Scaled> weights(m, temperature);
        sum_pieces(scores, cut, temperature, weights, sums);
        draw_all(weigh, scores, cut, seed, ids, count, &sums, weights);
    });
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
