#include "plan.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <memory>
#include <string>

#include "dispatch.hpp"
#include "float_environment.hpp"
#include "layout.hpp"
#include "packing.hpp"
#include "pool.hpp"

namespace logitkit {
namespace {

// Elements that are worth a part of their own: several times the cost of waking a thread.
constexpr std::int64_t part_elements = 16384;
// Parts per thread, so that a thread that is held up leaves its share to others.
constexpr int parts_per_thread = 4;
// A tile of packed rows: wide enough for whole cache lines, small enough for a second-level cache.
constexpr std::int64_t tile_rows = 16;
constexpr std::int64_t tile_elements = 131072;

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
        b.empty = request.empty;
        b.regime = request.regime;
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
    current_kernels().table[static_cast<int>(request.op)][static_cast<int>(request.dtype)](batch);
}

void compute_direct(const Run& run, bool past_caches) {
    RowBatch b = run.batch(0, run.rows);
    b.x = run.data[X];
    b.g = run.data[G];
    b.out = run.data[Out];
    b.x_step = run.step(X) / run.layout.item_size;
    b.g_step = run.step(G) / run.layout.item_size;
    b.out_step = run.step(Out) / run.layout.item_size;
    b.stream = past_caches;
    call(run.request, b);
}

// What the kernel cannot know of a masked row: where the mask is, and among how many an empty row is shared.
template <class T>
void apply_mask(const Run& run, const Place& mask, std::int64_t rows, const Kept* kept, T* result) {
    const std::int64_t length = run.layout.length;
    const bool log = run.request.op == Op::log_softmax;
    const T impossible = log ? -std::numeric_limits<T>::infinity() : T(0);
    for (std::int64_t r = 0; r < rows; ++r) {
        if (kept[r].possible != 0 || run.request.empty != Empty::uniform || kept[r].count == 0) continue;
        // A row of as many zeros gives the share, or its logarithm, as the kernels compute it.
        T* const one = result + r * length;
        std::fill(one, one + kept[r].count, T(0));
        const double temperature = 1;
        RowBatch b;
        b.x = b.out = one;
        b.rows = 1;
        b.length = kept[r].count;
        b.temperature = &temperature;
        call(run.request, b);
        std::fill(one, one + length, one[0]);
    }
    exclude(run.layout.row, mask, rows, length, impossible, result);
}

// Values at ids go straight to their place; those of excluded elements are impossible.
template <class T>
void pick_packed(const Run& run, std::int64_t first, RowBatch b) {
    const RowShape& shape = run.layout.row;
    T* const out = reinterpret_cast<T*>(run.data[Out] + first * run.step(Out));
    b.out = out;
    b.out_step = run.step(Out) / static_cast<std::int64_t>(sizeof(T));
    call(run.request, b);
    if (!run.layout.has(Mask)) return;
    const Place mask = run.place_of(Mask, first);
    const std::int64_t along = shape.dims == 0 ? 0 : mask.strides[shape.dims - 1];
    for (std::int64_t r = 0; r < b.rows; ++r) {
        for (std::int64_t i = 0; i < b.picks; ++i) {
            const bool kept = mask.data[r * mask.next_row + b.ids[r * b.ids_step + i] * along] != 0;
            if (!kept) out[r * b.out_step + i] = -std::numeric_limits<T>::infinity();
        }
    }
}

template <class T>
void compute_packed(const Run& run) {
    const Request& request = run.request;
    const RowShape& shape = run.layout.row;
    const std::int64_t length = run.layout.length;
    const std::int64_t tile = std::min(std::clamp<std::int64_t>(tile_elements / length, 1, tile_rows), run.rows);
    const bool has_g = run.layout.has(G), has_mask = run.layout.has(Mask);
    const Scratch<T> scratch(tile * length * (has_g ? 2 : 1));
    T* const x = scratch.data();
    T* const g = has_g ? x + tile * length : nullptr;
    const std::int64_t g_length = request.has_one_g() ? 1 : length;
    T results[tile_rows];

    for (std::int64_t first = 0; first < run.rows; first += tile) {
        const std::int64_t rows = std::min(tile, run.rows - first);
        const Place out = run.place_of(Out, first), mask = has_mask ? run.place_of(Mask, first) : Place{};
        Kept kept[tile_rows];
        pack(shape, run.place_of(X, first), rows, length, x);
        if (has_g) pack(request.has_one_g() ? RowShape{} : shape, run.place_of(G, first), rows, g_length, g);
        if (has_mask) {
            for (std::int64_t r = 0; r < rows; ++r) kept[r] = count_kept(shape, mask, r, x + r * length);
            exclude(shape, mask, rows, length, -std::numeric_limits<T>::infinity(), x);
            if (request.op == Op::kl_divergence) {
                exclude(shape, mask, rows, length, -std::numeric_limits<T>::infinity(), g);
            }
        }

        RowBatch b = run.batch(first, rows);
        b.x = x;
        b.g = g;
        b.x_step = length;
        b.g_step = g_length;
        if (request.is_pick()) {
            pick_packed<T>(run, first, b);
            continue;
        }
        b.out = request.is_reduction() ? results : x;
        b.out_step = request.is_reduction() ? 1 : length;
        call(request, b);

        if (!request.is_reduction()) {
            if (has_mask) apply_mask(run, mask, rows, kept, x);
            unpack(shape, out, rows, length, static_cast<const T*>(x));
            continue;
        }
        for (std::int64_t r = 0; has_mask && request.op != Op::logsumexp && r < rows; ++r) {
            if (kept[r].count == 0) results[r] = 0;
        }
        unpack(RowShape{}, out, rows, 1, static_cast<const T*>(results));
    }
}

void compute(const Request& request, const Layout& layout, std::int64_t first, std::int64_t last) {
    const FloatEnvironment environment;
    // Long rows that no cache will hold are stored past it, unless they replace what was just read. For shorter ones,
    // whose exponentials are stored and read again, that was measured to give nothing, and to cost twice the time where
    // rows share cache lines.
    const bool past_caches = request.dtype == DType::float32 && request.out.data != request.x.data &&
                             layout.length > stored_length &&
                             2 * layout.rows * layout.length * layout.item_size > last_cache_bytes();
    while (first < last) {
        const Run run(request, layout, first, last - first);
        if (layout.direct) {
            compute_direct(run, past_caches);
        } else if (request.dtype == DType::float32) {
            compute_packed<float>(run);
        } else {
            compute_packed<double>(run);
        }
        first += run.rows;
    }
}

// Rows of no elements: nothing to store but the value of a reduction.
template <class T>
void fill_reduction(const Request& request, const Layout& layout) {
    const T value = request.op == Op::logsumexp ? -std::numeric_limits<T>::infinity() : T(0);
    for (std::int64_t i = 0; i < layout.rows; ++i) {
        Place place;
        place.data = layout.row_data(Out, i);
        unpack(RowShape{}, place, 1, 1, &value);
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

void run(const Request& request) {
    const Layout layout(request);
    if (layout.rows == 0) return;
    if (layout.length == 0) {
        if (!request.is_reduction()) return;
        if (request.dtype == DType::float32) return fill_reduction<float>(request, layout);
        return fill_reduction<double>(request, layout);
    }
    const int threads = thread_count();
    const std::int64_t worth = layout.rows * layout.length / part_elements;
    const std::int64_t parts = std::min({layout.rows, worth, std::int64_t{threads} * parts_per_thread});
    if (threads == 1 || parts <= 1) return compute(request, layout, 0, layout.rows);
    run_parallel(parts, [&](std::int64_t part) {
        compute(request, layout, layout.rows * part / parts, layout.rows * (part + 1) / parts);
    });
}

} // namespace logitkit
