// The kernels compiled for avx2; CMakeLists.txt has the flags.
#define LOGITKIT_ISA isa_avx2

#include "vec/avx2.hpp"

#include "rows/operations.hpp"
#include "rows/tile.hpp"

namespace logitkit {

extern const Kernels kernels_avx2;
const Kernels kernels_avx2 = {"avx2", isa_avx2::table, isa_avx2::tile_table, false};

} // namespace logitkit
