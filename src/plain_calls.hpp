// The short ways of common calls from Python: one function each, for arrays that the core takes as they are. None, and
// nothing done, where a call must be looked at more closely.
#pragma once

#include <nanobind/nanobind.h>

namespace logitkit {

namespace nb = nanobind;

// Tells what is taken for an array, and what makes an uninitialised one like another. Kept for ever: a module that is
// not unloaded.
void set_arrays(nb::handle type, nb::handle make);

// softmax and log_softmax along the last axis at temperature 1: the result.
nb::object map_plain(int op, nb::handle x, nb::handle out);

// softmax_vjp and log_softmax_vjp likewise, of p (or its logarithms) and a gradient of its shape and dtype.
nb::object vjp_plain(int op, nb::handle p, nb::handle g, nb::handle out);

// cross_entropy along the last axis, of one class a row, and with `gradient` that too: a pair. The loss is a number, or
// an array of one a row.
enum class Reduction { none, mean, sum }; // numbered as in xla/losses.hpp
nb::object loss_plain(nb::handle x, nb::handle targets, nb::handle out, bool gradient, int reduction);

} // namespace logitkit
