// A long row that does not lie in contiguous memory: a window on it, through which a kernel sees a block at a time.
#pragma once

#include "layout.hpp"

namespace logitkit {

class RowWindow : public Window {
public:
    // `operands`: those whose elements stand in the row, where they are; `scratch`: room_bytes, aligned to 64 bytes.
    RowWindow(const Layout& layout, const Place (&operands)[operand_count], char* scratch);

    static std::int64_t room_bytes(std::int64_t item_size);
    // Where a block of an operand goes, null for one that is not there.
    void* room(int operand) const { return rooms_[operand]; }

private:
    const Layout& layout_;
    const Place (&operands_)[operand_count];
    char* rooms_[operand_count] = {};
};

} // namespace logitkit
