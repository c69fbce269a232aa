// What Python calls for losses.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>

namespace logitkit {

namespace nb = nanobind;

// cross_entropy along the dimensions whose bits are set in `axes`: one class a row in `ids`, or a target of each
// element in g. A loss goes to `losses` for each row, the gradient to `out` where that is given: exactly x, exactly g,
// or apart. The last four as for `apply`.
void cross_entropy(nb::handle x, nb::handle out, nb::handle losses, std::uint64_t axes, nb::handle ids, nb::handle g,
                   nb::handle mask, nb::handle weight, double smoothing, double z_loss, double scale,
                   const std::string& compute, const std::string& x_stored, const std::string& g_stored,
                   const std::string& out_stored);

// The sum of doubles, to the last bits.
double total_of(nb::handle values);

} // namespace logitkit
