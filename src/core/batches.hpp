// The ways from rows as the request has them to the kernels: where they lie, by way of scratch or of a window, or side
// by side.
#pragma once

#include <algorithm>

#include "layout.hpp"

namespace logitkit {

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
        b.sampling = &request.sampling;
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

// Rows that the kernels work on where they are.
void compute_direct(const Run& run, bool past_caches, const Helpers* helpers);
// The rows from `begin` to `end` by way of scratch.
void compute_packed(const Run& run, std::int64_t begin, std::int64_t end);
// A long row, a block at a time.
void compute_by_window(const Run& run, std::int64_t row);
// Rows side by side.
void compute_tiles(const Run& run, TileKernel kernel);

// Whether rows are seen by way of a window: those that are converted, or need more scratch than is kept.
bool are_windowed(const Request& request, const Layout& layout);
// The kernel for rows side by side, or null where they are not, or there is none.
TileKernel tile_kernel(const Run& run);
// How many rows side by side go together: whole vectors of them.
std::int64_t rows_of_a_tile(std::int64_t length);

} // namespace logitkit
