// An operand of a request in guarded memory: four dimensions, laid out in any order, direction, distance or not at all.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "guarded_memory.hpp"
#include "plan.hpp"
#include "rows.hpp"

inline constexpr int test_dims = 4;

struct Shape {
    std::int64_t sizes[test_dims];

    std::int64_t count() const { return sizes[0] * sizes[1] * sizes[2] * sizes[3]; }
};

// How an operand lies in memory. `broadcast` dimensions have the stride 0; `gap` elements lie from one to the next.
struct Arrangement {
    int order[test_dims] = {0, 1, 2, 3}; // outermost first
    bool reversed[test_dims] = {};
    bool broadcast[test_dims] = {};
    std::int64_t gap = 1;
    std::size_t alignment = 0; // modulo 64
    bool at_end = true;
};

template <class T>
class OperandMemory {
public:
    OperandMemory(GuardedMemory& memory, const Shape& shape, const Arrangement& arrangement)
        : memory_(&memory), shape_(shape) {
        std::int64_t step = arrangement.gap * static_cast<std::int64_t>(sizeof(T)), span = 0, begin = 0;
        for (int i = test_dims - 1; i >= 0; --i) {
            const int dim = arrangement.order[i];
            const std::int64_t size = shape.sizes[dim];
            if (arrangement.broadcast[dim]) {
                strides_[dim] = 0;
                continue;
            }
            strides_[dim] = arrangement.reversed[dim] ? -step : step;
            if (size > 1) span += step * (size - 1);
            if (size > 1 && arrangement.reversed[dim]) begin += step * (size - 1);
            step *= size > 1 ? size : 1;
        }
        bytes_ = shape.count() == 0 ? 0 : static_cast<std::size_t>(span) + sizeof(T);
        region_ = memory.place_at(bytes_, arrangement.alignment, arrangement.at_end);
        data_ = region_ + begin;
        std::memset(region_, 0x5a, bytes_);
    }

    logitkit::Operand operand() const {
        logitkit::Operand result;
        result.data = reinterpret_cast<char*>(data_);
        std::memcpy(result.strides, strides_, sizeof strides_);
        return result;
    }

    // Element `index` of the C order.
    unsigned char* address(std::int64_t index) const {
        unsigned char* result = data_;
        for (int dim = test_dims - 1; dim >= 0; --dim) {
            result += index % shape_.sizes[dim] * strides_[dim];
            index /= shape_.sizes[dim];
        }
        return result;
    }
    T get(std::int64_t index) const {
        T value;
        std::memcpy(&value, address(index), sizeof value);
        return value;
    }
    void set(std::int64_t index, T value) const { std::memcpy(address(index), &value, sizeof value); }

    std::size_t count() const { return static_cast<std::size_t>(shape_.count()); }

    std::vector<unsigned char> bytes() const { return {region_, region_ + bytes_}; }
    void restore(const std::vector<unsigned char>& bytes) const {
        if (bytes_ != 0) std::memcpy(region_, bytes.data(), bytes_);
    }
    // Which bytes belong to elements: the others are not the core's.
    std::vector<bool> of_elements() const {
        std::vector<bool> result(bytes_);
        for (std::int64_t i = 0; i < shape_.count(); ++i) {
            for (std::size_t b = 0; b < sizeof(T); ++b)
                result[static_cast<std::size_t>(address(i) - region_) + b] = true;
        }
        return result;
    }
    bool release() const { return memory_->release(); }

private:
    GuardedMemory* memory_;
    Shape shape_;
    std::int64_t strides_[test_dims];
    unsigned char *region_, *data_;
    std::size_t bytes_;
};

// An arrangement of one of these kinds, or of all at once. An output has no broadcast dimensions.
enum Kind { contiguous, apart_elements, backwards, columns, broadcast, unaligned, anyhow, side_by_side, kind_count };
inline const char* const kind_names[] = {"contiguous", "strided",   "negative strides", "columns",
                                         "broadcast",  "unaligned", "anyhow",           "side by side"};

inline Arrangement arrange(Kind kind, Random& random, std::size_t item, bool output) {
    const auto below = [&](std::uint64_t n) { return random.bits() % n; };
    Arrangement result;
    result.at_end = below(4) != 0;
    result.alignment = below(64 / item) * item;
    if (kind == apart_elements || kind == anyhow) result.gap = 1 + static_cast<std::int64_t>(below(3));
    // Of neighbouring rows: the elements at one position.
    if (kind == side_by_side) std::swap(result.order[1], result.order[test_dims - 1]);
    if (kind == columns || kind == anyhow) {
        for (int i = test_dims - 1; i > 0; --i) std::swap(result.order[i], result.order[below(i + 1)]);
    }
    for (int dim = 0; dim < test_dims; ++dim) {
        if (kind == backwards || kind == anyhow) result.reversed[dim] = below(2) == 0;
        if ((kind == broadcast || kind == anyhow) && !output) result.broadcast[dim] = below(3) == 0;
    }
    if (kind == unaligned || (kind == anyhow && below(3) == 0)) result.alignment = below(64);
    // No sanitizer sees what a masked instruction reads, a page does.
    if (kind != unaligned && below(2) == 0) result.alignment = GuardedMemory::touching;
    return result;
}
