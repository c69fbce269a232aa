// The shape of a request after collapsing: rows lie along the outer dimensions, their elements along those of a row.
#pragma once

#include "packing.hpp"
#include "plan.hpp"

namespace logitkit {

constexpr int operand_count = 7;
enum { X, G, Mask, Temperature, Out, Ids, Losses };

struct Layout {
    std::int64_t rows = 1;
    std::int64_t length = 1;
    std::int64_t item_size;
    int outer_dims = 0;
    std::int64_t outer_sizes[most_dims];
    std::int64_t outer_strides[operand_count][most_dims];
    RowShape row;
    Place places[operand_count]; // of the first row; next_row is the step along the last outer dimension
    bool direct;                 // rows are contiguous and aligned: the kernels work on them where they are

    explicit Layout(const Request& request);

    bool has(int operand) const { return places[operand].data != nullptr; }
    // Whether every row of it starts at a multiple of an element's size.
    bool is_aligned(int operand) const;
    // Where a row starts, counted in C order of the outer dimensions; null if the operand is absent.
    char* row_data(int operand, std::int64_t index) const;
    // How many rows, from that one on, follow each other at a distance of next_row.
    std::int64_t run_from(std::int64_t index) const;

private:
    void collapse();
    bool is_contiguous(int operand) const;
};

} // namespace logitkit
