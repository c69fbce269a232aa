// The kernels compiled for avx512; CMakeLists.txt has the flags.
#define LOGITKIT_ISA isa_avx512

#include "vec/avx512.hpp"

#include "rows/operations.hpp"
#include "rows/tile.hpp"

namespace logitkit {

extern const Kernels kernels_avx512;
const Kernels kernels_avx512 = {"avx512", isa_avx512::table, isa_avx512::tile_table, true};

} // namespace logitkit
