#include "plan.hpp"

#include <algorithm>
#include <bit>
#include <fstream>
#include <limits>
#include <string>

#include "batches.hpp"
#include "dispatch.hpp"
#include "elements.hpp"
#include "float_environment.hpp"
#include "layout.hpp"
#include "packing.hpp"
#include "pool.hpp"
#include "scratch.hpp"

namespace logitkit {
namespace {

// Elements that are worth a part of their own: several times what a thread that looks for work takes to join.
constexpr std::int64_t part_elements = 16384;
// And elements that are worth waking one that sleeps, 20 to 50 us: fewer only if they may be the second call of many.
constexpr std::int64_t woken_elements = 262144;
// Parts per thread, so that a thread that is held up leaves its share to others.
constexpr int parts_per_thread = 4;
// Rows from this length on may be stored past the caches.
constexpr std::int64_t streamed_length = 65536;

void compute(const Request& request, const Layout& layout, std::int64_t first, std::int64_t last,
             const Helpers* helpers = nullptr) {
    const FloatEnvironment environment;
    // Where exponentials are cheaper than memory, long rows that no cache will hold are stored past it, unless they
    // replace what was just read. For shorter ones that was measured to give nothing, and to cost twice the time where
    // rows share cache lines.
    const bool may_stream = request.dtype == DType::float32 && request.out.data != request.x.data;
    const bool worth_it = current_kernels().cheap_exponentials && layout.length > streamed_length &&
                          2 * layout.rows * layout.length * layout.item_size > last_cache_bytes();
    const bool past_caches =
        may_stream && (request.regime == Regime::streamed || (request.regime == Regime::automatic && worth_it));
    while (first < last) {
        const Run run(request, layout, first, last - first);
        if (are_windowed(request, layout)) {
            for (std::int64_t row = 0; row < run.rows; ++row) compute_by_window(run, row);
        } else if (layout.direct) {
            compute_direct(run, past_caches, helpers);
        } else if (const TileKernel kernel = tile_kernel(run)) {
            compute_tiles(run, kernel);
        } else {
            compute_packed(run, 0, run.rows);
        }
        first += run.rows;
    }
}

// Fewer rows than threads, and long ones that several threads can share. A product may turn out to be one that only one
// thread does: of several rows each has its own then.
bool are_shared(const Request& request, const Layout& layout, int threads) {
    const bool is_product = request.op == Op::softmax_vjp || request.op == Op::log_softmax_vjp;
    const bool can_be = request.op == Op::softmax || request.op == Op::log_softmax || request.op == Op::logsumexp ||
                        (is_product && layout.rows == 1);
    return can_be && request.dtype != DType::float64 && !request.exact && layout.direct && layout.rows < threads &&
           layout.length >= 4 * part_elements;
}

void compute_shared(const Request& request, const Layout& layout, int threads) {
    const auto run_helpers = [](std::int64_t parts, void (*body)(void*, std::int64_t), void* context) {
        run_parallel(parts, [&](std::int64_t part) {
            const FloatEnvironment environment;
            body(context, part);
        });
    };
    const Scratch<double> scratch((layout.length / block_length + 1) * helper_bytes /
                                  static_cast<std::int64_t>(sizeof(double)));
    const std::int64_t parts = std::min(std::int64_t{threads} * parts_per_thread, layout.length / part_elements);
    const Helpers helpers{run_helpers, scratch.data(), parts};
    compute(request, layout, 0, layout.rows, &helpers);
}

// Rows of no elements: nothing to store but the value of a reduction.
void fill_reduction(const Request& request, const Layout& layout) {
    const double value = request.op == Op::logsumexp ? -std::numeric_limits<double>::infinity() : 0.0;
    const auto fill = [&](auto bits) {
        for (std::int64_t i = 0; i < layout.rows; ++i) {
            Place place;
            place.data = layout.row_data(Out, i);
            unpack(RowShape{}, place, 1, 1, 1, &bits);
        }
    };
    switch (request.dtype) {
    case DType::float32: return fill(std::bit_cast<const std::uint32_t>(static_cast<float>(value)));
    case DType::float64: return fill(std::bit_cast<const std::uint64_t>(value));
    case DType::float16: return fill(narrow_to<Float16>(value).bits);
    case DType::bfloat16: return fill(narrow_to<BFloat16>(value).bits);
    }
}

} // namespace

// As Linux lists it: index0 and index1 are the first level's halves. sysconf would give the sum over a whole socket.
std::int64_t cache_bytes(int level) {
    if (level < 1 || level > 3) return 0;
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(level == 1 ? 0 : level) + "/size");
    std::int64_t size = 0;
    char unit = 'B';
    if (!(file >> size)) return 0;
    file >> unit;
    return size << (unit == 'K' ? 10 : unit == 'M' ? 20 : 0);
}

std::int64_t last_cache_bytes() {
    static const std::int64_t bytes = [] {
        for (int level = 3; level > 1; --level) {
            if (cache_bytes(level) > 0) return cache_bytes(level);
        }
        return std::int64_t{32} << 20;
    }();
    return bytes;
}

std::int64_t Request::size() const {
    std::int64_t count = 1;
    for (int dim = 0; dim < dims; ++dim) count *= shape[dim];
    return count;
}

std::int64_t Request::row_length() const {
    std::int64_t length = 1;
    for (int dim = 0; dim < dims; ++dim) length *= reduced[dim] ? shape[dim] : 1;
    return length;
}

std::int64_t Request::work() const {
    const std::int64_t elements = size(), length = row_length();
    return op == Op::sample && picks > length && length > 0 ? elements / length * picks : elements;
}

void run(const Request& request) {
    const Layout layout(request);
    if (layout.rows == 0) return;
    if (layout.length == 0) {
        if (request.is_reduction()) fill_reduction(request, layout);
        return;
    }
    const int threads = thread_count();
    const std::int64_t elements = request.work();
    // Rows that go by way of scratch are cut between those that go together: two threads would share cache lines else.
    const bool apart = layout.direct || (are_windowed(request, layout) && !layout.shares_lines());
    const std::int64_t together = apart ? 1 : rows_of_a_tile(layout.length);
    const std::int64_t groups = (layout.rows + together - 1) / together;
    const std::int64_t parts = std::min({groups, elements / part_elements, std::int64_t{threads} * parts_per_thread});
    const bool shared = are_shared(request, layout, threads);
    if (threads == 1 || (parts <= 1 && !shared)) return compute(request, layout, 0, layout.rows);
    if (elements < woken_elements && !follows_a_job()) {
        compute(request, layout, 0, layout.rows);
        return note_job();
    }
    if (shared) return compute_shared(request, layout, threads);
    const auto cut = [&](std::int64_t part) { return std::min(layout.rows, groups * part / parts * together); };
    run_parallel(parts, [&](std::int64_t part) { compute(request, layout, cut(part), cut(part + 1)); });
}

} // namespace logitkit
