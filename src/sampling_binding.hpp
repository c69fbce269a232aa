// What Python calls for sampling.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <vector>

namespace logitkit {

namespace nb = nanobind;

// filter_logits into `out`, of the shape of x; or sample: then `out` holds the draws of each row side by side, and in
// the first place the number of the row. `filters` are their numbers, in their order. Elements are converted as by
// `apply`.
void sample(int op, nb::handle x, nb::handle out, std::uint64_t axes, nb::handle temperature, nb::handle mask,
            const std::vector<int>& filters, std::int64_t k, double p, double min_p, std::uint64_t seed,
            const std::string& compute, const std::string& x_stored, const std::string& out_stored);

} // namespace logitkit
