// The kernels compiled for neon; CMakeLists.txt has the flags.
#define LOGITKIT_ISA isa_neon

#include "vec/neon.hpp"

#include "rows/operations.hpp"
#include "rows/tile.hpp"

namespace logitkit {

extern const Kernels kernels_neon;
const Kernels kernels_neon = {"neon", isa_neon::table, isa_neon::tile_table, false};

} // namespace logitkit
