#include "plan.hpp"

#include <algorithm>
#include <bit>
#include <fstream>
#include <limits>
#include <memory>
#include <string>

#include "dispatch.hpp"
#include "elements.hpp"
#include "float_environment.hpp"
#include "layout.hpp"
#include "packing.hpp"
#include "pool.hpp"

namespace logitkit {
namespace {

// Elements that are worth a part of their own: several times what a thread that looks for work takes to join.
constexpr std::int64_t part_elements = 16384;
// And elements that are worth waking one that sleeps, 20 to 50 us: fewer only if they may be the second call of many.
constexpr std::int64_t woken_elements = 262144;
// Parts per thread, so that a thread that is held up leaves its share to others.
constexpr int parts_per_thread = 4;
// A tile of rows in scratch: of up to `tile_rows`, so that a page is opened for several cache lines, and small enough
// for a second-level cache.
constexpr std::int64_t tile_elements = 131072;

// Rows from this length on may be stored past the caches.
constexpr std::int64_t streamed_length = 65536;

// Scratch of this thread, kept for the next call while it is small.
template <class T>
class Scratch {
public:
    explicit Scratch(std::int64_t elements) {
        const auto wanted = static_cast<std::size_t>(elements);
        if (elements <= kept_elements) {
            thread_local std::unique_ptr<T[]> kept;
            thread_local std::size_t size = 0;
            if (size < wanted) {
                kept.reset(new T[wanted]);
                size = wanted;
            }
            data_ = kept.get();
        } else {
            own_.reset(new T[wanted]);
            data_ = own_.get();
        }
    }
    T* data() const { return data_; }

private:
    static constexpr std::int64_t kept_elements = 4 * tile_elements;
    std::unique_ptr<T[]> own_;
    T* data_;
};

// Rows that follow each other at the distance `next_row` of each operand.
struct Run {
    const Request& request;
    const Layout& layout;
    std::int64_t rows;
    char* data[operand_count];

    Run(const Request& r, const Layout& l, std::int64_t first, std::int64_t most)
        : request(r), layout(l), rows(std::min(most, l.run_from(first))) {
        for (int i = 0; i < operand_count; ++i) data[i] = l.row_data(i, first);
    }

    std::int64_t step(int operand) const { return layout.places[operand].next_row; }

