#include "packing.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace logitkit {
namespace {

// Calls body(position, address) for n elements of one row, from `start` on, in C order of its dimensions.
template <class Body>
void walk(const RowShape& shape, const Place& place, std::int64_t row, std::int64_t start, std::int64_t n, Body body) {
    std::int64_t index[most_dims] = {};
    char* address = place.data + row * place.next_row;
    const int last = shape.dims - 1;
    const std::int64_t run = last < 0 ? 1 : shape.sizes[last];
    const std::int64_t step = last < 0 ? 0 : place.strides[last];
    std::int64_t i = start % run;
    std::int64_t rest = start / run;
    for (int dim = last - 1; rest > 0; --dim) {
        index[dim] = rest % shape.sizes[dim];
        address += index[dim] * place.strides[dim];
        rest /= shape.sizes[dim];
    }
    for (std::int64_t position = 0;;) {
        const std::int64_t some = std::min(run - i, n - position);
        char* const from = address + i * step;
        std::int64_t k = 0;
        // Four at a time: a loop of one load and one store takes one cycle or two, as it happens to lie in memory.
        for (; k + 4 <= some; k += 4) {
            body(position + k, from + k * step);
            body(position + k + 1, from + (k + 1) * step);
            body(position + k + 2, from + (k + 2) * step);
            body(position + k + 3, from + (k + 3) * step);
        }
        for (; k < some; ++k) body(position + k, from + k * step);
        position += some;
        if (position == n) return;
        i = 0;
        for (int dim = last - 1; dim >= 0; --dim) {
            address += place.strides[dim];
            if (++index[dim] < shape.sizes[dim]) break;
            address -= place.strides[dim] * shape.sizes[dim];
            index[dim] = 0;
        }
    }
}

// Elements may be unaligned; memcpy of a known size is one move.
template <class T, bool ToScratch, class Scratch>
void move(char* address, Scratch* element) {
    if constexpr (ToScratch) {
        std::memcpy(element, address, sizeof(T));
    } else {
        std::memcpy(address, element, sizeof(T));
    }
}

// Sixteen bytes of elements.
template <class T>
struct Vector {
    using Type [[gnu::vector_size(16)]] = T;
};

// The halves of a and b, element by element in turn.
template <class T, int... i>
void interleave(typename Vector<T>::Type& a, typename Vector<T>::Type& b, std::integer_sequence<int, i...>) {
    constexpr int n = sizeof...(i);
    const auto low = __builtin_shufflevector(a, b, (i % 2 * n + i / 2)...);
    b = __builtin_shufflevector(a, b, (i % 2 * n + n / 2 + i / 2)...);
    a = low;
}

// A square of as many rows as a vector has elements, transposed: row k is at from + k * from_step, column k of it goes
// to to + k * to_step (bytes). Halves that are interleaved as often as it takes to double 1 to n change places.
template <class T>
void transpose_square(const char* from, std::int64_t from_step, char* to, std::int64_t to_step) {
    constexpr int n = 16 / sizeof(T);
    typename Vector<T>::Type rows[n], next[n];
    for (int k = 0; k < n; ++k) std::memcpy(&rows[k], from + k * from_step, 16);
    for (int doubled = 1; doubled < n; doubled *= 2) {
        for (int k = 0; k < n / 2; ++k) {
            next[2 * k] = rows[k];
            next[2 * k + 1] = rows[k + n / 2];
            interleave<T>(next[2 * k], next[2 * k + 1], std::make_integer_sequence<int, n>());
        }
        std::memcpy(rows, next, sizeof rows);
    }
    for (int k = 0; k < n; ++k) std::memcpy(to + k * to_step, &rows[k], 16);
}

// Copies between rows whose elements lie side by side, and scratch: element by element along the rows, so that whole
// cache lines are used, in squares.
template <class T, bool ToScratch, class Scratch>
void copy_adjacent(const Place& place, std::int64_t rows, std::int64_t length, std::int64_t step, Scratch* scratch) {
    constexpr std::int64_t n = 16 / sizeof(T);
    const std::int64_t stride = place.strides[0], scratch_stride = step * static_cast<std::int64_t>(sizeof(T));
    const auto square = [&](char* address, Scratch* element) {
        if constexpr (ToScratch) {
            transpose_square<T>(address, stride, reinterpret_cast<char*>(element), scratch_stride);
        } else {
            transpose_square<T>(reinterpret_cast<const char*>(element), scratch_stride, address, stride);
        }
    };
    const auto one = [&](std::int64_t j, std::int64_t r) {
        char* const address = place.data + j * stride + r * static_cast<std::int64_t>(sizeof(T));
        move<T, ToScratch>(address, scratch + r * step + j);
    };
    // A page or more lies between two elements of a row, where the processor does not look ahead by itself.
    const auto fetch = [&](std::int64_t first) {
        for (std::int64_t k = first; k < first + n && k < length; ++k) {
            const char* const address = place.data + k * stride;
            for (std::int64_t byte = 0; byte < rows * static_cast<std::int64_t>(sizeof(T)); byte += 64) {
                __builtin_prefetch(address + byte, ToScratch ? 0 : 1);
            }
        }
    };
    constexpr std::int64_t ahead = 8;
    std::int64_t j = 0;
    for (; j + n <= length; j += n) {
        fetch(j + ahead);
        char* const address = place.data + j * stride;
        std::int64_t r = 0;
        for (; r + n <= rows; r += n) {
            square(address + r * static_cast<std::int64_t>(sizeof(T)), scratch + r * step + j);
        }
        for (; r < rows; ++r) {
            for (std::int64_t k = 0; k < n; ++k) one(j + k, r);
        }
    }
    for (; j < length; ++j) {
        for (std::int64_t r = 0; r < rows; ++r) one(j, r);
    }
}

// Copies between a tile of rows and scratch.
template <class T, bool ToScratch, class Scratch>
void copy(const RowShape& shape, const Place& place, std::int64_t rows, std::int64_t length, std::int64_t step,
          Scratch* scratch) {
    if (shape.dims == 1 && place.next_row == sizeof(T)) {
        return copy_adjacent<T, ToScratch>(place, rows, length, step, scratch);
    }
    const std::int64_t along = shape.dims == 0 ? 0 : std::abs(place.strides[shape.dims - 1]);
    // Neighbours along the rows are taken together where the rows are closer to each other than their elements.
    if (rows > 1 && std::abs(place.next_row) < along) {
        walk(shape, place, 0, 0, length, [&](std::int64_t position, char* address) {
            for (std::int64_t r = 0; r < rows; ++r) {
                move<T, ToScratch>(address + r * place.next_row, scratch + r * step + position);
            }
        });
        return;
    }
    for (std::int64_t r = 0; r < rows; ++r) {
        walk(shape, place, r, 0, length,
             [&](std::int64_t position, char* address) { move<T, ToScratch>(address, scratch + r * step + position); });
    }
}

template <class T, bool ToScratch, class Scratch>
void copy_part(const RowShape& shape, const Place& place, std::int64_t start, std::int64_t n, Scratch* scratch) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    if (shape.dims == 1 && place.strides[0] == size) {
        char* const address = place.data + start * size;
        if constexpr (ToScratch) {
            std::memcpy(scratch, address, static_cast<std::size_t>(n * size));
        } else {
            std::memcpy(address, scratch, static_cast<std::size_t>(n * size));
        }
        return;
    }
    // Where the processor does not look ahead by itself.
    const std::int64_t ahead = shape.dims == 0 ? 0 : 16 * place.strides[shape.dims - 1];
    if (std::abs(ahead) > 4096) {
        return walk(shape, place, 0, start, n, [&](std::int64_t position, char* address) {
            __builtin_prefetch(address + ahead, ToScratch ? 0 : 1);
            move<T, ToScratch>(address, scratch + position);
        });
    }
    walk(shape, place, 0, start, n,
         [&](std::int64_t position, char* address) { move<T, ToScratch>(address, scratch + position); });
}

