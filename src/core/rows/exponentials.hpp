// The exponentials of one block of a float row, measured from an exponent, and their sum.
#pragma once

#include "math/exp.hpp"
#include "rows/dense.hpp"
#include "rows/sums.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// Calls body(i, part, scale, rest, small) for the vectors of a block of scores, see Anchor::reduce.
//
// Reducing goes ahead, for a processor's window holds few of these long chains and would wait for its own results: by
// one pair of vectors where there are registers for that (Zen 4: 0.27 in place of 0.31 ns an element), or, where the
// lanes say so (`staged`), by a run of vectors that go through memory (Zen 1: 1.3 in place of 1.7).
constexpr int stage_length = 128;

template <bool Scaled, class X, class Body>
LOGITKIT_INLINE inline void for_exponentials(X x, std::int64_t n, const Anchor<Scaled>& anchor, Body body) {
    using F = F32x16;
    std::int64_t start = 0;
    if constexpr (F::staged) {
        alignas(64) float scale[stage_length], rest[stage_length], small[stage_length];
        while (n - start >= 2 * F::lanes) {
            const std::int64_t left = (n - start) / F::lanes * F::lanes;
            const int some = left < stage_length ? static_cast<int>(left) : stage_length;
            for (int i = 0; i < some; i += F::lanes) {
                F s, a, b;
                anchor.reduce(Whole<F>{}.load(x + (start + i), 0.0f), s, a, b);
                s.store(scale + i);
                a.store(rest + i);
                b.store(small + i);
            }
            for (int i = 0; i < some; i += F::lanes) {
                body(start + i, Whole<F>{}, F::load(scale + i), F::load(rest + i), F::load(small + i));
            }
            start += some;
        }
    } else if constexpr (F::interleave == 2) {
        using P = Twice<F>;
        const Whole<P> pair;
        if (n >= P::lanes) {
            P scale, rest, small;
            anchor.reduce(pair.load(x, 0.0f), scale, rest, small);
            for (; n - start >= 2 * P::lanes; start += P::lanes) {
                P next_scale, next_rest, next_small;
                anchor.reduce(pair.load(x + (start + P::lanes), 0.0f), next_scale, next_rest, next_small);
                body(start, pair, scale, rest, small);
                scale = next_scale;
                rest = next_rest;
                small = next_small;
            }
            body(start, pair, scale, rest, small);
            start += P::lanes;
        }
    }
    for_vectors<F>(n - start, [&](std::int64_t i, auto part) {
        typename decltype(part)::Vector s, a, b;
        anchor.reduce(part.load(x + (start + i), -__builtin_inff()), s, a, b);
        body(start + i, part, s, a, b);
    });
}

// The arithmetic of a sweep leaves the memory idle, so it fetches what the next one will read, `ahead` elements
// further.
template <class V, class X>
inline void prefetch_ahead(X x, std::int64_t ahead) {
    for (int i = 0; i < V::lanes; i += F32x16::lanes) prefetch(address(x) + ahead + i);
}

// What of the exponentials of a block waits for the next sweep.
enum class Wait { q, rounded };

// The sum of the exponentials of a block; what is kept of them goes to `kept` where that is given. Carefully: with what
// q lost.
template <bool Carefully, Wait What, bool Scaled, class X>
LOGITKIT_ONCE inline double exp_sum(X x, std::int64_t n, Anchor<Scaled> anchor, std::int64_t ahead, float* kept) {
    BlockSum sum;
    const auto sweep = [&](auto keep) LOGITKIT_INLINE {
        for_exponentials(x, n, anchor,
                         [&](std::int64_t i, auto part, auto scale, auto rest, auto small) LOGITKIT_INLINE {
                             using F = typename decltype(part)::Vector;
                             if (i > 0 && i % BlockSum::run_length == 0) sum.next_run();
                             prefetch_ahead<F>(x + i, ahead);
                             F lost;
                             const F q = anchor.expm1(rest, small, lost);
                             keep(i, part, scale, q);
                             if constexpr (Carefully) {
                                 sum.add(scale, q, lost);
                             } else {
                                 sum.add(scale, q);
                             }
                         });
    };
    if (kept == nullptr) {
        sweep([](std::int64_t, auto, auto, auto) {});
    } else {
        sweep([&](std::int64_t i, auto part, auto scale, auto q) {
            part.store(What == Wait::q ? q : Exponential<decltype(q)>{scale, q}.value(), kept + i);
        });
    }
    return sum.total();
}

// The sum of the exponentials of the elements other than m, and how often m stands in the block.
struct Rest {
    double sum;
    std::int64_t count;
};

template <bool Scaled, class X>
LOGITKIT_ONCE inline Rest exp_sum_rest(X x, std::int64_t n, Anchor<Scaled> anchor, float m, std::int64_t ahead) {
    RestSum sum;
    std::int64_t count = 0;
    for_exponentials(x, n, anchor, [&](std::int64_t i, auto part, auto scale, auto rest, auto small) LOGITKIT_INLINE {
        using F = typename decltype(part)::Vector;
        prefetch_ahead<F>(x + i, ahead);
        const F v = part.load(x + i, -__builtin_inff()), maximum = F::set1(m);
        count += count_equal(v, maximum);
        F lost;
        const F q = anchor.careful_expm1(rest, small, lost);
        // The maxima are left out.
        sum.add(zero_where_equal(scale, v, maximum), q, lost);
    });
    return {sum.total(), count};
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
