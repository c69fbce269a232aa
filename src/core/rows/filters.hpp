// What top_k, top_p and min_p leave of a row, one after the other.
#pragma once

#include "rows/descent.hpp"
#include "rows/shortlist.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// At an infinite temperature all that is possible counts the same, and goes by its position: where the first
// part(count) of them end.
template <class Part>
inline std::int64_t end_of_even(const Scores& scores, const Cut& cut, Part part) {
    const auto sweep = [&](auto body) {
        scores.for_pieces([&](std::int64_t start, std::int64_t n, const double* x) {
            for (std::int64_t i = 0; i < n; ++i) {
                if (cut.keeps(x[i], start + i)) body(start + i);
            }
        });
    };
    std::int64_t count = 0, end = cut.end;
    sweep([&](std::int64_t) { ++count; });
    std::int64_t rest = part(count);
    sweep([&](std::int64_t i) {
        if (rest > 0 && --rest == 0) end = i + 1;
    });
    return end;
}

inline Cut top_k_of(const Scores& scores, const Cut& cut, double m, bool even, std::int64_t k) {
    Cut result = cut;
    if (even) {
        result.end = end_of_even(scores, cut, [&](std::int64_t count) { return k < count ? k : count; });
    } else if (k < scores.length) {
        const auto number = static_cast<double>(k);
        const ByCount weigh;
        Range range = guess_by_count(scores, cut, m, number);
        if (FloatSums::fit(scores)) { // numbers of elements are exact in float sums, too
            if (search(scores, result, range, number, 0, FloatCount(), nullptr)) return result;
        }
        result = Descent<ByCount>(scores, cut, m, weigh).to(range, [&](Mass whole) {
            const Mass part = static_cast<Mass>(k) << mass_bits;
            return part < whole ? part : Mass{0};
        });
    }
    return result;
}

// By float sums, if they tell, else where it probably ends.
template <bool Scaled>
LOGITKIT_ONCE inline bool search_top_p(const Scores& scores, Cut& cut, Range& range, double m, double temperature,
                                       double p, FloatSums& sums) {
    const FloatWeights<Scaled> weights(m, temperature);
    sum_pieces(scores, cut, temperature, weights, sums);
    const double whole = sums.whole / weight_of(m, weights);
    range = guess_by_probability(scores, cut, m, temperature, p * whole, whole);
    return search(scores, cut, range, p * sums.whole, sums.slack(p), weights, &sums);
}

inline Cut top_p_of(const Scores& scores, const Cut& cut, double m, double temperature, double p, FloatSums& sums) {
    const auto part = [&](Mass whole) {
        const Mass least = p > 0 ? part_reaching(p, whole) : 1;
        return least < whole ? least : whole;
    };
    Cut result = cut;
    if (temperature == __builtin_inf()) {
        result.end = end_of_even(
            scores, cut, [&](std::int64_t count) { return static_cast<std::int64_t>(part(static_cast<Mass>(count))); });
        return result;
    }
    const ByProbability weigh(m, temperature);
    Range range;
    if (FloatSums::serve(scores, m, temperature)) {
        const bool is_found = with_scaled(temperature, [&]<bool Scaled>() {
            return search_top_p<Scaled>(scores, result, range, m, temperature, p, sums);
        });
        if (is_found) return result;
    } else {
        const double whole = scores.rough_sum_at(m, temperature);
        range = guess_by_probability(scores, cut, m, temperature, p * whole, whole);
    }
    return Descent<ByProbability>(scores, cut, m, weigh).to(range, part);
}

// log(p) of 0 <= p <= 1, as -log(1 + (1 - p) / p).
inline double log_of(double p) {
    const Pair rest = two_sum(1, -p);
    const double t = rest.high / p;
    if (!__builtin_isfinite(t)) return -__builtin_inf();
    return -log1p(Pair{t, (__builtin_fma(-t, p, rest.high) + rest.low) / p}).high;
}

// What is left of a row by the filters, in their order. The row is ordinary, but for a temperature that may be
// infinite.
LOGITKIT_ONCE inline Cut kept_of(const Scores& scores, double m, double row_temperature, const Sampling& sampling,
                                 FloatSums& sums) {
    Cut cut;
    double temperature = 1;
    for (int i = 0; i < sampling.count; ++i) {
        const bool even = temperature == __builtin_inf();
        switch (sampling.filters[i]) {
        case Filter::temperature: temperature = row_temperature; break;
        case Filter::top_k: cut = top_k_of(scores, cut, m, even, sampling.k); break;
        case Filter::top_p: cut = top_p_of(scores, cut, m, temperature, sampling.p, sums); break;
        case Filter::min_p:
            if (!even) cut.add(__builtin_fma(log_of(sampling.min_p), temperature, m), beyond);
            break;
        }
    }
    return cut;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
