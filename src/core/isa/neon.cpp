// The kernels compiled for neon; CMakeLists.txt has the flags.
#define LOGITKIT_ISA isa_neon

#include "vec/neon.hpp"

#include "rows/operations.hpp"

namespace logitkit {

extern const Kernels kernels_neon;
const Kernels kernels_neon = {"neon", isa_neon::table, false};

} // namespace logitkit
