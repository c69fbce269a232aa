// Rows that do not lie in contiguous, aligned memory, or that are masked: copied into scratch and back, a tile of
// neighbouring rows at a time so that whole cache lines are used.
#pragma once

#include <cstdint>

#include "plan.hpp"

namespace logitkit {

// The dimensions of one row, outermost first, and the strides of an operand along them and to the next row.
struct RowShape {
    int dims = 0;
    std::int64_t sizes[most_dims];
};

struct Place {
    char* data = nullptr;
    std::int64_t strides[most_dims]; // the first `dims` are set
    std::int64_t next_row = 0;
};

// What a mask leaves of a row: how many elements take part, and how many of those are not -inf.
struct Kept {
    std::int64_t count;
    std::int64_t possible;
};

// Scratch holds row r at r * length elements.
template <class T>
void pack(const RowShape& shape, const Place& from, std::int64_t rows, std::int64_t length, T* scratch);

template <class T>
void unpack(const RowShape& shape, const Place& to, std::int64_t rows, std::int64_t length, const T* scratch);

// Replaces what the mask excludes by `excluded`.
template <class T>
void exclude(const RowShape& shape, const Place& mask, std::int64_t rows, std::int64_t length, T excluded, T* scratch);

template <class T>
Kept count_kept(const RowShape& shape, const Place& mask, std::int64_t row, const T* x);

} // namespace logitkit