// Calls body(a number of that size).
template <class Body>
void with_size(std::int64_t size, Body body) {
    switch (size) {
    case 1: return body(std::uint8_t{});
    case 2: return body(std::uint16_t{});
    case 4: return body(std::uint32_t{});
    default: return body(std::uint64_t{});
    }
}

} // namespace

template <class T>
void pack(const RowShape& shape, const Place& from, std::int64_t rows, std::int64_t length, std::int64_t step,
          T* scratch) {
    copy<T, true>(shape, from, rows, length, step, scratch);
}

template <class T>
void unpack(const RowShape& shape, const Place& to, std::int64_t rows, std::int64_t length, std::int64_t step,
            const T* scratch) {
    copy<T, false>(shape, to, rows, length, step, scratch);
}

void pack_part(const RowShape& shape, const Place& from, std::int64_t size, std::int64_t start, std::int64_t n,
               void* scratch) {
    with_size(size, [&](auto element) {
        using T = decltype(element);
        copy_part<T, true>(shape, from, start, n, static_cast<T*>(scratch));
    });
}

void unpack_part(const RowShape& shape, const Place& to, std::int64_t size, std::int64_t start, std::int64_t n,
                 const void* scratch) {
    with_size(size, [&](auto element) {
        using T = decltype(element);
        copy_part<T, false>(shape, to, start, n, static_cast<const T*>(scratch));
    });
}

template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::int64_t, std::uint8_t*);
template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::int64_t, std::uint16_t*);
template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::int64_t, std::uint32_t*);
template void pack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::int64_t, std::uint64_t*);
template void unpack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::int64_t, const std::uint16_t*);
template void unpack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::int64_t, const std::uint32_t*);
template void unpack(const RowShape&, const Place&, std::int64_t, std::int64_t, std::int64_t, const std::uint64_t*);

} // namespace logitkit
