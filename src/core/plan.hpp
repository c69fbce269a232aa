// From arrays to rows: collapses dimensions, chooses the way that the rows go (batches.hpp), cuts the work into parts
// for the threads.
#pragma once

#include <cstdint>

#include "conversion.hpp"
#include "kernels.hpp"

namespace logitkit {

inline constexpr int most_dims = 64;

// An array broadcast to the shape of the request: strides in bytes, 0 along broadcast and reduced dimensions.
struct Operand {
    char* data = nullptr;
    std::int64_t strides[most_dims]; // the first `dims` are set
    Stored stored;                   // of x, g and out, where that is not as they are computed

    explicit operator bool() const { return data != nullptr; }
};

struct Request {
    Op op = Op::softmax;
    DType dtype = DType::float32;
    int dims = 0;
    std::int64_t shape[most_dims];
    bool reduced[most_dims];
    Operand x, g, mask, temperature, out; // g, mask: may be absent; mask: bytes, 0 = does not take part
    Operand ids;                          // int64: of gather_logprobs, top_k and sample; one a row of cross_entropy
    std::int64_t picks = 0; // ids a row of those three; they, and the values of out at them, lie side by side
    Operand losses;         // of cross_entropy: double, one a row; its out, the gradient, may be absent
    Loss loss;
    Sampling sampling; // of filter_logits and sample
    Empty empty = Empty::nan;
    Regime regime = Regime::automatic;
    bool exact = false;

    // One value a row, not a row.
    bool is_reduction() const { return op == Op::logsumexp || op == Op::entropy || op == Op::kl_divergence; }
    // `picks` values a row.
    bool is_pick() const { return op == Op::gather_logprobs || op == Op::top_k || op == Op::sample; }
    bool gives_rows() const { return !is_reduction() && !is_pick(); }
    // g is one number a row, not a row.
    bool has_one_g() const { return op == Op::logsumexp_vjp || op == Op::entropy_vjp; }
    // Something is stored otherwise than it is computed.
    bool is_converted() const { return x.stored || g.stored || out.stored; }
    std::int64_t size() const;
    std::int64_t row_length() const;
    // Elements, or draws where those are more: what threads are worth.
    std::int64_t work() const;
};

// Computes the whole request. Preconditions: the operands have the request's shape, temperatures are >= 0 and not NaN,
// out is exactly x or g, or apart from both; where something is converted, rows are longer than a block. Throws
// std::bad_alloc.
void run(const Request& request);

// Bytes of the last-level cache, as the operating system tells it; 32 MiB where it does not.
std::int64_t last_cache_bytes();
std::int64_t cache_bytes(int level);

} // namespace logitkit
