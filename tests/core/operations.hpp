// What the tests know of the operations: their names, what each takes and gives, and where its result may go.
#pragma once

#include "elements.hpp"
#include "kernels.hpp"

inline const char* const op_names[] = {"softmax",       "log_softmax",     "logsumexp",     "entropy",
                                       "softmax_vjp",   "log_softmax_vjp", "logsumexp_vjp", "entropy_vjp",
                                       "kl_divergence", "gather_logprobs", "top_k"};

inline bool gives_picks(logitkit::Op op) { return op == logitkit::Op::gather_logprobs || op == logitkit::Op::top_k; }
inline bool gives_rows(logitkit::Op op) {
    using logitkit::Op;
    return op != Op::logsumexp && op != Op::entropy && op != Op::kl_divergence && !gives_picks(op);
}
inline bool takes_g(logitkit::Op op) { return op >= logitkit::Op::softmax_vjp && !gives_picks(op); }
inline bool takes_rows_of_g(logitkit::Op op) {
    using logitkit::Op;
    return op == Op::softmax_vjp || op == Op::log_softmax_vjp || op == Op::kl_divergence;
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
