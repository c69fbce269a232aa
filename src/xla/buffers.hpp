// What XLA hands over, as the core takes it: attributes by name, row-major buffers as operands.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan.hpp"
#include "xla/abi.hpp"

namespace logitkit::xla {

enum Operands { with_g = 1, with_mask = 2, with_temperature = 4, with_ids = 8, with_weight = 16 };

inline std::int64_t elements_of(const BufferView& view) {
    std::int64_t count = 1;
    for (std::int64_t dim = 0; dim < view.rank; ++dim) count *= view.dims[dim];
    return count;
}

inline std::int64_t size_of(int element_type) {
    switch (element_type) {
    case pred: return 1;
    case f16:
    case bf16: return 2;
    case s32:
    case f32: return 4;
    case s64:
    case f64: return 8;
    default: throw std::invalid_argument("an element type that logitkit does not know");
    }
}

inline DType dtype_of(int element_type) {
    switch (element_type) {
    case f16: return DType::float16;
    case bf16: return DType::bfloat16;
    case f32: return DType::float32;
    case f64: return DType::float64;
    default: throw std::invalid_argument("x is not of floats");
    }
}

// The value of an attribute; T has the size that XLA gives to its element type.
template <class T>
T attribute(const CallFrame& frame, std::string_view name, int element_type) {
    const Attributes& all = frame.attributes;
    for (std::int64_t i = 0; i < all.size; ++i) {
        if (std::string_view(all.names[i]->data, all.names[i]->size) != name) continue;
        if (all.kinds[i] != scalar_kind || all.values[i]->element_type != element_type) break;
        T value;
        std::memcpy(&value, all.values[i]->value, sizeof value);
        return value;
    }
    throw std::invalid_argument("the attribute " + std::string(name) + " is absent, or of another type");
}

inline const BufferView& buffer(const Buffers& all, std::int64_t index) {
    if (index >= all.size || all.kinds[index] != buffer_kind) throw std::invalid_argument("a buffer is missing");
    return *all.buffers[index];
}

// The last dimensions of a row-major buffer as an operand of the request: 0 is the step where it is broadcast.
inline Operand operand_of(const BufferView& view, const Request& request, void* data, std::int64_t item,
                          bool picks = false) {
    if (view.rank < request.dims) throw std::invalid_argument("the operands differ in rank");
    Operand operand;
    operand.data = static_cast<char*>(data);
    std::int64_t step = item;
    for (int dim = request.dims - 1; dim >= 0; --dim) {
        const std::int64_t size = view.dims[view.rank - request.dims + dim];
        const bool own = picks && request.reduced[dim];
        if (!own && size != 1 && size != request.shape[dim]) throw std::invalid_argument("the shapes do not fit");
        operand.strides[dim] = own || size == 1 ? 0 : step;
        step *= size;
    }
    return operand;
}

inline Operand operand_of(const BufferView& view, const Request& request, bool picks = false) {
    return operand_of(view, request, view.data, size_of(view.element_type), picks);
}

// The elements of a buffer as another type, in the same order.
template <class To, class From>
std::vector<To> converted(const BufferView& view) {
    const auto* const from = static_cast<const From*>(view.data);
    return std::vector<To>(from, from + elements_of(view));
}

inline std::int64_t integer(const CallFrame& frame, std::string_view name) {
    return attribute<std::int64_t>(frame, name, s64);
}
inline double real(const CallFrame& frame, std::string_view name) { return attribute<double>(frame, name, f64); }

} // namespace logitkit::xla
