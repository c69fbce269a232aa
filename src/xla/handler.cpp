#include "xla/handler.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan.hpp"

namespace logitkit::xla {
namespace {

enum Operands { with_g = 1, with_mask = 2, with_temperature = 4, with_ids = 8 };

std::int64_t elements_of(const BufferView& view) {
    std::int64_t count = 1;
    for (std::int64_t dim = 0; dim < view.rank; ++dim) count *= view.dims[dim];
    return count;
}

std::int64_t size_of(int element_type) {
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

DType dtype_of(int element_type) {
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

const BufferView& buffer(const Buffers& all, std::int64_t index) {
    if (index >= all.size || all.kinds[index] != buffer_kind) throw std::invalid_argument("a buffer is missing");
    return *all.buffers[index];
}

// A row-major buffer as an operand of the request: 0 is the step where it is broadcast.
Operand operand_of(const BufferView& view, const Request& request, void* data, std::int64_t item, bool picks = false) {
    if (view.rank != request.dims) throw std::invalid_argument("the operands differ in rank");
    Operand operand;
    operand.data = static_cast<char*>(data);
    std::int64_t step = item;
    for (int dim = request.dims - 1; dim >= 0; --dim) {
        const std::int64_t size = view.dims[dim];
        const bool own = picks && request.reduced[dim];
        if (!own && size != 1 && size != request.shape[dim]) throw std::invalid_argument("the shapes do not fit");
        operand.strides[dim] = own || size == 1 ? 0 : step;
        step *= size;
    }
    return operand;
}

Operand operand_of(const BufferView& view, const Request& request, bool picks = false) {
    return operand_of(view, request, view.data, size_of(view.element_type), picks);
}

// The elements of a buffer as another type, in the same order.
template <class To, class From>
std::vector<To> converted(const BufferView& view) {
    const auto* const from = static_cast<const From*>(view.data);
    return std::vector<To>(from, from + elements_of(view));
}

void execute(const CallFrame& frame) {
    const auto number = [&](std::string_view name) { return attribute<std::int64_t>(frame, name, s64); };
    const std::int64_t op = number("op"), operands = number("operands"), axes = number("axes"), empty = number("empty");
    const bool known = op >= 0 && op < op_count && op != static_cast<int>(Op::cross_entropy);
    if (!known || empty < 0 || empty > 2) throw std::invalid_argument("op or empty is out of range");
    const BufferView &x = buffer(frame.arguments, 0), &out = buffer(frame.results, 0);
    if (x.rank < 1 || x.rank > most_dims || out.rank != x.rank) throw std::invalid_argument("the rank is out of range");

    Request request;
    request.op = static_cast<Op>(op);
    request.dtype = dtype_of(x.element_type);
    request.empty = static_cast<Empty>(empty);
    request.exact = number("exact") != 0;
    request.dims = static_cast<int>(x.rank);
    for (int dim = 0; dim < request.dims; ++dim) {
        request.reduced[dim] = (axes >> (request.dims - 1 - dim) & 1) != 0;
        request.shape[dim] = request.reduced[dim] ? x.dims[dim] : out.dims[dim];
    }
    request.x = operand_of(x, request);

    std::int64_t next = 1;
    if (operands & with_g) request.g = operand_of(buffer(frame.arguments, next++), request);
    if (operands & with_mask) request.mask = operand_of(buffer(frame.arguments, next++), request);
    double temperature = 1;
    std::vector<double> temperatures;
    if (operands & with_temperature) {
        const BufferView& t = buffer(frame.arguments, next++);
        if (t.element_type != f64) temperatures = converted<double, float>(t);
        void* const data = t.element_type == f64 ? t.data : temperatures.data();
        request.temperature = operand_of(t, request, data, sizeof(double));
    } else {
        temperature = attribute<double>(frame, "temperature", f64);
        request.temperature.data = reinterpret_cast<char*>(&temperature);
        std::fill_n(request.temperature.strides, request.dims, 0);
    }

    std::vector<std::int64_t> ids;
    const bool finds = request.op == Op::top_k;
    if (request.is_pick()) {
        if (axes != 1) throw std::invalid_argument("the axis must be the last");
        request.picks = out.dims[out.rank - 1];
        const BufferView& at = finds ? out : buffer(frame.arguments, next++);
        if (at.element_type == s32) {
            ids = finds ? std::vector<std::int64_t>(static_cast<std::size_t>(elements_of(at)))
                        : converted<std::int64_t, std::int32_t>(at);
        }
        void* const data = at.element_type == s64 ? at.data : ids.data();
        request.ids = operand_of(at, request, data, sizeof(std::int64_t), true);
        if (!finds) request.out = operand_of(out, request, true);
    } else {
        request.out = operand_of(out, request);
    }
    if (next != frame.arguments.size) throw std::invalid_argument("an operand too many");

    run(request);
    if (finds && out.element_type == s32) {
        std::transform(ids.begin(), ids.end(), static_cast<std::int32_t*>(out.data),
                       [](std::int64_t id) { return static_cast<std::int32_t>(id); });
    }
}

Error* error_of(const CallFrame& frame, ErrorCode code, const std::string& text) {
    const std::string message = "logitkit: " + text;
    ErrorArgs args{sizeof(ErrorArgs), nullptr, message.c_str(), code};
    return frame.functions->create_error(&args);
}

} // namespace

Error* handle(CallFrame* frame) {
    for (Extension* extension = frame->extensions; extension != nullptr; extension = extension->next) {
        if (extension->type != metadata_extension) continue;
        Metadata& metadata = *reinterpret_cast<MetadataExtension*>(extension)->metadata;
        metadata.version = {sizeof(Version), nullptr, 0, 1};
        metadata.traits = 0;
        return nullptr;
    }
    try {
        if (frame->stage != execute_stage) throw std::invalid_argument("a stage that does not compute");
        execute(*frame);
        return nullptr;
    } catch (const std::invalid_argument& error) {
        return error_of(*frame, invalid_argument, error.what());
    } catch (const std::bad_alloc&) {
        return error_of(*frame, resource_exhausted, "no memory for scratch");
    } catch (const std::exception& error) {
        return error_of(*frame, internal_error, error.what());
    }
}

} // namespace logitkit::xla
