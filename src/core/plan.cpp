#include "plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <string>

#include "dispatch.hpp"
#include "float_environment.hpp"
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

constexpr int operand_count = 5;
enum { X, G, Mask, Temperature, Out };

// The request after collapsing: rows lie along `outer`, their elements along `row`.
struct Plan {
    const Request* request;
    std::int64_t rows = 1;
    std::int64_t length = 1;
    std::int64_t item_size;
    int outer_dims = 0;
    std::int64_t outer_sizes[most_dims];
    std::int64_t outer_strides[operand_count][most_dims];
    RowShape row;
    Place places[operand_count];
    bool direct; // rows are contiguous and aligned: the kernels work on them where they are
    bool stream; // no cache will hold the result

    explicit Plan(const Request& r);
    void compute(std::int64_t first, std::int64_t last) const;

private:
    void collapse();
    bool is_contiguous(int operand) const;
    void compute_direct(char* const* at, std::int64_t rows_here) const;
    template <class T>
    void compute_packed(char* const* at, std::int64_t rows_here) const;
    template <class T>
    void apply_mask(const Place& mask, std::int64_t rows_here, const Kept* kept, T* result) const;
    RowBatch batch(std::int64_t rows_here, const char* temperature) const;
};

bool is_present(const Plan& plan, int operand) { return plan.places[operand].data != nullptr; }

Plan::Plan(const Request& r) : request(&r), item_size(r.dtype == DType::float32 ? 4 : 8) {
    const Operand* const operands[operand_count] = {&r.x, &r.g, &r.mask, &r.temperature, &r.out};
    for (int dim = 0; dim < r.dims; ++dim) {
        (r.reduced[dim] ? length : rows) *= r.shape[dim];
        if (r.shape[dim] == 1) continue;
        int& count = r.reduced[dim] ? row.dims : outer_dims;
        (r.reduced[dim] ? row.sizes : outer_sizes)[count] = r.shape[dim];
        for (int i = 0; i < operand_count; ++i) {
            // An absent operand goes along with any step.
            (r.reduced[dim] ? places[i].strides : outer_strides[i])[count] =
                *operands[i] ? operands[i]->strides[dim] : 0;
        }
        ++count;
    }
    for (int i = 0; i < operand_count; ++i) places[i].data = operands[i]->data;
    collapse();
    direct = !is_present(*this, Mask) && is_contiguous(X) && is_contiguous(Out) &&
             (!is_present(*this, G) || is_contiguous(G));
    stream = r.dtype == DType::float32 && r.out.data != r.x.data && 2 * rows * length * item_size > last_cache_bytes();
}

// Merges neighbouring dimensions that every operand walks in one step. The order of the elements of a row is theirs;
// the order of the rows is free, and the closest rows go last so that tiles take neighbours.
void Plan::collapse() {
    for (int i = 1; i < outer_dims; ++i) {
        for (int j = i; j > 0 && std::abs(outer_strides[X][j - 1]) < std::abs(outer_strides[X][j]); --j) {
            std::swap(outer_sizes[j - 1], outer_sizes[j]);
            for (auto& strides : outer_strides) std::swap(strides[j - 1], strides[j]);
        }
    }
    const auto merge = [&](int& dims, std::int64_t* sizes, auto strides_of) {
        int last = 0;
        for (int dim = 1; dim < dims; ++dim) {
            bool one_step = true;
            for (int i = 0; i < operand_count; ++i) {
                one_step &= !is_present(*this, i) || strides_of(i)[last] == strides_of(i)[dim] * sizes[dim];
            }
            if (one_step) {
                sizes[last] *= sizes[dim];
            } else {
                sizes[++last] = sizes[dim];
            }
            for (int i = 0; i < operand_count; ++i) strides_of(i)[last] = strides_of(i)[dim];
        }
        dims = std::min(dims, last + 1);
    };
    merge(outer_dims, outer_sizes, [&](int i) { return outer_strides[i]; });
    merge(row.dims, row.sizes, [&](int i) { return places[i].strides; });
}

