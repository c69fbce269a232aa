// What filters keep of a row: a beginning of its descending order, of equals the lower position first. Where it ends is
// found without sorting.
//
// top_k, top_p and min_p each keep such a beginning, so what several keep one after the other is one too: the last
// element that is kept says it all. To find the one at which the weights so far reach a part of the whole, scores are
// counted into buckets of equal width from the largest down; the bucket where the sum passes the part is divided again,
// or, once it has few elements, searched. How far down the first buckets must go is guessed from a sample; a wrong
// guess costs a sweep, and changes nothing.
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

// A bit for each lane that is at most a bound.
template <class D>
LOGITKIT_INLINE inline unsigned lanes_up_to(D v, D bound) {
    return equal_lanes(max(bound, v), bound);
}
template <class D>
constexpr unsigned all_lanes = (1u << D::lanes) - 1;

// The elements of a block that are kept, as a mass. `start` is its place in the row.
template <class X, class Weigh>
LOGITKIT_INLINE inline Mass block_mass(const Row<X>& block, std::int64_t start, const Cut& cut, const Weigh& weigh) {
    Mass mass = 0;
    for_bounds(cut, start, start + block.length, [&](std::int64_t first, std::int64_t length, double least) {
        BlockMass sum;
        for_vectors<F64x8>(length, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
            using D = typename decltype(part)::Vector;
            const D v = part.load(block.x + (first - start + i), -__builtin_inf()), bound = D::set1(least);
            if (lanes_up_to(v, bound) != all_lanes<D>) sum.add(above_only(weigh(v), v, bound));
        });
        mass += sum.total();
    });
    return mass;
}

struct Entry {
    double score;
    std::int64_t position;
    Mass mass;

    bool is_before(const Entry& other) const {
        return score > other.score || (score == other.score && position < other.position);
    }
};

// Of entries in any order: the one at which their masses, in descending order, reach `part`. (Hoare's quickselect.)
inline Entry entry_reaching(Entry* entries, std::int64_t count, Mass part) {
    for (;;) {
        const Entry pivot = entries[count / 2];
        Mass before = 0;
        std::int64_t place = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            if (!entries[i].is_before(pivot)) continue;
            before += entries[i].mass;
            const Entry moved = entries[i];
            entries[i] = entries[place];
            entries[place++] = moved;
        }
        if (part <= before) {
            count = place;
            continue;
        }
        part -= before;
        if (part <= pivot.mass || count - place == 1) return pivot;
        // Behind the pivot.
        part -= pivot.mass;
        std::int64_t left = 0;
        for (std::int64_t i = place; i < count; ++i) {
            if (pivot.is_before(entries[i])) entries[left++] = entries[i];
        }
        count = left;
    }
}

struct Range {
    double low, high; // both belong to it
};

// A range of scores in buckets of equal width. The number of a bucket does not fall as the score rises, so that what is
// in a bucket is all that is in a range again.
class Buckets {
public:
    static constexpr int count = 1024;
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
    void add(const Entry& entry) {
        const int bucket = of(entry.score);
        mass[bucket] += entry.mass;
        ++number[bucket];
        if (entry.score < range[bucket].low) range[bucket].low = entry.score;
        if (entry.score > range[bucket].high) range[bucket].high = entry.score;
    }

private:
    double factor_, low_, scale_;
};

// Finds where the weights of what a cut keeps reach a part of their whole. `m` is the largest score.
template <class X, class Weigh>
class Descent {
public:
    Descent(const Row<X>& row, const Cut& cut, double m, const Weigh& weigh)
        : row_(row), cut_(cut), m_(m), weigh_(weigh) {}

    // part(whole) is how much is to be reached, 0 if all is to be kept: about a share of about that whole.
    template <class Part>
    LOGITKIT_ONCE Cut to(double share, double whole, Part part) {
        if (row_.length <= few) {
            Entries all;
            const Mass whole = sweep({lowest_finite, m_}, [&](const Entry& entry) { all.add(entry); }).whole;
            return cut_at(all, part(whole));
        }
        Range range = guess(share, whole);
        Mass rest = 0;
        for (bool is_first = true;;) {
            if (range.low == range.high) return cut_among_equals(range.low, is_first ? part(all_masses(range)) : rest);
            Buckets buckets(range);
            const auto count = [&](const Entry& entry) { buckets.add(entry); };
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
                range = whole_range();
                continue;
            }
            is_first = false;
            range = buckets.range[bucket];
            if (buckets.number[bucket] > few) continue;
            Entries found;
            sweep_range(range, [&](const Entry& entry) { found.add(entry); });
            return cut_at(found, rest);
        }
    }

