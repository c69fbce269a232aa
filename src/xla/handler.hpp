// The core as a foreign function of XLA: compiled programs of JAX call it on their buffers, without Python.
#pragma once

#include "xla/abi.hpp"

namespace logitkit::xla {

// One operation on row-major buffers of one rank, each of whose sizes is that of the request or 1, where it is
// broadcast. Attributes, all scalars:
//   op           as in kernels.hpp
//   axes         bit i: the (i + 1)th dimension from the end is reduced; so it holds too under leading dimensions
//   operands     which arguments follow x: the sum of 1 (g), 2 (mask), 4 (temperatures), 8 (ids)
//   empty, exact as in plan.hpp
//   temperature  float64, where none is among the arguments
// Along the reduced axes the result of a reduction has size 1, that of gather_logprobs the size of ids; top_k has its
// positions for a result; cross_entropy has a page of its own, losses.hpp. Temperatures are float32 or float64, ids
// int32 or int64.
Error* handle(CallFrame* frame);

} // namespace logitkit::xla
