// filter_logits and sample: what filters keep of a row, and draws from it.
//
// A draw is the classic inversion: with u a number from [0, 1), the first element at which the weights so far, in the
// order of the row, pass u times their whole. Both are whole numbers (weights.hpp), so an element without weight is
// never drawn, and the draw depends on the row, its number and the seed alone.
#pragma once

#include "math/philox.hpp"
#include "rows/anchored.hpp"
#include "rows/cut.hpp"
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

// The sum of a row's exponentials, in units of the largest.
template <class X>
LOGITKIT_ONCE inline double about_sum(const Row<X>& row, double m, double temperature) {
    if constexpr (!is_double<X>) {
        if (is_anchored(temperature, m)) {
            Row<X> at_temperature = row;
            at_temperature.temperature = temperature;
            const Inverse<float> inverse(temperature);
            Normalizer all;
            return 1 + with_scaled(temperature, [&]<bool Scaled>() {
                       return log_sum<Scaled>(at_temperature, first_max_of(row), inverse, nullptr, all).beside;
                   });
        }
    }
    return normalize_wide<true>(row, m, Distance<Element<X>, true>(m, temperature)).sum().high / unit_double;
}

// At an infinite temperature all that is possible counts the same, and goes by its position.
template <class X, class Part>
LOGITKIT_ONCE inline std::int64_t end_of_even(const Row<X>& row, const Cut& cut, Part part) {
    const auto sweep = [&](auto body) {
        for_pieces(row, [&](std::int64_t start, const Row<X>& piece) {
            for (std::int64_t i = 0; i < piece.length; ++i) {
                if (cut.keeps(static_cast<double>(score_at(piece.x, i)), start + i)) body(start + i);
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

// What is left of a row by the filters, in their order. The row is ordinary, but for a temperature that may be
// infinite.
template <class X>
inline Cut kept_of(const Row<X>& row, double m, const Sampling& sampling) {
    Cut cut;
    double temperature = 1;
    for (int i = 0; i < sampling.count; ++i) {
        const bool even = temperature == __builtin_inf();
        switch (sampling.filters[i]) {
        case Filter::temperature: temperature = row.temperature; break;
        case Filter::top_k: {
            const std::int64_t k = sampling.k;
            if (even) {
                cut.end = end_of_even(row, cut, [&](std::int64_t count) { return k < count ? k : count; });
            } else if (k < row.length) {
                const double share = static_cast<double>(k) / static_cast<double>(row.length);
                const ByCount weigh;
                cut =
                    Descent<X, ByCount>(row, cut, m, weigh).to(share, static_cast<double>(row.length), [&](Mass whole) {
                        const Mass part = static_cast<Mass>(k) << mass_bits;
                        return part < whole ? part : Mass{0};
                    });
            }
            break;
        }
        case Filter::top_p: {
            const double p = sampling.p;
            const auto part = [&](Mass whole) {
                const Mass least = p > 0 ? part_reaching(p, whole) : 1;
                return least < whole ? least : whole;
            };
            if (even) {
                cut.end = end_of_even(row, cut, [&](std::int64_t count) {
                    return static_cast<std::int64_t>(part(static_cast<Mass>(count)));
                });
            } else {
                const ByProbability<Element<X>> weigh(m, temperature);
                cut = Descent<X, ByProbability<Element<X>>>(row, cut, m, weigh)
                          .to(p, about_sum(row, m, temperature), part);
            }
            break;
        }
        case Filter::min_p:
            if (!even) cut.add(__builtin_fma(sampling.log_min_p, temperature, m), beyond);
            break;
        }
    }
    return cut;
}

// Draws from the elements that a cut keeps.
template <class X, class Weigh>
class Lottery {
public:
    Lottery(const Row<X>& row, const Cut& cut, const Weigh& weigh) : row_(row), cut_(cut), weigh_(weigh) {
        blocks_ = (row.length + block_length - 1) / block_length;
        group_ = (blocks_ + groups - 1) / groups;
        if (blocks_ == 1) {
            open(0);
            whole_ = upto_[row.length - 1];
            return;
        }
        for_blocks(row, [&](std::int64_t start, const Row<X>& block) {
            whole_ += block_mass(block, start, cut_, weigh_);
            ends_[start / block_length / group_] = whole_;
        });
    }

    std::int64_t draw(std::uint64_t u) {
        Mass target = scaled(whole_, u, uniform_bits).quotient;
        if (blocks_ > 1) {
            std::int64_t group = 0;
            while (ends_[group] <= target) ++group;
            if (group > 0) target -= ends_[group - 1];
            for (std::int64_t block = group * group_;; ++block) {
                // The last one of a group has what the others have not.
                if (block + 1 < (group + 1) * group_ && block + 1 < blocks_) {
                    const Mass mass = mass_of_block(block);
                    if (mass <= target) {
                        target -= mass;
                        continue;
                    }
                }
                if (block != opened_) open(block);
                break;
            }
        }
        std::int64_t low = 0, high = opened_length_;
        while (low < high) {
            const std::int64_t middle = (low + high) / 2;
            if (upto_[middle] > target) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return opened_ * block_length + low;
    }

private:
    static constexpr std::int64_t groups = 256;

    Row<X> block_at(std::int64_t block) const {
        const std::int64_t start = block * block_length, rest = row_.length - start;
        return part_of(row_, start, rest < block_length ? rest : block_length);
    }
    Mass mass_of_block(std::int64_t block) const {
        return block_mass(block_at(block), block * block_length, cut_, weigh_);
    }
    // Sums the weights of a block element by element.
    void open(std::int64_t index) {
        opened_ = index;
        const std::int64_t start = index * block_length;
        const Row<X> block = block_at(index);
        opened_length_ = block.length;
        Mass sum = 0;
        std::int64_t done = 0;
        for_bounds(cut_, start, start + block.length, [&](std::int64_t first, std::int64_t length, double least) {
            for_vectors<F64x8>(length, [&](std::int64_t i, auto part) {
                using D = typename decltype(part)::Vector;
                double coarse[D::lanes], fine[D::lanes];
                const D v = part.load(block.x + (first - start + i), -__builtin_inf());
                const Weight<D> w = above_only(weigh_(v), v, D::set1(least));
                w.coarse.store(coarse);
                w.fine.store(fine);
                for (int j = 0; j < part.n; ++j) upto_[done++] = sum += mass_of(coarse[j], fine[j]);
            });
        });
        while (done < block.length) upto_[done++] = sum;
    }

    const Row<X>& row_;
    const Cut& cut_;
    const Weigh& weigh_;
    std::int64_t blocks_, group_, opened_ = -1, opened_length_ = 0;
    Mass whole_ = 0, ends_[groups], upto_[block_length];
};

template <class X, class Weigh>
LOGITKIT_ONCE inline void draw_all(const Row<X>& row, const Cut& cut, const Weigh& weigh, std::uint64_t seed,
                                   std::int64_t* ids, std::int64_t count) {
    Lottery<X, Weigh> lottery(row, cut, weigh);
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
    const Cut cut = kept_of(row, m, sampling);
    if (row.temperature == __builtin_inf()) return draw_all(row, cut, ByCount(), sampling.seed, ids, count);
    const ByProbability<Element<X>> weigh(m, row.temperature);
    draw_all(row, cut, weigh, sampling.seed, ids, count);
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
            const D v = part.load(piece.x + (i + j), -__builtin_inf()), above = D::set1(just_above(least));
            const D out = zero_where_equal(D::set1(__builtin_inf()), max(above, v), v);
            part.store((v - D::set1(shift)) / D::set1(row.temperature) - out, piece.out + (i + j));
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
        return set_element(row, first, narrow_to<Element<X>>(0.0));
    }
    store_kept(row, m, kept_of(row, m, sampling));
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