private:
    static constexpr std::int64_t few = 512;
    static constexpr double lowest_finite = -0x1.fffffffffffffp+1023;

    struct Entries {
        Entry list[few];
        std::int64_t count = 0;
        void add(const Entry& entry) { list[count++] = entry; }
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
        for_blocks(row_, [&](std::int64_t start, const Row<X>& block) {
            for_bounds(cut_, start, start + block.length, [&](std::int64_t first, std::int64_t length, double least) {
                const double from = under > least ? under : least;
                BlockMass whole, above;
                for_vectors<F64x8>(length, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
                    using D = typename decltype(part)::Vector;
                    const D v = part.load(block.x + (first - start + i), -__builtin_inf());
                    if (Sum && lanes_up_to(v, D::set1(least)) == all_lanes<D>) return;
                    const D high = D::set1(range.high);
                    const unsigned up_to_high = lanes_up_to(v, high);
                    unsigned inside = up_to_high & ~lanes_up_to(v, D::set1(from));
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
                        f(Entry{score[j], first + i + j, mass_of(coarse[j], fine[j])});
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
        return sweep(range, [](const Entry&) {}).whole;
    }
    Range whole_range() const {
        double least = m_;
        sweep_range({lowest_finite, m_}, [&](const Entry& entry) {
            if (entry.score < least) least = entry.score;
        });
        return {least, m_};
    }

    // Scores between which, going by a sample of elements, a share of the whole is reached. What lies above a score is
    // judged by the elements above it or by those below it, whichever tells more, with five standard deviations of
    // their sum.
    Range guess(double share, double whole) const {
        if (row_.window != nullptr) return whole_range();
        constexpr int vectors = 256, lanes = F64x8::lanes;
        double scores[vectors * lanes], weights[vectors * lanes], low = m_;
        int count = 0;
        for (int i = 0; i < vectors; ++i) {
            const std::int64_t start = row_.length / vectors * i, rest = row_.length - start;
            const int base = count;
            const int n = rest < lanes ? static_cast<int>(rest) : lanes;
            const F64x8 v = Part<F64x8>{n}.load(row_.x + start, -__builtin_inf());
            v.store(scores + count);
            weigh_(v).coarse.store(weights + count);
            for (int j = base; j < base + n; ++j) {
                if (!cut_.keeps(scores[j], start + (j - base))) continue;
                scores[count] = scores[j];
                weights[count++] = weights[j] / unit_double;
                if (scores[j] < low) low = scores[j];
            }
        }
        if (low == m_) return whole_range();
        const Buckets buckets({low, m_});
        double sums[Buckets::count] = {}, squares[Buckets::count] = {}, largest[Buckets::count] = {};
        for (int i = 0; i < count; ++i) {
            const int bucket = buckets.of(scores[i]);
            sums[bucket] += weights[i];
            squares[bucket] += weights[i] * weights[i];
            if (weights[i] > largest[bucket]) largest[bucket] = weights[i];
        }
        const double each = static_cast<double>(row_.length) / (vectors * lanes);
        double below = 0, below_squares = 0, above = 0, above_squares = 0;
        for (int i = 0; i < Buckets::count; ++i) {
            below += sums[i];
            below_squares += squares[i];
        }
        int low_bucket = 0, high_bucket = Buckets::count;
        for (int i = Buckets::count - 1; i >= 0 && low_bucket == 0; --i) {
            above += sums[i];
            above_squares += squares[i];
            below -= sums[i];
            below_squares -= squares[i];
            const double one = largest[i] * largest[i];
            const double error = 5 * each * __builtin_sqrt(above_squares + one);
            const double other_error = 5 * each * __builtin_sqrt((below_squares > 0 ? below_squares : 0) + one);
            const double by_above = above * each, by_below = whole - below * each, part = share * whole;
            const double most = by_above + error < by_below + other_error ? by_above + error : by_below + other_error;
            const double least = by_above - error > by_below - other_error ? by_above - error : by_below - other_error;
            if (most < part) high_bucket = i;
            if (least > part) low_bucket = i;
        }
        Range range{m_, m_};
        for (int i = 0; i < count; ++i) {
            const int bucket = buckets.of(scores[i]);
            if (bucket >= low_bucket && scores[i] < range.low) range.low = scores[i];
            if (bucket >= high_bucket && scores[i] < range.high) range.high = scores[i];
        }
        return low_bucket > 0 && range.low < range.high ? range : whole_range();
    }

    Cut cut_at(Entries& entries, Mass part) const {
        Cut cut = cut_;
        if (part == 0) return cut;
        const Entry last = entry_reaching(entries.list, entries.count, part);
        cut.add(last.score, last.position);
        return cut;
    }
    // Those of one score weigh the same, and are kept by their position.
    Cut cut_among_equals(double score, Mass part) const {
        Cut cut = cut_;
        if (part == 0) return cut;
        std::int64_t last = -1;
        sweep_range({score, score}, [&](const Entry& entry) {
            if (part == 0) return;
            part -= entry.mass < part ? entry.mass : part;
            last = entry.position;
        });
        cut.add(score, last);
        return cut;
    }

    const Row<X>& row_;
    const Cut cut_;
    const double m_;
    const Weigh& weigh_;
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
