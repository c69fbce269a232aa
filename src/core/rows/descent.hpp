// Where the weights of a row, from the largest score down, reach a part of their whole; found without sorting.
//
// Scores are counted into buckets of equal width from the largest down; the bucket where the sum passes the part is
// divided again, or, once it has few elements, searched. Between which scores the end lies about is guessed
// (guess.hpp).
#pragma once

#include "rows/cut.hpp"
#include "rows/guess.hpp"
#include "rows/scores.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// A range of scores in buckets of equal width. The number of a bucket does not fall as the score rises, so that what is
// in a bucket is all that is in a range again.
class Buckets {
public:
    static constexpr int count = 256;
    Mass mass[count];
    std::int64_t number[count];
    Range range[count];

    // low < high, both finite. A power of two brings their distance near 1, so that nothing overflows or vanishes.
    explicit Buckets(Range all) : mass{}, number{} {
        const double width = all.high * 0x1p-2 - all.low * 0x1p-2;
        const auto exponent = static_cast<int>(__builtin_bit_cast(std::uint64_t, width) >> 52);
        factor_ = __builtin_bit_cast(double, static_cast<std::uint64_t>(2046 - exponent) << 52);
        low_ = all.low * factor_;
        scale_ = count / (all.high * factor_ - low_);
        for (Range& one : range) one = {all.high, all.low};
    }
    int of(double score) const {
        const double place = (score * factor_ - low_) * scale_;
        return place < 0 ? 0 : place < count - 1 ? static_cast<int>(place) : count - 1;
    }
    void add(const Entry<Mass>& entry) {
        const int bucket = of(entry.score);
        mass[bucket] += entry.mass;
        ++number[bucket];
        if (entry.score < range[bucket].low) range[bucket].low = entry.score;
        if (entry.score > range[bucket].high) range[bucket].high = entry.score;
    }

private:
    double factor_, low_, scale_;
};

// Of what a cut keeps. `m` is the largest score.
template <class Weigh>
class Descent {
public:
    Descent(const Scores& scores, const Cut& cut, double m, const Weigh& weigh)
        : scores_(scores), cut_(cut), m_(m), weigh_(weigh) {}

    // part(whole) is how much is to be reached, 0 if all is to be kept: between the scores of a range, it is guessed.
    template <class Part>
    LOGITKIT_ONCE Cut to(Range range, Part part) {
        if (scores_.length <= few) {
            Entries all;
            const Mass whole = sweep({lowest_finite, m_}, [&](const Weighed& one) { all.add(one); }).whole;
            return cut_at(all, part(whole));
        }
        Mass rest = 0;
        bool is_first = true;
        for (int round = 0; round < most_rounds; ++round) {
            if (range.low == range.high) return cut_among_equals(range.low, is_first ? part(all_masses(range)) : rest);
            Buckets buckets(range);
            const auto count = [&](const Weighed& one) { buckets.add(one); };
            bool is_above = false;
            if (is_first) {
                const Masses masses = sweep(range, count);
                rest = part(masses.whole);
                if (rest == 0) return cut_;
                is_above = rest <= masses.above;
                rest -= masses.above;
            } else {
                sweep_range(range, count);
            }
            int bucket = Buckets::count - 1;
            while (bucket >= 0 && buckets.mass[bucket] < rest) rest -= buckets.mass[bucket--];
            if (is_above || bucket < 0) { // the guess was wrong
                if (!is_first) return cut_;
                range = whole_range(scores_, cut_, m_);
                continue;
            }
            is_first = false;
            range = buckets.range[bucket];
            if (buckets.number[bucket] > few) continue;
            Entries found;
            sweep_range(range, [&](const Weighed& one) { found.add(one); });
            return cut_at(found, rest);
        }
        return cut_;
    }

private:
    static constexpr std::int64_t few = 256;
    // Each divides a range by 2^8, and from the largest double to the least is 2^2098.
    static constexpr int most_rounds = 300;
    static constexpr double lowest_finite = -0x1.fffffffffffffp+1023;

    using Weighed = Entry<Mass>;
    struct Entries {
        Weighed list[few];
        std::int64_t count = 0;
        void add(const Weighed& one) {
            if (count < few) list[count++] = one;
        }
    };

    struct Masses {
        Mass whole = 0, above = 0; // of all that is kept, and of what lies above a range
    };

    // Calls f(entry) for what is kept in a range.
    template <class F>
    LOGITKIT_INLINE Masses sweep(Range range, F f) const {
        return sweep<true>(range, f);
    }
    template <class F>
    LOGITKIT_INLINE void sweep_range(Range range, F f) const {
        sweep<false>(range, f);
    }
    template <bool Sum, class F>
    LOGITKIT_INLINE Masses sweep(Range range, F f) const {
        Masses masses;
        const double under = just_below(range.low);
        scores_.for_pieces([&](std::int64_t start, std::int64_t n, const double* x) {
            for_bounds(cut_, start, start + n, [&](std::int64_t first, std::int64_t length, double least) {
                const double from = under > least ? under : least;
                BlockMass whole, above;
                for_vectors<F64x8>(length, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
                    using D = typename decltype(part)::Vector;
                    const D v = part.load(x + (first - start + i), -__builtin_inf());
                    if (Sum && at_most(v, D::set1(least)) == all_lanes<D>) return;
                    const D high = D::set1(range.high);
                    const unsigned up_to_high = at_most(v, high);
                    unsigned inside = up_to_high & ~at_most(v, D::set1(from));
                    if (!Sum && inside == 0) return;
                    const Weight<D> w = above_only(weigh_(v), v, D::set1(least));
                    if constexpr (Sum) {
                        whole.add(w);
                        if (up_to_high != all_lanes<D>) above.add(above_only(w, v, high));
                        if (inside == 0) return;
                    }
                    double score[D::lanes], coarse[D::lanes], fine[D::lanes];
                    v.store(score);
                    w.coarse.store(coarse);
                    w.fine.store(fine);
                    for (; inside != 0; inside &= inside - 1) {
                        const int j = __builtin_ctz(inside);
                        f(Weighed{score[j], first + i + j, mass_of(coarse[j], fine[j])});
                    }
                });
                if constexpr (Sum) {
                    masses.whole += whole.total();
                    masses.above += above.total();
                }
            });
        });
        return masses;
    }
    Mass all_masses(Range range) const {
        return sweep(range, [](const Weighed&) {}).whole;
    }

    Cut cut_at(Entries& entries, Mass part) const {
        Cut cut = cut_;
        if (part == 0 || entries.count == 0) return cut;
        const Weighed last = entry_reaching(entries.list, entries.count, part);
        cut.add(last.score, last.position);
        return cut;
    }
    // Those of one score weigh the same, and are kept by their position.
    Cut cut_among_equals(double score, Mass part) const {
        Cut cut = cut_;
        if (part == 0) return cut;
        std::int64_t last = -1;
        sweep_range({score, score}, [&](const Weighed& one) {
            if (part == 0) return;
            part -= one.mass < part ? one.mass : part;
            last = one.position;
        });
        cut.add(score, last);
        return cut;
    }

    const Scores& scores_;
    const Cut cut_;
    const double m_;
    const Weigh& weigh_;
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
