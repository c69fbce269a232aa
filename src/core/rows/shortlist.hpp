// Where the weights of a float row, from the largest score down, reach a part of their whole, by float sums: one sweep
// that lists the elements of a range in which the place is guessed to be.
#pragma once

#include "rows/approximate.hpp"
#include "rows/entries.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// The elements of a range in the order of the row, if there is room for them.
struct Shortlist {
    static constexpr int room = 4096, no_room = -1;

    float score[room];
    std::int32_t position[room];
    float weight[room];
    int count = 0;

    // Those that bits stand for, of the 64 scores at x.
    void add(std::uint64_t bits, const float* x, std::int64_t start) {
        if (count == no_room || bits == 0) return;
        if (count + __builtin_popcountll(bits) > room) {
            count = no_room;
            return;
        }
        for (; bits != 0; bits &= bits - 1) {
            const int j = __builtin_ctzll(bits);
            score[count] = x[j];
            position[count] = static_cast<std::int32_t>(start + j);
            count += score[count] == score[count] ? 1 : 0; // a NaN that was just written has no place in an order
        }
    }
    template <class Weights>
    LOGITKIT_ONCE void weigh(const Weights& weights) {
        for_vectors<F32x16>(
            count, [&](std::int64_t i, auto part) { part.store(weights(part.load(score + i, 0.0f)), weight + i); });
    }
};

// Sums the weights above a range, of the n floats x that are above a bound, and lists those in the range.
template <class Weights>
LOGITKIT_ONCE inline double sum_and_list(const float* x, std::int64_t start, std::int64_t n, float bound, Range range,
                                         const Weights& weights, Shortlist& list) {
    const float below = float_up_to(just_below(range.low)), from = below > bound ? below : bound;
    const auto to = static_cast<float>(range.high);
    std::uint64_t inside[Scores::piece_length / 64] = {};
    FloatSum sum;
    // Marks what is in the range; whether nothing is above it.
    const auto mark = [&](std::int64_t i, auto v) LOGITKIT_INLINE {
        using F = decltype(v);
        const std::uint64_t up_to_high = at_most(v, F::set1(to));
        inside[i / 64] |= (up_to_high & ~at_most(v, F::set1(from))) << (i % 64);
        return up_to_high == all_lanes<F>;
    };
    const auto add_above = [&](auto v, auto values) LOGITKIT_INLINE {
        const auto high = decltype(v)::set1(to);
        sum.add(zero_where_equal(values, max(high, v), high));
    };
    using Two = Twice<F32x16>;
    if (n >= Two::lanes && at_most(Two::load(x), Two::set1(to)) != all_lanes<Two>) { // many are above, it seems
        weights.for_all(x, n, [&](std::int64_t i, auto part, auto values) LOGITKIT_INLINE {
            const auto v = part.load(x + i, -__builtin_inff());
            mark(i, v);
            add_above(v, values);
        });
    } else {
        for_vectors<F32x16>(n, [&](std::int64_t i, auto part) LOGITKIT_INLINE {
            const auto v = part.load(x + i, -__builtin_inff());
            if (!mark(i, v)) add_above(v, weights(v));
        });
    }
    for (std::int64_t i = 0; i < n; i += 64) list.add(inside[i / 64], x + i, start + i);
    return sum.total();
}

// The element of a list at which the sum of the weights, in descending order, reaches `least`; and certainly the one if
// it reaches `slack` more. Buckets of equal width leave few to be searched.
class ListSearch {
public:
    ListSearch(const Shortlist& list, double least, double slack)
        : list_(list), least_(least), slack_(slack), count_(list.count) {
        for (int i = 0; i < count_; ++i) place_[i] = static_cast<std::int16_t>(i);
    }

    // Adds to the cut if it is certain; the range becomes what is left of it.
    LOGITKIT_ONCE bool find(Cut& cut, Range& range) {
        for (;;) {
            float low = list_.score[place_[0]], high = low;
            for (int i = 0; i < count_; ++i) {
                const float score = list_.score[place_[i]];
                low = score < low ? score : low;
                high = score > high ? score : high;
            }
            if (low < high) range = {static_cast<double>(low), static_cast<double>(high)};
            if (low == high || count_ <= few) return end(cut);
            if (!narrow_down(low, high)) return false;
        }
    }

private:
    static constexpr int few = 256, buckets = 256;

