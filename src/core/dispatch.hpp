// Which instruction set runs: chosen once, by priority, or by name.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace logitkit {

// The instruction sets that this machine can run, best first; "generic" is always the last.
std::vector<std::string> available_isas();

// Makes one of them current; throws std::invalid_argument that lists them for any other name.
void select_isa(const std::string& name);

// The best of them, or the one that LOGITKIT_ISA names; throws as select_isa does.
void select_isa_from_environment();

const Kernels& current_kernels();

} // namespace logitkit