    RowBatch batch(std::int64_t first, std::int64_t count) const {
        RowBatch b;
        b.rows = count;
        b.length = layout.length;
        b.temperature = reinterpret_cast<const double*>(data[Temperature] + first * step(Temperature));
        b.temperature_step = step(Temperature) / static_cast<std::int64_t>(sizeof(double));
        b.ids = reinterpret_cast<std::int64_t*>(data[Ids] + first * step(Ids));
        b.ids_step = step(Ids) / static_cast<std::int64_t>(sizeof(std::int64_t));
        b.picks = request.picks;
        b.loss = &request.loss;
        b.losses = reinterpret_cast<double*>(data[Losses] + first * step(Losses));
        b.losses_step = step(Losses) / static_cast<std::int64_t>(sizeof(double));
        b.empty = request.empty;
        b.exact = request.exact;
        return b;
    }
    // The place of one of the rows of an operand that is there.
    Place place_of(int operand, std::int64_t row) const {
        Place place = layout.places[operand];
        place.data = data[operand] + row * place.next_row;
        return place;
    }
};

void call(const Request& request, const RowBatch& batch) {
    const auto& kernels = current_kernels().table[static_cast<int>(request.op)][static_cast<int>(request.dtype)];
    kernels[batch.mask != nullptr](batch);
}

void compute_direct(const Run& run, bool past_caches, const Helpers* helpers) {
    RowBatch b = run.batch(0, run.rows);
    b.x = run.data[X];
    b.g = run.data[G];
    b.mask = reinterpret_cast<const std::uint8_t*>(run.data[Mask]);
    b.mask_step = run.step(Mask);
    b.out = run.data[Out];
    b.x_step = run.step(X) / run.layout.item_size;
    b.g_step = run.step(G) / run.layout.item_size;
    b.out_step = run.step(Out) / run.layout.item_size;
    b.keep = run.request.regime == Regime::automatic && !past_caches;
    b.stream = past_caches;
    b.helpers = helpers;
    call(run.request, b);
}

// The rows from `begin` to `end` by way of scratch. Bits is an unsigned integer of the size of an element.
template <class Bits>
void compute_packed(const Run& run, std::int64_t begin, std::int64_t end) {
    const Request& request = run.request;
    const RowShape& shape = run.layout.row;
    const std::int64_t length = run.layout.length;
    // Longer rows at other distances than powers of two, where they would share a few sets of the caches.
    const std::int64_t step = length < 64 ? length : (length + 15) / 16 * 16 + 16;
    const std::int64_t tile = std::min(std::clamp<std::int64_t>(tile_elements / step, 1, tile_rows), end - begin);
    const bool has_g = run.layout.has(G), has_mask = run.layout.has(Mask);
    const Scratch<Bits> scratch(tile * step * (has_g ? 2 : 1));
    const Scratch<std::uint8_t> mask_scratch(has_mask ? tile * step : 0);
    Bits* const x = scratch.data();
    Bits* const g = has_g ? x + tile * step : nullptr;
    std::uint8_t* const mask = has_mask ? mask_scratch.data() : nullptr;
    const std::int64_t g_length = request.has_one_g() ? 1 : length, g_step = request.has_one_g() ? 1 : step;
    Bits results[tile_rows];

    for (std::int64_t first = begin; first < end; first += tile) {
        const std::int64_t rows = std::min(tile, end - first);
        pack(shape, run.place_of(X, first), rows, length, step, x);
        if (has_g) pack(request.has_one_g() ? RowShape{} : shape, run.place_of(G, first), rows, g_length, g_step, g);
        if (has_mask) pack(shape, run.place_of(Mask, first), rows, length, step, mask);

        RowBatch b = run.batch(first, rows);
        b.x = x;
        b.g = g;
        b.mask = mask;
        b.x_step = b.mask_step = step;
        b.g_step = g_step;
        if (request.is_pick()) {
            // The values at ids go straight to their place.
            b.out = run.data[Out] + first * run.step(Out);
            b.out_step = run.step(Out) / run.layout.item_size;
            call(request, b);
            continue;
        }
        b.out = request.is_reduction() ? results : request.out ? x : nullptr;
        b.out_step = request.is_reduction() ? 1 : step;
        b.keep = request.regime == Regime::automatic;
        call(request, b);
        if (!request.out) continue;

        const Place out = run.place_of(Out, first);
        if (request.is_reduction()) {
            unpack(RowShape{}, out, rows, 1, 1, static_cast<const Bits*>(results));
        } else {
            unpack(shape, out, rows, length, step, static_cast<const Bits*>(x));
        }
    }
}

void compute_packed(const Run& run, std::int64_t begin, std::int64_t end) {
    switch (run.layout.item_size) {
    case 2: return compute_packed<std::uint16_t>(run, begin, end);
    case 4: return compute_packed<std::uint32_t>(run, begin, end);
    default: return compute_packed<std::uint64_t>(run, begin, end);
    }
}

// How many rows side by side go together: whole vectors of them.
std::int64_t rows_of_a_tile(std::int64_t length) {
    return std::clamp<std::int64_t>(tile_elements / length / tile_lanes * tile_lanes, tile_lanes, tile_rows);
}

// The kernel for rows side by side, or null where they are not, or there is none.
TileKernel tile_kernel(const Run& run) {
    const Request& request = run.request;
    const Layout& layout = run.layout;
    const auto side_by_side = [&](int operand) {
        return layout.is_aligned(operand) && run.step(operand) == layout.item_size;
    };
    const auto whole_steps = [&](int operand) { return layout.places[operand].strides[0] % layout.item_size == 0; };
    const bool tiled = static_cast<int>(request.op) < anchored_op_count && !request.exact && !layout.has(Mask) &&
                       request.regime == Regime::automatic && layout.row.dims == 1 &&
                       layout.length <= longest_tile_row && run.rows >= tile_lanes && run.step(Temperature) == 0 &&
                       side_by_side(X) && side_by_side(Out) && whole_steps(X) &&
                       (request.is_reduction() || whole_steps(Out));
    return tiled ? current_kernels().tiles[static_cast<int>(request.op)][static_cast<int>(request.dtype)] : nullptr;
}

void compute_tiles(const Run& run, TileKernel kernel) {
    const Layout& layout = run.layout;
    const std::int64_t length = layout.length;
    const std::int64_t most = rows_of_a_tile(length);
    const Scratch<float> scratch(tile_scratch(most, length) + 16);
    bool left[tile_rows];
    Tile tile;
    tile.scratch = reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(scratch.data()) + 63) / 64 * 64);
    tile.length = length;
    tile.x_stride = layout.places[X].strides[0] / layout.item_size;
    tile.out_stride = run.request.is_reduction() ? 0 : layout.places[Out].strides[0] / layout.item_size;
    tile.temperature = *reinterpret_cast<const double*>(run.data[Temperature]);
    tile.left = left;
    for (std::int64_t first = 0; first < run.rows; first += most) {
        const std::int64_t rows = std::min(most, run.rows - first);
        tile.x = run.place_of(X, first).data;
        tile.out = run.place_of(Out, first).data;
        tile.rows = static_cast<int>(rows);
        kernel(tile);
        for (std::int64_t i = 0; i < rows; ++i) {
            const std::int64_t begin = i;
            while (i < rows && left[i]) ++i;
            if (i > begin) compute_packed(run, first + begin, first + i);
        }
    }
}

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
        if (layout.direct) {
            compute_direct(run, past_caches, helpers);
        } else if (const TileKernel kernel = tile_kernel(run)) {
            compute_tiles(run, kernel);
        } else {
            compute_packed(run, 0, run.rows);
        }
        first += run.rows;
    }
}

// Fewer rows than threads, and long ones that several threads can share.
bool are_shared(const Request& request, const Layout& layout, int threads) {
    return static_cast<int>(request.op) < anchored_op_count && request.dtype != DType::float64 && !request.exact &&
           layout.direct && layout.rows < threads && layout.length >= 4 * part_elements;
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

void run(const Request& request) {
    const Layout layout(request);
    if (layout.rows == 0) return;
    if (layout.length == 0) {
        if (request.is_reduction()) fill_reduction(request, layout);
        return;
    }
    const int threads = thread_count();
    const std::int64_t elements = layout.rows * layout.length;
    // Rows that go by way of scratch are cut between those that go together: two threads would share cache lines else.
    const std::int64_t together = layout.direct ? 1 : rows_of_a_tile(layout.length);
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