bool Plan::is_contiguous(int operand) const {
    const Place& place = places[operand];
    bool aligned = reinterpret_cast<std::uintptr_t>(place.data) % static_cast<std::uintptr_t>(item_size) == 0;
    for (int dim = 0; dim < outer_dims; ++dim) aligned &= outer_strides[operand][dim] % item_size == 0;
    if (!aligned) return false;
    if (operand == Out && request->is_reduction()) return true;
    return row.dims == 0 || (row.dims == 1 && place.strides[0] == item_size);
}

RowBatch Plan::batch(std::int64_t rows_here, const char* temperature) const {
    RowBatch b;
    b.rows = rows_here;
    b.length = length;
    b.temperature = reinterpret_cast<const double*>(temperature);
    const int last = outer_dims - 1;
    b.temperature_step = last < 0 ? 0 : outer_strides[Temperature][last] / static_cast<std::int64_t>(sizeof(double));
    b.empty = request->empty;
    b.regime = request->regime;
    b.exact = request->exact;
    return b;
}

void call(const Request& request, const RowBatch& batch) {
    current_kernels().table[static_cast<int>(request.op)][static_cast<int>(request.dtype)](batch);
}

// Rows [first, last): split into runs along the last outer dimension.
void Plan::compute(std::int64_t first, std::int64_t last) const {
    const FloatEnvironment environment;
    const std::int64_t run = outer_dims == 0 ? 1 : outer_sizes[outer_dims - 1];
    while (first < last) {
        char* at[operand_count];
        for (int i = 0; i < operand_count; ++i) {
            at[i] = places[i].data;
            if (at[i] == nullptr) continue;
            std::int64_t rest = first;
            for (int dim = outer_dims - 1; dim >= 0; --dim) {
                at[i] += rest % outer_sizes[dim] * outer_strides[i][dim];
                rest /= outer_sizes[dim];
            }
        }
        const std::int64_t rows_here = std::min(last - first, run - first % run);
        if (direct) {
            compute_direct(at, rows_here);
        } else if (request->dtype == DType::float32) {
            compute_packed<float>(at, rows_here);
        } else {
            compute_packed<double>(at, rows_here);
        }
        first += rows_here;
    }
}

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

void Plan::compute_direct(char* const* at, std::int64_t rows_here) const {
    RowBatch b = batch(rows_here, at[Temperature]);
    b.x = at[X];
    b.g = at[G];
    b.out = at[Out];
    const Scratch<float> scratch(stream ? std::min(length, stored_length) : 0);
    b.scratch = stream ? scratch.data() : nullptr;
    if (outer_dims > 0) {
        b.x_step = outer_strides[X][outer_dims - 1] / item_size;
        b.g_step = outer_strides[G][outer_dims - 1] / item_size;
        b.out_step = outer_strides[Out][outer_dims - 1] / item_size;
    }
    call(*request, b);
}

