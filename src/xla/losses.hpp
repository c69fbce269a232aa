// Cross-entropy as a foreign function of XLA.
#pragma once

#include "xla/abi.hpp"

namespace logitkit::xla {

// The results are the loss, of any float dtype, and, if it is asked for, the gradient. Attributes, all scalars:
//   rank           dimensions of one problem; what buffers have in front are problems beside each other (vmap)
//   axes           the bit of the one axis of the classes, from the end, as in handler.hpp
//   operands       which arguments follow x: the sum of 1 (targets that are probabilities), 2 (mask), 8 (targets that
//                  are classes, int32 or int64), 16 (weights, float32 or float64), each with 1 where it has no size
//   ignored, ignore_index    whether there is one, and which
//   smoothing, z_loss        as in kernels.hpp
//   given          whether x are log-probabilities already: nll_loss, of classes and without a gradient
//   reduction      0 none: the loss has 1 along the axis; else it is one number, 1 the mean, 2 the sum
//   normalizer     of the mean: 0 the weight, 1 the count, 2 the number `by`
//   zero           whether the mean of nothing is 0 and not NaN
// A class that is out of range makes its row NaN: nothing can be refused here.
void cross_entropy(const CallFrame& frame);

} // namespace logitkit::xla
