#include "loss_binding.hpp"

#include <optional>
#include <stdexcept>

#include "call.hpp"
#include "core/total.hpp"

namespace logitkit {

void cross_entropy(nb::handle x, nb::handle out, nb::handle losses, std::uint64_t axes, nb::handle ids, nb::handle g,
                   nb::handle mask, nb::handle weight, double smoothing, double z_loss, double scale,
                   const std::string& compute, const std::string& x_stored, const std::string& g_stored,
                   const std::string& out_stored) {
    const Buffer x_buffer(x, false), losses_buffer(losses, true);
    const bool converted = !compute.empty();
    const char format = converted ? compute[0] : x_buffer.format();
    const std::optional<DType> dtype = dtype_of(format);
    if (!dtype) throw nb::type_error("x must have the buffer format 'f', 'd', 'e' or 'H' (the bits of bfloat16)");
    if (ids.is_none() == g.is_none()) throw std::invalid_argument("either ids or g must be given");
    Request request = request_of(static_cast<int>(Op::cross_entropy), *dtype, x_buffer, axes);
    double temperature = 1;
    set_temperature(request, temperature);
    request.loss = {nullptr, smoothing, z_loss, scale};

    const auto per_row = [&](const Buffer& buffer, char letter, const char* name) {
        expect_format(buffer, letter, name);
        if (!buffer.is_aligned()) throw std::invalid_argument(std::string(name) + " must be aligned to its elements");
        return buffer.operand(request, name, true);
    };
    request.losses = per_row(losses_buffer, 'd', "losses");
    std::optional<Buffer> out_buffer, ids_buffer, g_buffer, mask_buffer, weight_buffer;
    if (!out.is_none()) {
        out_buffer.emplace(out, true);
        if (!converted) expect_format(*out_buffer, format, "out");
        request.out = out_buffer->operand(request, "out");
    }
    if (!ids.is_none()) request.ids = per_row(ids_buffer.emplace(ids, false), 'q', "ids");
    if (!g.is_none()) {
        g_buffer.emplace(g, false);
        if (!converted) expect_format(*g_buffer, format, "g");
        request.g = g_buffer->operand(request, "g");
    }
    if (!mask.is_none()) {
        expect_format(mask_buffer.emplace(mask, false), '?', "mask");
        request.mask = mask_buffer->operand(request, "mask");
    }
    if (!weight.is_none()) {
        request.loss.weight = weight_buffer.emplace(weight, false).doubles("weight");
        if (weight_buffer->size() != request.row_length())
            throw std::invalid_argument("weight is not of the row's length");
    }
    if (converted) {
        set_stored(request, x_buffer, out_buffer ? &*out_buffer : nullptr, g_buffer ? &*g_buffer : nullptr, x_stored,
                   out_stored, g_stored);
    }
    run_without_gil(request);
}

double total_of(nb::handle values) {
    const Buffer buffer(values, false);
    return total(buffer.doubles("values"), buffer.size());
}

} // namespace logitkit