template <class T>
void Plan::compute_packed(char* const* at, std::int64_t rows_here) const {
    const std::int64_t most_rows = std::clamp<std::int64_t>(tile_elements / length, 1, tile_rows);
    const std::int64_t tile = std::min(most_rows, rows_here);
    const bool has_g = at[G] != nullptr, has_mask = at[Mask] != nullptr;
    const Scratch<T> scratch(tile * length * (has_g ? 2 : 1));
    T* const x = scratch.data();
    T* const g = has_g ? x + tile * length : nullptr;
    T results[tile_rows];

    for (std::int64_t done = 0; done < rows_here; done += tile) {
        const std::int64_t rows_now = std::min(tile, rows_here - done);
        Place here[operand_count];
        for (int i = 0; i < operand_count; ++i) {
            here[i] = places[i];
            here[i].next_row = outer_dims == 0 ? 0 : outer_strides[i][outer_dims - 1];
            here[i].data = at[i] == nullptr ? nullptr : at[i] + done * here[i].next_row;
        }
        Kept kept[tile_rows];
        pack(row, here[X], rows_now, length, x);
        if (has_g) pack(row, here[G], rows_now, length, g);
        if (has_mask) {
            for (std::int64_t r = 0; r < rows_now; ++r)
                kept[r] = count_kept(row, here[Mask], r, length, x + r * length);
            exclude(row, here[Mask], rows_now, length, -std::numeric_limits<T>::infinity(), x);
        }

        RowBatch b = batch(rows_now, here[Temperature].data);
        b.x = x;
        b.g = g;
        b.x_step = b.g_step = length;
        b.out = request->is_reduction() ? results : x;
        b.out_step = request->is_reduction() ? 1 : length;
        call(*request, b);

        if (request->is_reduction()) {
            if (has_mask && request->op == Op::entropy) {
                for (std::int64_t r = 0; r < rows_now; ++r) {
                    if (kept[r].count == 0) results[r] = 0;
                }
            }
            unpack(RowShape{}, here[Out], rows_now, 1, static_cast<const T*>(results));
        } else {
            if (has_mask) apply_mask(here[Mask], rows_now, kept, x);
            unpack(row, here[Out], rows_now, length, static_cast<const T*>(x));
        }
    }
}

// What the kernel cannot know of a masked row: where the mask is, and among how many an empty row is shared.
template <class T>
void Plan::apply_mask(const Place& mask, std::int64_t rows_here, const Kept* kept, T* result) const {
    const bool log = request->op == Op::log_softmax;
    const T impossible = log ? -std::numeric_limits<T>::infinity() : T(0);
    for (std::int64_t r = 0; r < rows_here; ++r) {
        if (kept[r].possible != 0 || request->empty != Empty::uniform || kept[r].count == 0) continue;
        // A row of as many zeros gives the share, or its logarithm, as the kernels compute it.
        T* const one = result + r * length;
        std::fill(one, one + kept[r].count, T(0));
        const double temperature = 1;
        RowBatch b;
        b.x = b.out = one;
        b.rows = 1;
        b.length = kept[r].count;
        b.temperature = &temperature;
        call(*request, b);
        std::fill(one, one + length, one[0]);
    }
    exclude(row, mask, rows_here, length, impossible, result);
}

// Rows of no elements: nothing to store but the value of a reduction.
void fill_reduction(const Request& request, const Plan& plan) {
    const double value = request.op == Op::logsumexp ? -std::numeric_limits<double>::infinity() : 0;
    for (std::int64_t i = 0; i < plan.rows; ++i) {
        char* address = request.out.data;
        std::int64_t rest = i;
        for (int dim = plan.outer_dims - 1; dim >= 0; --dim) {
            address += rest % plan.outer_sizes[dim] * plan.outer_strides[Out][dim];
            rest /= plan.outer_sizes[dim];
        }
        Place place;
        place.data = address;
        if (request.dtype == DType::float32) {
            const auto one = static_cast<float>(value);
            unpack(RowShape{}, place, 1, 1, &one);
        } else {
            unpack(RowShape{}, place, 1, 1, &value);
        }
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
    const Plan plan(request);
    if (plan.rows == 0) return;
    if (plan.length == 0) {
        if (request.is_reduction()) fill_reduction(request, plan);
        return;
    }
    const std::int64_t worth = plan.rows * plan.length / part_elements;
    const std::int64_t parts = std::min({plan.rows, worth, std::int64_t{thread_count()} * parts_per_thread});
    if (thread_count() == 1 || parts <= 1) return plan.compute(0, plan.rows);
    run_parallel(parts,
                 [&](std::int64_t part) { plan.compute(plan.rows * part / parts, plan.rows * (part + 1) / parts); });
}

} // namespace logitkit
