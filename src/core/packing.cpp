#include "packing.hpp"

#include <cstdlib>
#include <cstring>

namespace logitkit {
namespace {

// Calls body(position in the row, address) for each element of one row, in C order of its dimensions.
template <class Body>
void walk(const RowShape& shape, const Place& place, std::int64_t row, Body body) {
    std::int64_t index[most_dims] = {};
    char* address = place.data + row * place.next_row;
    const int last = shape.dims - 1;
    const std::int64_t run = last < 0 ? 1 : shape.sizes[last];
    const std::int64_t step = last < 0 ? 0 : place.strides[last];
    for (std::int64_t position = 0;;) {
        for (std::int64_t i = 0; i < run; ++i) body(position++, address + i * step);
        int dim = last - 1;
        for (; dim >= 0; --dim) {
            address += place.strides[dim];
            if (++index[dim] < shape.sizes[dim]) break;
            address -= place.strides[dim] * shape.sizes[dim];
            index[dim] = 0;
        }
        if (dim < 0) return;
    }
}

// Elements may be unaligned; memcpy of a known size is one move.
template <class T>
T read(const char* address) {
    T value;
    std::memcpy(&value, address, sizeof value);
    return value;
}

// Copies between a tile of rows and scratch; neighbours along the rows are taken together where the rows are closer to
// each other than the elements of a row.
template <class T, bool ToScratch, class Scratch>
void copy(const RowShape& shape, const Place& place, std::int64_t rows, std::int64_t length, Scratch* scratch) {
    const auto move = [](char* address, Scratch* element) {
        if constexpr (ToScratch) {
            *element = read<T>(address);
        } else {
            std::memcpy(address, element, sizeof(T));
        }
    };
    const std::int64_t along = shape.dims == 0 ? 0 : std::abs(place.strides[shape.dims - 1]);
    if (rows > 1 && std::abs(place.next_row) < along) {
        walk(shape, place, 0, [&](std::int64_t position, char* address) {
            for (std::int64_t r = 0; r < rows; ++r) move(address + r * place.next_row, scratch + r * length + position);
        });
        return;
    }
    for (std::int64_t r = 0; r < rows; ++r) {
        walk(shape, place, r,
             [&](std::int64_t position, char* address) { move(address, scratch + r * length + position); });
    }
}

} // namespace

template <class T>
void pack(const RowShape& shape, const Place& from, std::int64_t rows, std::int64_t length, T* scratch) {
    copy<T, true>(shape, from, rows, length, scratch);
}

template <class T>
void unpack(const RowShape& shape, const Place& to, std::int64_t rows, std::int64_t length, const T* scratch) {
    copy<T, false>(shape, to, rows, length, scratch);
}

template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::uint8_t*);
template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::uint16_t*);
template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::uint32_t*);
template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::uint64_t*);
template void unpack(const RowShape&, const Place&, std::int64_t, std::int64_t, const std::uint16_t*);
template void unpack(const RowShape&, const Place&, std::int64_t, std::int64_t, const std::uint32_t*);
template void unpack(const RowShape&, const Place&, std::int64_t, std::int64_t, const std::uint64_t*);

} // namespace logitkit
