// Stands for the kernels of an instruction set that this machine lacks: -DABSENT=kernels_avx512. So dispatch.cpp is
// linked as it is, and nothing is compiled that cannot run.
#include "kernels.hpp"

namespace logitkit {

extern const Kernels ABSENT;
const Kernels ABSENT = {"absent", nullptr, nullptr, false};

} // namespace logitkit
