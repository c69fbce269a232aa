// Draws from what is left of a row.
//
// A draw is the classic inversion: with u a number from [0, 1), the first element at which the weights so far, in the
// order of the row, pass u times their whole. Both are whole numbers (weights.hpp), so an element without weight is
// never drawn, and the draw depends on the row, its number and the seed alone.
#pragma once

#include "math/philox.hpp"
#include "rows/cut.hpp"
#include "rows/scores.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Draws from the elements that a cut keeps.
template <class Weigh>
class Lottery {
public:
    Lottery(const Scores& scores, const Cut& cut, const Weigh& weigh) : scores_(scores), cut_(cut), weigh_(weigh) {
        pieces_ = (scores.length + piece_length - 1) / piece_length;
        group_ = (pieces_ + groups - 1) / groups;
        if (pieces_ == 1) {
            open(0);
            whole_ = upto_[scores.length - 1];
            return;
        }
        scores.for_pieces([&](std::int64_t start, std::int64_t n, const double* x) {
            whole_ += piece_mass(x, start, n, cut_, weigh_);
            ends_[start / piece_length / group_] = whole_;
        });
    }

    std::int64_t draw(std::uint64_t u) {
        Mass target = scaled(whole_, u, uniform_bits).quotient;
        if (pieces_ > 1) {
            std::int64_t group = 0;
            while (ends_[group] <= target) ++group;
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
    std::int64_t pieces_, group_, opened_ = -1, opened_length_ = 0;
    Mass whole_ = 0, ends_[groups], upto_[piece_length];
};

template <class Weigh>
LOGITKIT_ONCE inline void draw_by(const Weigh& weigh, const Scores& scores, const Cut& cut, std::uint64_t seed,
                                  std::int64_t* ids, std::int64_t count) {
    Lottery<Weigh> lottery(scores, cut, weigh);
    const auto number = static_cast<std::uint64_t>(ids[0]);
    for (std::int64_t i = 0; i < count; ++i) {
        ids[i] = lottery.draw(uniform(seed, number, static_cast<std::uint64_t>(i)));
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
