// A long row that does not lie in contiguous memory, or is stored otherwise than it is computed: a window on it,
// through which a kernel sees a block at a time.
#pragma once

#include "layout.hpp"

namespace logitkit {

class RowWindow : public Window {
public:
    // `operands`: those whose elements stand in the row, where they are; `scratch`: room_bytes, aligned to 64 bytes.
    RowWindow(const Request& request, const RowShape& shape, const Place (&operands)[operand_count], char* scratch);

    static std::int64_t room_bytes(std::int64_t item_size);
    // Where a block of an operand goes, null for one that is not there.
    void* room(int operand) const { return rooms_[operand]; }

private:
    const Request& request_;
    const RowShape& shape_;
    const Place (&operands_)[operand_count];
    char* rooms_[operand_count] = {};
};

// n elements of a row, a block at most, from `start` on, copied to scratch as they are computed, and from there.
void load_part(const RowShape& shape, const Place& from, Stored stored, DType dtype, std::int64_t start, std::int64_t n,
               void* scratch);
void store_part(const RowShape& shape, const Place& to, Stored stored, DType dtype, std::int64_t start, std::int64_t n,
                const void* scratch);

} // namespace logitkit
