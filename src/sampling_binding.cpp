#include "sampling_binding.hpp"

#include <optional>
#include <stdexcept>

#include "call.hpp"

namespace logitkit {

void sample(int op, nb::handle x, nb::handle out, std::uint64_t axes, nb::handle temperature, nb::handle mask,
            const std::vector<int>& filters, std::int64_t k, double p, double min_p, std::uint64_t seed,
            const std::string& compute, const std::string& x_stored, const std::string& out_stored) {
    const bool draws = op == static_cast<int>(Op::sample);
    if (!draws && op != static_cast<int>(Op::filter_logits)) throw std::invalid_argument("op is out of range");
    if (filters.size() > filter_count || k < 1 || !(p >= 0 && p <= 1) || !(min_p >= 0 && min_p <= 1))
        throw std::invalid_argument("filters, k, p or min_p is out of range");
    const Buffer x_buffer(x, false), out_buffer(out, true);
    const bool converted = !compute.empty();
    const char format = converted ? compute[0] : x_buffer.format();
    const std::optional<DType> dtype = dtype_of(format);
    if (!dtype) throw nb::type_error("x must have the buffer format 'f', 'd', 'e' or 'H' (the bits of bfloat16)");
    if (!converted || draws) expect_format(out_buffer, draws ? 'q' : format, "out");

    Request request = request_of(op, *dtype, x_buffer, axes);
    if (draws) {
        request.picks = request.dims > 0 ? out_buffer.last_size() : 0;
        if (request.picks == 0) throw std::invalid_argument("out must have a place for the number of the row");
        request.ids = out_buffer.pick_operand(request, "out");
    } else {
        request.out = out_buffer.operand(request, "out");
    }
    for (const int filter : filters) {
        if (filter < 0 || filter >= filter_count) throw std::invalid_argument("a filter is out of range");
        request.sampling.filters[request.sampling.count++] = static_cast<Filter>(filter);
    }
    request.sampling.k = k;
    request.sampling.p = p;
    request.sampling.min_p = min_p;
    request.sampling.seed = seed;

    const Temperatures temperatures(request, temperature);
    std::optional<Buffer> mask_buffer;
    if (!mask.is_none()) {
        expect_format(mask_buffer.emplace(mask, false), '?', "mask");
        request.mask = mask_buffer->operand(request, "mask");
    }
    if (converted) set_stored(request, x_buffer, &out_buffer, nullptr, x_stored, out_stored, "");
    run_without_gil(request);
}

} // namespace logitkit
