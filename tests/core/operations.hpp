// What the tests know of the operations: their names, what each takes and gives, and where its result may go.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "elements.hpp"
#include "kernels.hpp"
#include "rows.hpp"

inline const char* const op_names[] = {
    "softmax",     "log_softmax",   "logsumexp",       "entropy", "softmax_vjp",   "log_softmax_vjp", "logsumexp_vjp",
    "entropy_vjp", "kl_divergence", "gather_logprobs", "top_k",   "cross_entropy", "filter_logits",   "sample"};

// Positions are its result.
inline bool finds(logitkit::Op op) { return op == logitkit::Op::top_k || op == logitkit::Op::sample; }
inline bool gives_picks(logitkit::Op op) { return op == logitkit::Op::gather_logprobs || finds(op); }
inline bool gives_rows(logitkit::Op op) {
    using logitkit::Op;
    return op != Op::logsumexp && op != Op::entropy && op != Op::kl_divergence && !gives_picks(op);
}
inline bool takes_g(logitkit::Op op) {
    using logitkit::Op;
    return op >= Op::softmax_vjp && !gives_picks(op) && op != Op::filter_logits;
}
inline bool takes_rows_of_g(logitkit::Op op) {
    using logitkit::Op;
    return op == Op::softmax_vjp || op == Op::log_softmax_vjp || op == Op::kl_divergence || op == Op::cross_entropy;
}

inline bool takes_one_g(logitkit::Op op) { return takes_g(op) && !takes_rows_of_g(op); }
inline bool takes_mask(logitkit::Op op) {
    using logitkit::Op;
    return op != Op::softmax_vjp && op != Op::log_softmax_vjp && op != Op::top_k;
}

enum Alias { apart, out_is_x, out_is_g };
inline const char* const alias_names[] = {"", " in x", " in g"};
inline bool is_possible(Alias alias, logitkit::Op op) {
    return alias == apart || (gives_rows(op) && (alias == out_is_x || takes_rows_of_g(op)));
}

inline const char* const dtype_names[] = {"float32", "float64", "float16", "bfloat16"};
template <class T>
inline constexpr auto dtype_of = logitkit::DType::float32;
template <>
inline constexpr auto dtype_of<double> = logitkit::DType::float64;
template <>
inline constexpr auto dtype_of<logitkit::Float16> = logitkit::DType::float16;
template <>
inline constexpr auto dtype_of<logitkit::BFloat16> = logitkit::DType::bfloat16;

// What cross_entropy is asked for, and its weights: drawn.
struct LossCase {
    bool soft = false, gradient = true; // targets of every class; whether there is a gradient
    std::vector<double> weight;
    logitkit::Loss loss;

    template <class Random>
    LossCase(Alias alias, std::int64_t length, Random& random) {
        const auto below = [&](std::uint64_t n) { return random.bits() % n; };
        soft = alias == out_is_g || below(3) == 0;
        gradient = alias != apart || below(4) != 0;
        if (below(2) == 0) {
            for (std::int64_t i = 0; i < length; ++i) weight.push_back(below(8) == 0 ? 0 : random.uniform());
            loss.weight = weight.data();
        }
        constexpr double smoothings[] = {0, 0, 0.1, 1}, z_losses[] = {0, 0, 1e-4, 3};
        constexpr double scales[] = {1, 1.0 / 7, 1e-40, 0x1p+100, 0, std::numeric_limits<double>::infinity()};
        loss.smoothing = smoothings[below(4)];
        loss.z_loss = z_losses[below(4)];
        loss.scale = scales[below(6)];
    }
    // A class, or -1: the row is left out.
    template <class Random>
    static std::int64_t target(std::int64_t length, Random& random) {
        if (length == 0 || random.bits() % 5 == 0) return -1;
        return static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(length));
    }
};

// What filter_logits and sample are asked for: drawn.
inline logitkit::Sampling drawn_sampling(std::int64_t length, Random& random) {
    using logitkit::Filter;
    logitkit::Sampling asked;
    Filter order[] = {Filter::temperature, Filter::top_k, Filter::top_p, Filter::min_p};
    for (std::size_t left = 4; left > 0; --left) {
        const std::size_t next = random.bits() % left;
        if (random.bits() % 4 != 0 || order[next] == Filter::temperature) asked.filters[asked.count++] = order[next];
        order[next] = order[left - 1];
    }
    constexpr double shares[] = {0, 1e-9, 0.1, 0.5, 0.9, 0.999, 1};
    asked.k = 1 + static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(2 * length + 1));
    asked.p = shares[random.bits() % 7];
    asked.min_p = shares[random.bits() % 7];
    asked.seed = random.bits();
    return asked;
}