    // To the bucket in which `least` is reached; whether that leaves less.
    bool narrow_down(float low, float high) {
        double mass[buckets] = {};
        std::uint8_t of[Shortlist::room];
        const float per_bucket = buckets / (high - low);
        for (int i = 0; i < count_; ++i) {
            const float place = (list_.score[place_[i]] - low) * per_bucket;
            const int bucket = place < buckets - 1 ? static_cast<int>(place) : buckets - 1;
            of[i] = static_cast<std::uint8_t>(bucket);
            mass[bucket] += static_cast<double>(list_.weight[place_[i]]);
        }
        int bucket = buckets - 1;
        for (; bucket >= 0 && mass[bucket] < least_; --bucket) least_ -= mass[bucket];
        int left = 0;
        for (int i = 0; i < count_; ++i) {
            place_[left] = place_[i];
            left += of[i] == bucket ? 1 : 0;
        }
        const bool is_less = left > 0 && left < count_;
        count_ = left;
        return is_less;
    }

    // Of few, or of equals, which are in the order of the row.
    bool end(Cut& cut) {
        Entry<double> last{0, 0, 0};
        if (count_ <= few) {
            Entry<double> entries[few];
            for (int i = 0; i < count_; ++i) entries[i] = entry(i);
            last = entry_reaching(entries, count_, least_);
        } else {
            for (int i = 0; i < count_; ++i) {
                last = entry(i);
                if (least_ <= last.mass || i + 1 == count_) break; // the list may end before the part does
                least_ -= last.mass;
            }
        }
        if (!(least_ + slack_ <= last.mass)) return false;
        cut.add(last.score, last.position);
        return true;
    }
    Entry<double> entry(int i) const {
        const std::int16_t place = place_[i];
        return {static_cast<double>(list_.score[place]), list_.position[place],
                static_cast<double>(list_.weight[place])};
    }

    const Shortlist& list_;
    double least_;
    const double slack_;
    int count_;
    std::int16_t place_[Shortlist::room]; // of those that are left
};

// Adds to a cut where the weights of what it keeps reach a part that is known but for `slack`; `range` is where that is
// guessed to be. The pieces of `sums`, if it is given, become those of what is kept then. If floats do not tell, the
// range becomes where it probably is.
template <class Weights>
LOGITKIT_ONCE inline bool search(const Scores& scores, Cut& cut, Range& range, double part, double slack,
                                 const Weights& weights, FloatSums* sums) {
    Shortlist list;
    double above = 0, of_piece[FloatSums::most_pieces];
    scores.for_float_pieces([&](std::int64_t start, std::int64_t n, const float* x) {
        if (list.count == Shortlist::no_room) return;
        double sum = 0;
        for_bounds(cut, start, start + n, [&](std::int64_t first, std::int64_t length, double least) {
            sum += sum_and_list(x + (first - start), first, length, float_up_to(least), range, weights, list);
        });
        of_piece[start / Scores::piece_length] = sum;
        above += sum;
    });
    const double least = part - slack - above;
    if (list.count <= 0 || !(least > 0)) return false;
    list.weigh(weights);
    if (!ListSearch(list, least, 2 * slack).find(cut, range)) return false;
    if (sums == nullptr) return true;
    for (int i = 0; i < list.count; ++i) {
        if (cut.keeps(static_cast<double>(list.score[i]), list.position[i]))
            of_piece[list.position[i] / Scores::piece_length] += static_cast<double>(list.weight[i]);
    }
    sums->cut = cut;
    sums->whole = 0;
    const std::int64_t pieces = (scores.length + Scores::piece_length - 1) / Scores::piece_length;
    for (std::int64_t i = 0; i < pieces; ++i) sums->whole += sums->of_piece[i] = of_piece[i];
    return true;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
