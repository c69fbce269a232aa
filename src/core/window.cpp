#include "window.hpp"

#include <initializer_list>

namespace logitkit {
namespace {

// A block and an element behind it, in whole cache lines.
constexpr std::int64_t room_elements = block_length + 64;
// A mask has a byte an element.
std::int64_t size_of(int operand, std::int64_t item_size) { return operand == Mask ? 1 : item_size; }

} // namespace

std::int64_t RowWindow::room_bytes(std::int64_t item_size) { return (3 * item_size + 1) * room_elements; }

RowWindow::RowWindow(const Layout& layout, const Place (&operands)[operand_count], char* scratch)
    : layout_(layout), operands_(operands) {
    for (const int operand : {X, G, Out, Mask}) {
        if (operands[operand].data == nullptr) continue;
        rooms_[operand] = scratch;
        scratch += size_of(operand, layout.item_size) * room_elements;
    }
    load = [](const Window& window, std::int64_t start, std::int64_t n, std::int64_t to) {
        const auto& self = static_cast<const RowWindow&>(window);
        for (const int operand : {X, G, Mask}) {
            if (self.rooms_[operand] == nullptr) continue;
            const std::int64_t size = size_of(operand, self.layout_.item_size);
            pack_part(self.layout_.row, self.operands_[operand], size, start, n, self.rooms_[operand] + to * size);
        }
    };
    store = [](const Window& window, std::int64_t start, std::int64_t n) {
        const auto& self = static_cast<const RowWindow&>(window);
        unpack_part(self.layout_.row, self.operands_[Out], self.layout_.item_size, start, n, self.rooms_[Out]);
    };
}

} // namespace logitkit
