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
    top_k,
    cross_entropy,
    filter_logits,
    sample
};
inline constexpr int op_count = 14;
// Some of the first ones, of float32 and halves, are done side by side too, see Tile.
inline constexpr int tiled_op_count = 6;

enum class DType { float32, float64, float16, bfloat16 };
inline constexpr int dtype_count = 4;
inline constexpr std::int64_t item_size(DType dtype) {
    return dtype == DType::float64 ? 8 : dtype == DType::float32 ? 4 : 2;
}

// What stands in a row whose elements that take part are all -inf.
enum class Empty { nan, zero, uniform };

// How rows are done: as the plan finds best; the exponentials of floats computed twice; or so, and stored past the
// caches, for float32 in contiguous rows; by way of a window, where they are longer than a block. The bits are the
// same.
enum class Regime { automatic, again, streamed, windowed };
inline constexpr int regime_count = 4;

// Threads that share one long row: run(parts, body, context) calls body(context, i) for i from 0 to parts - 1, and
// returns when all are done. `scratch` has room for `helper_bytes` for each block of the row.
constexpr std::int64_t block_length = 4096;
constexpr std::int64_t helper_bytes = 64;
struct Helpers {
    void (*run)(std::int64_t parts, void (*body)(void*, std::int64_t), void* context);
    void* scratch;
    std::int64_t parts;
};

// What cross_entropy asks for. With t the targets, of K classes that take part, each counts for
// a = w ((1 - s) t + s / K), the row for v = sum(w t):
//   loss = -sum(a log p) + z v lse^2,    gradient = scale ((sum(a) + 2 z v lse) p - a)
struct Loss {
    const double* weight = nullptr; // w of each class, else 1
    double smoothing = 0;           // s
    double z_loss = 0;              // z
    double scale = 1;
};

// What filter_logits and sample ask for: filters in the order in which they work, each on what those before it left.
enum class Filter { temperature, top_k, top_p, min_p };
constexpr int filter_count = 4;
struct Sampling {
    Filter filters[filter_count];
    int count = 0;
    std::int64_t k = 1;
    double p = 1;
    double min_p = 0;
    std::uint64_t seed = 0;
};

// A row of more than a block that does not lie in contiguous memory: the plan copies a part of it, a block at most, in
// and out. There is room for a block of each operand, and for one element behind it.
struct Window {
    // Copies n elements of x, and of mask and g where they are rows, from the element `start` on, to the place `to` of
    // their rooms.
    void (*load)(const Window&, std::int64_t start, std::int64_t n, std::int64_t to);
    // Copies the n elements in the room of out to where they belong, from the element `start` of the row on.
    void (*store)(const Window&, std::int64_t start, std::int64_t n);
};

// Rows of one length in contiguous memory, or one row by way of a window: then the operands that are rows are rooms.
//   x     the logits; for softmax_vjp the probabilities p, for log_softmax_vjp their logarithms
//   g     softmax_vjp, log_softmax_vjp: the gradient, a row; logsumexp_vjp, entropy_vjp: one number a row;
//         kl_divergence: the logits of q, a row; cross_entropy: the targets, a row, or absent
//   mask  may be absent; one byte an element, 0 where x (and the q of kl_divergence) takes no part: what stands there
//         has no effect
//   ids   gather_logprobs: `picks` positions a row, each in [0, length); top_k: where as many go, at most length;
//         cross_entropy without g: the class of each row, -1 for a row that is left out; sample: the number of the row,
//         in the first of `picks`, where the draws go: -1 each where nothing can be drawn
//   out   one value a row for logsumexp, entropy and kl_divergence, `picks` of them for gather_logprobs, none for
//         top_k and sample, else a row; exactly x (in place), exactly g where that is a row, or apart from both. Absent
//         where cross_entropy is to give no gradient
//   losses  one double a row, of cross_entropy; `loss` then says what it is
//   sampling  what filter_logits and sample ask for
// Preconditions: length >= 1; every pointer aligned to its element; steps are counted in elements; temperature >= 0,
// not NaN. `exact` computes float32, float16 and bfloat16 in float64. `stream` lets float results be stored past the
// caches.
struct RowBatch {
    const void* x = nullptr;
    const void* g = nullptr;
    const std::uint8_t* mask = nullptr;
    void* out = nullptr;
    std::int64_t* ids = nullptr;
    std::int64_t rows = 0;
    std::int64_t length = 0;
    std::int64_t x_step = 0;
    std::int64_t g_step = 0;
    std::int64_t mask_step = 0;
    std::int64_t out_step = 0;
    std::int64_t ids_step = 0;
    std::int64_t picks = 0;
    const Loss* loss = nullptr;
    double* losses = nullptr;
    std::int64_t losses_step = 0;
    const Sampling* sampling = nullptr;
    const double* temperature = nullptr;
    std::int64_t temperature_step = 0;
    Empty empty = Empty::nan;
    bool keep = true; // what the first sweep over a float row computes may wait in `out` for the second
    bool exact = false;
    bool stream = false;
    const Helpers* helpers = nullptr; // where threads are to share each row
    const Window* window = nullptr;   // without `keep`, `stream` and `helpers`
};

using Kernel = void (*)(const RowBatch&);

// Neighbouring rows, side by side: element j of row i stands at x + i + j * x_stride, so do those of g, where it is a
// row, and of the result; a value a row, of logsumexp, at out + i. Of one temperature.
constexpr int tile_rows = 128, tile_lanes = 16;
constexpr std::int64_t longest_tile_row = block_length;
struct Tile {
    const void *x, *g;
    void* out;
    float* scratch; // tile_scratch(rows, operands, length) numbers, aligned to 64 bytes
    int rows;       // at most tile_rows
    std::int64_t length, x_stride, g_stride, out_stride;
    double temperature;
    bool* left; // of each row, whether it needs another way; x is as it was then
};
constexpr std::int64_t tile_scratch(std::int64_t rows, std::int64_t operands, std::int64_t length) {
    return ((rows + tile_lanes - 1) / tile_lanes * operands + 1) * tile_lanes * length;
}

using TileKernel = void (*)(const Tile&);

// One instruction set: its name and its kernels.
struct Kernels {
    const char* name;
    const Kernel (*table)[dtype_count][2];  // [op][dtype][whether there is a mask]
    const TileKernel (*tiles)[dtype_count]; // [op of the tiled ones][dtype], null where there is none
    // Whether computing a float exponential again costs less than fetching a cache line to overwrite it. (64, 128256)
    // from memory, one thread: with AVX-512 on Zen 5 3.1 ms again, 3.8 kept; with AVX2 on Zen 1 26.6 ms again, 18.4
    // kept.
    bool cheap_exponentials;
};

} // namespace logitkit
