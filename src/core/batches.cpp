#include "batches.hpp"

#include <initializer_list>

#include "dispatch.hpp"
#include "packing.hpp"
#include "scratch.hpp"
#include "window.hpp"

namespace logitkit {
namespace {

void call(const Request& request, const RowBatch& batch) {
    const auto& kernels = current_kernels().table[static_cast<int>(request.op)][static_cast<int>(request.dtype)];
    kernels[batch.mask != nullptr](batch);
}

// The distance of rows in scratch: longer ones at others than powers of two, where they would share a few sets of the
// caches.
std::int64_t packed_step(std::int64_t length) { return length < 64 ? length : (length + 15) / 16 * 16 + 16; }

// The rows from `begin` to `end` by way of scratch. Bits is an unsigned integer of the size of an element.
template <class Bits>
void compute_packed(const Run& run, std::int64_t begin, std::int64_t end) {
    const Request& request = run.request;
    const RowShape& shape = run.layout.row;
    const std::int64_t length = run.layout.length;
    const std::int64_t step = packed_step(length);
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

} // namespace

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

void compute_packed(const Run& run, std::int64_t begin, std::int64_t end) {
    switch (run.layout.item_size) {
    case 2: return compute_packed<std::uint16_t>(run, begin, end);
    case 4: return compute_packed<std::uint32_t>(run, begin, end);
    default: return compute_packed<std::uint64_t>(run, begin, end);
    }
}

bool are_windowed(const Request& request, const Layout& layout) {
    if (request.is_converted()) return true;
    if (request.regime == Regime::windowed) return layout.length > block_length;
    const std::int64_t operands = request.g && !request.has_one_g() ? 2 : 1;
    return !layout.direct && packed_step(layout.length) * operands > kept_elements;
}

void compute_by_window(const Run& run, std::int64_t row) {
    const Request& request = run.request;
    Place operands[operand_count];
    for (const int operand : {X, G, Mask, Out}) {
        if (run.data[operand] != nullptr) operands[operand] = run.place_of(operand, row);
    }
    std::uint64_t g = 0, result = 0; // of one element
    if (request.has_one_g()) {
        load_part(RowShape{}, operands[G], request.g.stored, request.dtype, 0, 1, &g);
        operands[G].data = nullptr;
    }
    const Place out = operands[Out];
    if (!request.gives_rows()) operands[Out].data = nullptr;
    const Scratch<std::uint64_t> scratch(RowWindow::room_bytes(run.layout.item_size) / 8 + 8);
    const RowWindow window(request, run.layout.row, operands, aligned(scratch.data()));

    RowBatch b = run.batch(row, 1);
    b.x = window.room(X);
    b.g = request.has_one_g() ? &g : window.room(G);
    b.mask = static_cast<const std::uint8_t*>(window.room(Mask));
    b.out = request.gives_rows() ? window.room(Out) : request.is_reduction() ? &result : static_cast<void*>(out.data);
    b.keep = false;
    b.window = &window;
    call(request, b);
    if (request.is_reduction()) store_part(RowShape{}, out, request.out.stored, request.dtype, 0, 1, &result);
}

std::int64_t rows_of_a_tile(std::int64_t length) {
    return std::clamp<std::int64_t>(tile_elements / length / tile_lanes * tile_lanes, tile_lanes, tile_rows);
}

TileKernel tile_kernel(const Run& run) {
    const Request& request = run.request;
    const Layout& layout = run.layout;
    const auto side_by_side = [&](int operand) {
        return layout.is_aligned(operand) && run.step(operand) == layout.item_size;
    };
    const auto whole_steps = [&](int operand) { return layout.places[operand].strides[0] % layout.item_size == 0; };
    const bool has_g = layout.has(G);
    const bool tiled = static_cast<int>(request.op) < tiled_op_count && !request.exact && !layout.has(Mask) &&
                       request.regime == Regime::automatic && layout.row.dims == 1 &&
                       layout.length <= longest_tile_row && run.rows >= tile_lanes && run.step(Temperature) == 0 &&
                       side_by_side(X) && side_by_side(Out) && (!has_g || side_by_side(G)) && whole_steps(X) &&
                       (request.is_reduction() || whole_steps(Out)) && (!has_g || whole_steps(G));
    return tiled ? current_kernels().tiles[static_cast<int>(request.op)][static_cast<int>(request.dtype)] : nullptr;
}

void compute_tiles(const Run& run, TileKernel kernel) {
    const Layout& layout = run.layout;
    const std::int64_t length = layout.length, operands = layout.has(G) ? 2 : 1;
    const std::int64_t most = rows_of_a_tile(length * operands);
    const Scratch<float> scratch(tile_scratch(most, operands, length) + 16);
    bool left[tile_rows];
    Tile tile;
    tile.scratch = reinterpret_cast<float*>(aligned(scratch.data()));
    tile.length = length;
    tile.x_stride = layout.places[X].strides[0] / layout.item_size;
    tile.g_stride = layout.places[G].strides[0] / layout.item_size;
    tile.out_stride = run.request.is_reduction() ? 0 : layout.places[Out].strides[0] / layout.item_size;
    tile.temperature = *reinterpret_cast<const double*>(run.data[Temperature]);
    tile.left = left;
    for (std::int64_t first = 0; first < run.rows; first += most) {
        const std::int64_t rows = std::min(most, run.rows - first);
        tile.x = run.place_of(X, first).data;
        tile.g = layout.has(G) ? run.place_of(G, first).data : nullptr;
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

} // namespace logitkit
