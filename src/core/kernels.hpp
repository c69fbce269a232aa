// The contract between the plan, which knows shapes and threads, and the kernels, which know rows.
#pragma once

#include <cstdint>

namespace logitkit {

enum class Op {
    softmax,
    log_softmax,
    logsumexp,
    entropy,
    softmax_vjp,
    log_softmax_vjp,
    logsumexp_vjp,
    entropy_vjp,
    kl_divergence,
    gather_logprobs,
    top_k
};
inline constexpr int op_count = 11;

enum class DType { float32, float64 };
inline constexpr int dtype_count = 2;

// What stands in a row whose elements are all -inf.
enum class Empty { nan, zero, uniform };

// Float rows up to this length store their exponentials and scale them; longer ones are done online, block by block. A
// constant, not a cache size: the two ways round differently, and the bits shall not depend on the machine.
inline constexpr std::int64_t stored_length = 65536;

// How a float row is done: by its length, or online whatever its length (for tests).
enum class Regime { automatic, online };

// Rows of one length in contiguous memory.
//   x     the logits; for softmax_vjp the probabilities p, for log_softmax_vjp their logarithms
//   g     softmax_vjp, log_softmax_vjp: the gradient, a row; logsumexp_vjp, entropy_vjp: one number a row;
//         kl_divergence: the logits of q, a row
//   ids   gather_logprobs: `picks` positions a row, each in [0, length); top_k: where as many go, at most length
//   out   one value a row for logsumexp, entropy and kl_divergence, `picks` of them for gather_logprobs, none for
//   top_k,
//         else a row; exactly x (in place), exactly g where that is a row, or apart from both
// Preconditions: length >= 1; every pointer aligned to its element; steps are counted in elements; temperature >= 0,
// not NaN. `exact` computes float32 in float64. `stream` lets float
// results be stored past the caches.
struct RowBatch {
    const void* x = nullptr;
    const void* g = nullptr;
    void* out = nullptr;
    std::int64_t* ids = nullptr;
    std::int64_t rows = 0;
    std::int64_t length = 0;
    std::int64_t x_step = 0;
    std::int64_t g_step = 0;
    std::int64_t out_step = 0;
    std::int64_t ids_step = 0;
    std::int64_t picks = 0;
    const double* temperature = nullptr;
    std::int64_t temperature_step = 0;
    Empty empty = Empty::nan;
    Regime regime = Regime::automatic;
    bool exact = false;
    bool stream = false;
};

using Kernel = void (*)(const RowBatch&);

// One instruction set: its name and a kernel for each operation and dtype.
struct Kernels {
    const char* name;
    const Kernel (*table)[dtype_count]; // [op][dtype]
};

} // namespace logitkit
