// Rows that do not lie in contiguous, aligned memory: copied into scratch and back, a tile of neighbouring rows at a
// time so that whole cache lines are used.
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

// Scratch holds row r at r * step elements. Bits is an unsigned integer of the size of an element.
template <class Bits>
void pack(const RowShape& shape, const Place& from, std::int64_t rows, std::int64_t length, std::int64_t step,
          Bits* scratch);

template <class Bits>
void unpack(const RowShape& shape, const Place& to, std::int64_t rows, std::int64_t length, std::int64_t step,
            const Bits* scratch);

// The same of n elements of one row, from `start` on; `size` is that of an element.
void pack_part(const RowShape& shape, const Place& from, std::int64_t size, std::int64_t start, std::int64_t n,
               void* scratch);
void unpack_part(const RowShape& shape, const Place& to, std::int64_t size, std::int64_t start, std::int64_t n,
                 const void* scratch);

} // namespace logitkit
