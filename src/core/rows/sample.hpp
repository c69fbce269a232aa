// filter_logits and sample: what filters keep of a row, and draws from it.
//
// A draw is the classic inversion: with u a number from [0, 1), the first element at which the weights so far, in the
// order of the row, pass u times their whole. Both are whole numbers (weights.hpp), so an element without weight is
// never drawn, and the draw depends on the row, its number and the seed alone.
#pragma once

#include "math/philox.hpp"
#include "rows/descent.hpp"
#include "rows/special.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// The largest score, NaN if there is one.
template <class V, class X>
inline double largest_or_nan_by(const Row<X>& row) {
    V m = V::set1(-__builtin_inf());
    bool has_nan = false;
    for_pieces(row, [&](std::int64_t, const Row<X>& piece) {
        for_vectors<V>(piece.length, [&](std::int64_t i, auto part) {
            for_each_vector(part.load(piece.x + i, -__builtin_inf()), [&](V v) {
                has_nan |= count_equal(v, v) < V::lanes;
                return m = max(v, m);
            });
        });
    });
    return has_nan ? __builtin_nan("") : static_cast<double>(reduce_max(m));
}
template <class X>
LOGITKIT_ONCE inline double largest_or_nan(const Row<X>& row) {
    if constexpr (is_double<X>) {
        return largest_or_nan_by<F64x8>(row);
    } else {
        return largest_or_nan_by<F32x16>(row);
    }
}

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
        const double length = static_cast<double>(scores.length), share = static_cast<double>(k) / length;
        const ByCount weigh;
        result = Descent<ByCount>(scores, cut, m, weigh).to(share, length, [&](Mass whole) {
            const Mass part = static_cast<Mass>(k) << mass_bits;
            return part < whole ? part : Mass{0};
        });
    }
    return result;
}

inline Cut top_p_of(const Scores& scores, const Cut& cut, double m, double temperature, double p) {
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
    return Descent<ByProbability>(scores, cut, m, weigh).to(p, scores.rough_sum_at(m, temperature), part);
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
LOGITKIT_ONCE inline Cut kept_of(const Scores& scores, double m, double row_temperature, const Sampling& sampling) {
    Cut cut;
    double temperature = 1;
    for (int i = 0; i < sampling.count; ++i) {
        const bool even = temperature == __builtin_inf();
        switch (sampling.filters[i]) {
        case Filter::temperature: temperature = row_temperature; break;
        case Filter::top_k: cut = top_k_of(scores, cut, m, even, sampling.k); break;
        case Filter::top_p: cut = top_p_of(scores, cut, m, temperature, sampling.p); break;
        case Filter::min_p:
            if (!even) cut.add(__builtin_fma(log_of(sampling.min_p), temperature, m), beyond);
            break;
        }
    }
    return cut;
}

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

// The row's number stands in ids[0]. A row that nothing can be drawn from gives -1.
template <class X>
inline void sample_row(const Row<X>& row, const Sampling& sampling, std::int64_t* ids, std::int64_t count) {
    const double m = largest_or_nan(row);
    const bool possible = __builtin_isfinite(m) && row.temperature >= 0;
    if (!possible || row.temperature == 0) {
        const std::int64_t id = possible ? first_of(row, m) : -1;
        for (std::int64_t i = 0; i < count; ++i) ids[i] = id;
        return;
    }
    const Scores scores(row);
    const Cut cut = kept_of(scores, m, row.temperature, sampling);
    if (row.temperature == __builtin_inf()) return draw_by(ByCount(), scores, cut, sampling.seed, ids, count);
    draw_by(ByProbability(m, row.temperature), scores, cut, sampling.seed, ids, count);
}

// x / temperature where it is kept, -inf elsewhere.
template <class X>
LOGITKIT_ONCE inline void store_kept(const Row<X>& row, double m, const Cut& cut) {
    using T = Element<X>;
    const double top = static_cast<double>(widen(narrow_to<T>(m / row.temperature)));
    // Beyond the largest number: as distances from the largest score, which are the same to softmax.
    const double shift = __builtin_isfinite(top) ? 0 : m;
    const auto store = [&](const Row<X>& piece, std::int64_t i, std::int64_t length, double least) {
        for_vectors<F64x8>(length, [&](std::int64_t j, auto part) {
            using D = typename decltype(part)::Vector;
            const D v = part.load(piece.x + (i + j), -__builtin_inf()), bound = D::set1(least);
            const D quotient = (v - D::set1(shift)) / D::set1(row.temperature);
            const D kept = zero_where_equal(quotient, max(bound, v), bound);
            const D left_out = zero_where_equal(D::set1(__builtin_inf()), max(D::set1(just_above(least)), v), v);
            part.store(kept - left_out, piece.out + (i + j));
        });
    };
    store_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
        for_bounds(cut, start, start + piece.length, [&](std::int64_t first, std::int64_t length, double least) {
            store(piece, first - start, length, least);
        });
        for (std::int64_t i = cut.end > start ? cut.end - start : 0; i < piece.length; ++i) {
            piece.out[i] = narrow_to<T>(-__builtin_inf());
        }
    });
}

template <class X>
inline void filter_row(const Row<X>& row, const Sampling& sampling) {
    const double m = largest_or_nan(row), nothing = -__builtin_inf();
    if (!__builtin_isfinite(m) || !(row.temperature >= 0)) {
        return fill(row, m == nothing ? nothing : __builtin_nan(""), nothing);
    }
    if (row.temperature == 0) {
        const std::int64_t first = first_of(row, m);
        fill(row, nothing, nothing);
        if (first < row.length) set_element(row, first, narrow_to<Element<X>>(0.0));
        return;
    }
    store_kept(row, m, kept_of(Scores(row), m, row.temperature, sampling));
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
