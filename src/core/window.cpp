#include "window.hpp"

#include <initializer_list>

namespace logitkit {
namespace {

// A block and an element behind it, in whole cache lines.
constexpr std::int64_t room_elements = block_length + 64;
constexpr std::int64_t largest_element = 8;

} // namespace

void load_part(const RowShape& shape, const Place& from, Stored stored, DType dtype, std::int64_t start, std::int64_t n,
               void* scratch) {
    if (!stored) return pack_part(shape, from, item_size(dtype), start, n, scratch);
    alignas(64) char elements[block_length * largest_element];
    pack_part(shape, from, stored.size, start, n, elements);
    load_converted(stored, elements, dtype, scratch, n);
}

void store_part(const RowShape& shape, const Place& to, Stored stored, DType dtype, std::int64_t start, std::int64_t n,
                const void* scratch) {
    if (!stored) return unpack_part(shape, to, item_size(dtype), start, n, scratch);
    alignas(64) char elements[block_length * largest_element];
    store_converted(dtype, scratch, stored, elements, n);
    unpack_part(shape, to, stored.size, start, n, elements);
}

std::int64_t RowWindow::room_bytes(std::int64_t item_size) { return (3 * item_size + 1) * room_elements; }

RowWindow::RowWindow(const Request& request, const RowShape& shape, const Place (&operands)[operand_count],
                     char* scratch)
    : request_(request), shape_(shape), operands_(operands) {
    for (const int operand : {X, G, Out, Mask}) {
        if (operands[operand].data == nullptr) continue;
        rooms_[operand] = scratch;
        scratch += item_size(request.dtype) * room_elements;
    }
    load = [](const Window& window, std::int64_t start, std::int64_t n, std::int64_t to) {
        const auto& self = static_cast<const RowWindow&>(window);
        const Request& request = self.request_;
        const auto load_into_room = [&](int operand, Stored stored) {
            char* const room = self.rooms_[operand];
            if (room == nullptr) return;
            load_part(self.shape_, self.operands_[operand], stored, request.dtype, start, n,
                      room + to * item_size(request.dtype));
        };
        load_into_room(X, request.x.stored);
        load_into_room(G, request.g.stored);
        if (char* const mask = self.rooms_[Mask]) pack_part(self.shape_, self.operands_[Mask], 1, start, n, mask + to);
    };
    store = [](const Window& window, std::int64_t start, std::int64_t n) {
        const auto& self = static_cast<const RowWindow&>(window);
        const Request& request = self.request_;
        store_part(self.shape_, self.operands_[Out], request.out.stored, request.dtype, start, n, self.rooms_[Out]);
    };
}

} // namespace logitkit
