// Where a place in the order of a row lies about, going by a sample of its elements. A wrong guess costs a sweep, and
// changes nothing.
#pragma once

#include "rows/approximate.hpp"
#include "rows/entries.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// From the largest score m down to what is not above any that a cut keeps.
LOGITKIT_ONCE inline Range whole_range(const Scores& scores, const Cut& cut, double m) {
    if (cut.score > -__builtin_inf()) return {cut.score, m};
    F64x8 most = F64x8::set1(-m);
    const F64x8 lowest = F64x8::set1(-__builtin_inf());
    scores.for_pieces([&](std::int64_t, std::int64_t n, const double* x) {
        for_vectors<F64x8>(n, [&](std::int64_t i, auto part) {
            for_each_vector(part.load(x + i, m), [&](F64x8 v) {
                return most = max(zero_where_equal(F64x8::set1(0.0) - v, v, lowest), most);
            });
        });
    });
    return {-reduce_max(most), m};
}

// Estimates by a sample, runs of 16 elements at equal distances, in floats. Scores are distances from the maximum m, in
// units of the temperature.
template <class Weights>
class Guess {
    using F = F32x16;
    static constexpr int few = 64, many = 512, buckets = 256;

public:
    // Where the weights of what a cut keeps reach a part of their whole, in weights of the maximum; the whole may be
    // NaN, if it is not known.
    Guess(const Scores& scores, const Cut& cut, double m, double temperature, const Weights& weights, double part,
          double whole)
        : scores_(scores), m_(m), by_(1 / temperature), weights_(weights), part_(part), whole_(whole),
          bound_(cut.score > -__builtin_inf() ? static_cast<float>((just_below(cut.score) - m) * by_)
                                              : -__builtin_inff()) {}

    // In shorter rows all scores are as quickly looked at.
    static bool is_worth_it(const Scores& scores) { return scores.length > 2 * few * F::lanes; }

    // Scores between which it lies about, or nothing.
    LOGITKIT_ONCE Range range() const {
        F most = F::set1(0);
        for_sample(few, [&](F y) {
            const F bound = F::set1(bound_);
            most = max(zero_where_equal(F::set1(0) - y, max(bound, y), bound), most);
        });
        float low = -reduce_max(most), high = 0;
        narrow_down(low, high, few);
        if (scores_.length > 2 * many * F::lanes) narrow_down(low, high, many);
        return {m_ + static_cast<double>(low) / by_, m_ + static_cast<double>(high) / by_};
    }

private:
    template <class Body>
    LOGITKIT_INLINE void for_sample(int runs, Body body) const {
        const F64x8 m = F64x8::set1(m_), by = F64x8::set1(by_);
        const auto distances = [&](const auto* x) {
            body(narrow((F64x8::load(x) - m) * by, (F64x8::load(x + F64x8::lanes) - m) * by));
        };
        for (int i = 0; i < runs; ++i) {
            const std::int64_t start = (scores_.length - F::lanes) * (2 * i + 1) / (2 * runs);
            if (scores_.in_floats()) {
                distances(scores_.float_piece(start, F::lanes));
            } else {
                distances(scores_.piece(start, F::lanes));
            }
        }
    }
    // Elements of a sample: the sum of their weights, and of its squares.
    struct Sum {
        double sum = 0, squares = 0;
        void add(double weight) {
            sum += weight;
            squares += weight * weight;
        }
        void add(const Sum& other) {
            sum += other.sum;
            squares += other.squares;
        }
        void remove(const Sum& other) {
            sum -= other.sum;
            squares -= other.squares;
        }
    };
    class Lanes {
    public:
        LOGITKIT_INLINE void add(F w) {
            sum_ = sum_ + w;
            squares_ = fma(w, w, squares_);
        }
        Sum total() const { return {static_cast<double>(reduce_sum(sum_)), static_cast<double>(reduce_sum(squares_))}; }

    private:
        F sum_ = F::set1(0), squares_ = F::set1(0);
    };
    // What lies above a range, below it, and in it in buckets of equal width.
    struct Tally {
        Sum above, below, of[buckets];
    };

    LOGITKIT_ONCE void count(float low, float high, int runs, Tally& tally) const {
        Lanes above, below;
        const float per_bucket = buckets / (high - low);
        for_sample(runs, [&](F y) {
            const F bound = F::set1(bound_), lowest = F::set1(low), highest = F::set1(high);
            const F w = zero_where_equal(weights_(y), max(bound, y), bound);
            above.add(zero_where_equal(w, max(highest, y), highest));
            below.add(zero_where_equal(w, max(lowest, y), y));
            float score[F::lanes], weights[F::lanes];
            y.store(score);
            w.store(weights);
            for (unsigned inside = at_most(y, highest) & at_most(lowest, y); inside != 0; inside &= inside - 1) {
                const int j = __builtin_ctz(inside);
                const float place = (score[j] - low) * per_bucket;
                tally.of[place < buckets - 1 ? static_cast<int>(place) : buckets - 1].add(
                    static_cast<double>(weights[j]));
            }
        });
        tally.above = above.total();
        tally.below = below.total();
    }

    // What lies above a score is judged by the elements above it or by those below it, whichever tells more, with three
    // standard deviations of their sum, where four elements more count that are as large as can be there. A sample that
    // tells nothing leaves no room between low and high.
    void narrow_down(float& low, float& high, int runs) const {
        if (!(low < high)) return;
        Tally tally;
        count(low, high, runs, tally);
        Sum above = tally.above, below = tally.below;
        for (const Sum& one : tally.of) below.add(one);
        const double each = static_cast<double>(scores_.length) / (runs * F::lanes);
        const auto is_less = [&](double a, double b, const Sum& of, double one) {
            return b > a && (b - a) * (b - a) > 9 * each * each * (of.squares + 4 * one * one);
        };
        const float first = low, width = (high - low) / buckets;
        low = high;
        for (int i = buckets - 1; i >= 0; --i) {
            above.add(tally.of[i]);
            below.remove(tally.of[i]);
            const float edge = first + width * static_cast<float>(i);
            const double one = weight_of(static_cast<double>(edge), weights_);
            const double by_above = above.sum * each, by_below = whole_ - below.sum * each;
            if (is_less(by_above, part_, above, 1) || is_less(by_below, part_, below, one)) high = edge;
            if (is_less(part_, by_above, above, 1) || is_less(part_, by_below, below, one)) {
                low = edge;
                return;
            }
        }
        low = high;
    }

    const Scores& scores_;
    const double m_, by_;
    const Weights& weights_;
    const double part_, whole_;
    const float bound_;
};

// Scores between which the weights of what a cut keeps reach a part of about this whole, in weights of the maximum m.
template <class Weights>
LOGITKIT_ONCE inline Range guess(const Scores& scores, const Cut& cut, double m, double temperature,
                                 const Weights& weights, double part, double whole) {
    if (Guess<Weights>::is_worth_it(scores)) {
        const Range range = Guess<Weights>(scores, cut, m, temperature, weights, part, whole).range();
        if (range.low < range.high && range.high <= m) return range;
    }
    return whole_range(scores, cut, m);
}
inline Range guess_by_count(const Scores& scores, const Cut& cut, double m, double part) {
    return guess(scores, cut, m, 1, FloatCount(), part, __builtin_nan(""));
}
inline Range guess_by_probability(const Scores& scores, const Cut& cut, double m, double temperature, double part,
                                  double whole) {
    constexpr double one = 41.58883083359672; // the logarithm of `unit_float`: in units of 1, whose squares are floats
    return guess(scores, cut, m, temperature, FloatWeights<false>(one, 1), part, whole);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
