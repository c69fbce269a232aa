// The law of equal bits: every instruction set does what the generic one does, bit for bit (NaN is NaN).
//
//   lanes     each primitive of vec/*.hpp on edge values, and parts of vectors beside unmapped memory
//   kernels   each operation of the tables: kernel_test.hpp
//
// Prints one line a law, and a hash of all outputs for each instruction set: the hash is the same on every machine.
// `--sample` runs a part of the cases, for emulators; its hash is printed by a whole run too. Exit status 1: broken.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "guarded_memory.hpp"
#include "kernel_test.hpp"
#include "kernels.hpp"
#include "lanes.hpp"

namespace logitkit {
extern const Kernels kernels_generic, kernels_avx2, kernels_avx512, kernels_neon, kernels_avx512_emulated;
}
void lanes_generic(Scene&);
void lanes_avx2(Scene&);
void lanes_avx512(Scene&);
void lanes_neon(Scene&);
void lanes_avx512_emulated(Scene&);

namespace {

using namespace logitkit;

struct Isa {
    const Kernels* kernels;
    LaneTest lanes;
    bool supported;
};

// The first one is the definition.
std::vector<Isa> instruction_sets() {
    std::vector<Isa> all = {{&kernels_generic, lanes_generic, true}};
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    all.push_back({&kernels_avx2, lanes_avx2, avx2});
    all.push_back({&kernels_avx512, lanes_avx512, avx512});
#elif defined(__aarch64__)
    all.push_back({&kernels_neon, lanes_neon, true});
#endif
#if defined(EMULATED_AVX512) // by emulated/immintrin.h: on every processor
    all.push_back({&kernels_avx512_emulated, lanes_avx512_emulated, true});
#endif
    return all;
}

Scene scene{};

void on_fault(int) {
    if (scene.primitive != nullptr) {
        std::printf("BROKEN %s %s %s part %d: memory outside is touched\n", doing.c_str(), scene.type, scene.primitive,
                    scene.part);
    } else {
        std::printf("BROKEN %s: memory outside is touched\n", doing.c_str());
    }
    std::fflush(stdout);
    _exit(1);
}

std::vector<Observation>* seen;

std::vector<Observation> observe(const Isa& isa, const GuardedMemory& memory) {
    std::vector<Observation> result;
    seen = &result;
    doing = isa.kernels->name;
    scene = {memory.begin(), memory.end(), [](const Observation& o) { seen->push_back(o); }, "", "", -1};
    isa.lanes(scene);
    scene.primitive = nullptr;
    return result;
}

void compare_lanes(const char* name, const std::vector<Observation>& want, const std::vector<Observation>& got) {
    std::map<std::string, std::pair<int, int>> laws; // values, and those that differ
    if (want.size() != got.size()) {
        std::printf("BROKEN %s lanes: %zu observations instead of %zu\n", name, got.size(), want.size());
        ++broken;
        return;
    }
    for (std::size_t i = 0; i < want.size(); ++i) {
        const Observation &w = want[i], &g = got[i];
        auto& [values, differ] = laws[std::string(w.type) + " " + w.primitive];
        ++values;
        if (w.output == g.output) continue;
        if (differ++ == 0) {
            std::printf("BROKEN %s lanes: %s %s of (%a, %a, %a) has the bits %#llx instead of %#llx\n", name, w.type,
                        w.primitive, w.inputs[0], w.inputs[1], w.inputs[2], static_cast<unsigned long long>(g.output),
                        static_cast<unsigned long long>(w.output));
        }
    }
    for (const auto& [law, count] : laws) {
        if (count.second == 0) std::printf("%s lanes: %s: %d values equal\n", name, law.c_str(), count.first);
        broken += count.second != 0;
    }
}

} // namespace

int main(int argc, char** argv) {
    const bool sample = argc == 2 && std::strcmp(argv[1], "--sample") == 0;
    if (argc > 1 && !sample) {
        std::fprintf(stderr, "usage: lanes_and_bits [--sample]\n");
        return 2;
    }
    std::signal(SIGSEGV, on_fault);
    std::signal(SIGBUS, on_fault);

    std::vector<Isa> sets;
    for (const Isa& isa : instruction_sets()) {
        if (isa.supported) {
            sets.push_back(isa);
        } else {
            std::printf("not run: %s, which this processor lacks\n", isa.kernels->name);
        }
    }
    const GuardedMemory memory(1);
    const std::vector<Observation> generic = observe(sets[0], memory);
    for (std::size_t i = 1; i < sets.size(); ++i) {
        compare_lanes(sets[i].kernels->name, generic, observe(sets[i], memory));
    }
    std::vector<const Kernels*> kernels;
    for (const Isa& isa : sets) kernels.push_back(isa.kernels);
    KernelTest(kernels, sample).run();
    std::printf(broken == 0 ? "all laws hold\n" : "%d laws are broken\n", broken);
    return broken == 0 ? 0 : 1;
}
