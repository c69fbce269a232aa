// src/core/isa/avx512.cpp over the immintrin.h beside this file: the kernels of AVX-512 on a machine without it.
#define LOGITKIT_ISA isa_avx512_emulated

#include "vec/avx512.hpp"

#include "rows/operations.hpp"
#include "rows/tile.hpp"

namespace logitkit {

extern const Kernels kernels_avx512_emulated;
const Kernels kernels_avx512_emulated = {"avx512_emulated", isa_avx512_emulated::table, isa_avx512_emulated::tile_table,
                                         true};

} // namespace logitkit
