#include "xla/handler.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "xla/buffers.hpp"
#include "xla/losses.hpp"

namespace logitkit::xla {
namespace {

void execute(const CallFrame& frame) {
    const std::int64_t op = integer(frame, "op");
    if (op == static_cast<int>(Op::cross_entropy)) return cross_entropy(frame);
    const std::int64_t operands = integer(frame, "operands"), axes = integer(frame, "axes");
    const std::int64_t empty = integer(frame, "empty");
    if (op < 0 || op > static_cast<int>(Op::top_k) || empty < 0 || empty > 2)
        throw std::invalid_argument("op or empty is out of range");
    const BufferView &x = buffer(frame.arguments, 0), &out = buffer(frame.results, 0);
    if (x.rank < 1 || x.rank > most_dims || out.rank != x.rank) throw std::invalid_argument("the rank is out of range");

    Request request;
    request.op = static_cast<Op>(op);
    request.dtype = dtype_of(x.element_type);
    request.empty = static_cast<Empty>(empty);
    request.exact = integer(frame, "exact") != 0;
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
        temperature = real(frame, "temperature");
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
