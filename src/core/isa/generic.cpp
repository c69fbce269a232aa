// The kernels compiled for generic; CMakeLists.txt has the flags.
#define LOGITKIT_ISA isa_generic

#include "vec/generic.hpp"

#include "rows/operations.hpp"
#include "rows/tile.hpp"

namespace logitkit {

extern const Kernels kernels_generic;
const Kernels kernels_generic = {"generic", isa_generic::table, isa_generic::tile_table, false};

} // namespace logitkit
