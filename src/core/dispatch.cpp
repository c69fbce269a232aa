#include "dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace logitkit {

extern const Kernels kernels_generic;
#if defined(__x86_64__)
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#elif defined(__aarch64__)
extern const Kernels kernels_neon;
#endif

namespace {

struct Implementation {
    const Kernels* kernels;
    bool (*supported)();
};

// Best first. __builtin_cpu_supports also asks whether the operating system saves the registers.
const Implementation implementations[] = {
#if defined(__x86_64__)
    {&kernels_avx512,
     [] {
         return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
     }},
    {&kernels_avx2,
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"); }},
#elif defined(__aarch64__)
    {&kernels_neon, [] { return true; }},
#endif
    {&kernels_generic, [] { return true; }},
};

std::atomic<const Kernels*> current{&kernels_generic};

} // namespace

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Implementation& one : implementations) {
        if (one.supported()) names.emplace_back(one.kernels->name);
    }
    return names;
}

void select_isa(const std::string& name) {
    for (const Implementation& one : implementations) {
        if (one.supported() && name == one.kernels->name) {
            current = one.kernels;
            return;
        }
    }
    std::string message = "instruction set '" + name + "' is unknown or not supported by this machine; it has:";
    for (const std::string& one : available_isas()) message += " " + one;
    throw std::invalid_argument(message);
}

void select_isa_from_environment() {
    const char* wanted = std::getenv("LOGITKIT_ISA");
    if (wanted == nullptr || *wanted == '\0') return select_isa(available_isas().front());
    try {
        select_isa(wanted);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(std::string("LOGITKIT_ISA: ") + error.what());
    }
}

const Kernels& current_kernels() { return *current; }

} // namespace logitkit
