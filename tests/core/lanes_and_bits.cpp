// The law of equal bits: every instruction set does what the generic one does, bit for bit (NaN is NaN).
//
//   lanes     each primitive of vec/*.hpp on edge values, and parts of vectors beside unmapped memory
//   kernels   each operation of the tables, on rows that end or begin beside unmapped memory
//
// Prints one line a law, and a hash of all outputs for each instruction set: the hash is the same on every machine.
// `--sample` runs a part of the cases, for emulators; its hash is printed by a whole run too. Exit status 1: broken.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "guarded_memory.hpp"
#include "kernels.hpp"
#include "lanes.hpp"
#include "rows.hpp"

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
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
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

int broken = 0;

std::string doing; // read when memory outside is touched
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

// ---- Lanes ------------------------------------------------------------------------------------------------------

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

// ---- Kernels ----------------------------------------------------------------------------------------------------

enum Alias { apart, out_is_x, out_is_g };

struct Case {
    Op op;
    Regime regime;
    bool exact;
    Alias alias;
};

const char* const op_names[] = {"softmax",       "log_softmax",     "logsumexp",     "entropy",
                                "softmax_vjp",   "log_softmax_vjp", "logsumexp_vjp", "entropy_vjp",
                                "kl_divergence", "gather_logprobs", "top_k"};
const char* const regime_names[] = {"automatic", "again"};
const char* const alias_names[] = {"", " in x", " in g"};
constexpr double temperatures[] = {1, 0.7, 1e-30, 1e30, 1e-310, 1e305, 0, std::numeric_limits<double>::infinity()};

bool gives_rows(Op op) { return op != Op::logsumexp && op != Op::entropy && op < Op::kl_divergence; }
bool gives_picks(Op op) { return op == Op::gather_logprobs || op == Op::top_k; }

// What a dtype's kernels tell apart.
std::vector<Case> cases(DType dtype) {
    const bool single = dtype == DType::float32;
    std::vector<Case> result;
    for (int number = 0; number < op_count; ++number) {
        const Op op = static_cast<Op>(number);
        const bool anchored = single && (op <= Op::logsumexp || op == Op::gather_logprobs);
        for (int alias = apart; alias <= out_is_g; ++alias) {
            const bool possible = alias == apart || (alias == out_is_x && gives_rows(op)) ||
                                  (alias == out_is_g && (op == Op::softmax_vjp || op == Op::log_softmax_vjp));
            if (!possible) continue;
            for (const Regime regime : {Regime::automatic, Regime::again}) {
                if (regime == Regime::automatic || anchored) {
                    result.push_back({op, regime, false, static_cast<Alias>(alias)});
                }
            }
            if (anchored) result.push_back({op, Regime::automatic, true, static_cast<Alias>(alias)});
        }
    }
    return result;
}

// Of the long rows every 5th or 7th case is run; a sample takes fewer. The strides share no factor with the number of
// cases, patterns or temperatures, so every one of them has its turn.
std::int64_t stride(std::int64_t length, bool sample) {
    if (length <= 130) return sample ? 5 : 1;
    if (length <= 4097) return sample ? 13 : 1;
    return length < 100000 ? (sample ? 5 * 13 : 5) : (sample ? 7 * 23 : 7);
}

struct Tally {
    std::uint64_t all = 0xcbf29ce484222325, sample = all; // FNV-1a, by words
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> laws;
};

template <class T>
std::uint64_t canonical(T x) {
    if (x != x) return 0x7ff8;
    std::uint64_t b = 0;
    std::memcpy(&b, &x, sizeof x);
    return b;
}

class KernelTest {
public:
    KernelTest(const std::vector<Isa>& sets, bool sample)
        : sets_(sets), tallies_(sets.size()), sample_only_(sample), x_(bytes), g_(bytes), out_(bytes), ids_(bytes) {}

    void run() {
        std::vector<std::int64_t> lengths;
        for (std::int64_t n = 1; n <= 70; ++n) lengths.push_back(n);
        for (const int n : {127, 128, 129, 130, 4095, 4096, 4097, 50257, 65537}) lengths.push_back(n);
        for (const std::int64_t length : lengths) {
            for (int pattern = 0; pattern < pattern_count; ++pattern) {
                run_rows<float>(DType::float32, length, static_cast<Pattern>(pattern));
                run_rows<double>(DType::float64, length, static_cast<Pattern>(pattern));
            }
        }
        for (std::size_t i = 0; i < sets_.size(); ++i) report(sets_[i].kernels->name, tallies_[i]);
    }

private:
    static constexpr std::size_t bytes = 65537 * sizeof(double);

    template <class T>
    void run_rows(DType dtype, std::int64_t length, Pattern pattern) {
        const std::int64_t rows = length <= 130 ? 2 : 1, step = length + 3, room = (rows - 1) * step + length;
        const auto n = static_cast<std::size_t>(room);
        Random random(static_cast<std::uint64_t>(length * 100 + pattern));
        std::vector<T> scores(n), shares(n);
        for (std::int64_t i = 0; i < room; ++i) {
            scores[static_cast<std::size_t>(i)] = element<T>(pattern, random, i % step, length);
            const double u = random.uniform();
            shares[static_cast<std::size_t>(i)] = static_cast<T>(u < 0.2 ? 0 : u / static_cast<double>(length));
        }
        for (const Case& c : cases(dtype)) {
            for (const double temperature : temperatures) {
                ++serial_;
                if (serial_ % stride(length, sample_only_) != 0) continue;
                run_case(c, dtype, length, pattern, temperature, rows, step, scores, shares);
            }
        }
    }

    template <class T>
    void run_case(const Case& c, DType dtype, std::int64_t length, Pattern pattern, double temperature,
                  std::int64_t rows, std::int64_t step, const std::vector<T>& scores, const std::vector<T>& shares) {
        const bool probabilities = c.op == Op::softmax_vjp, reduces = !gives_rows(c.op);
        const std::int64_t picks = gives_picks(c.op) ? (serial_ % length) + 1 : 0;
        const auto room = static_cast<std::int64_t>(scores.size());
        const std::int64_t out_room = picks > 0 ? rows * picks : reduces ? rows : room;
        const std::uint64_t mixed = Random(static_cast<std::uint64_t>(serial_)).bits();
        const bool at_end = mixed % 4 != 0;
        RowBatch batch;
        batch.rows = rows;
        batch.length = length;
        batch.x_step = batch.g_step = step;
        batch.out_step = picks > 0 ? picks : reduces ? 1 : step;
        batch.ids_step = batch.picks = picks;
        batch.temperature = &temperature;
        batch.empty = static_cast<Empty>((mixed >> 8) % 3);
        batch.keep = c.regime == Regime::automatic;
        batch.exact = c.exact;
        batch.stream = (mixed >> 4) % 2 == 0;

        const std::string law =
            std::string(op_names[static_cast<int>(c.op)]) + (dtype == DType::float32 ? " float32" : " float64");
        const std::string where = law + alias_names[c.alias] + (c.exact ? " exact" : "") + ", regime " +
                                  regime_names[static_cast<int>(c.regime)] + ", length " + std::to_string(length) +
                                  ", rows " + pattern_names[pattern] + ", temperature " + std::to_string(temperature);
        const bool in_sample = serial_ % stride(length, true) == 0;
        std::vector<T> first;
        for (std::size_t i = 0; i < sets_.size(); ++i) {
            T* x = x_.place<T>(room, at_end);
            T* g = g_.place<T>(room, at_end);
            T* out = c.alias == out_is_x ? x : c.alias == out_is_g ? g : out_.place<T>(out_room, at_end);
            for (std::int64_t j = 0; j < out_room; ++j) out[j] = untouched<T>();
            const auto size = scores.size() * sizeof(T);
            const T* x_source = probabilities ? shares.data() : scores.data();
            // The second row of scores of a divergence is the first one backwards, which has its own maximum.
            std::vector<T> g_source(scores);
            if (c.op == Op::kl_divergence) std::reverse(g_source.begin(), g_source.end());
            std::memcpy(x, x_source, size);
            std::memcpy(g, g_source.data(), size);
            std::int64_t* ids = ids_.place<std::int64_t>(rows * picks, at_end);
            for (std::int64_t j = 0; j < rows * picks; ++j) ids[j] = (j * 7 + serial_) % length;
            batch.x = x;
            batch.g = c.op >= Op::softmax_vjp && !gives_picks(c.op) ? g : nullptr;
            batch.out = out;
            batch.ids = ids;
            doing = std::string(sets_[i].kernels->name) + " " + where;
            sets_[i].kernels->table[static_cast<int>(c.op)][static_cast<int>(dtype)][0](batch);

            if (c.op == Op::top_k) {
                for (std::int64_t j = 0; j < out_room; ++j) out[j] = static_cast<T>(ids[j]);
            }

            Tally& tally = tallies_[i];
            auto& [values, differ] = tally.laws[law];
            for (std::int64_t j = 0; j < out_room; ++j) {
                const T want = i == 0 ? out[j] : first[static_cast<std::size_t>(j)];
                if (canonical(out[j]) != canonical(want) && differ++ == 0) {
                    std::printf("BROKEN %s at %lld: %a instead of %a\n", doing.c_str(), static_cast<long long>(j),
                                static_cast<double>(out[j]), static_cast<double>(want));
                }
                tally.all = (tally.all ^ canonical(out[j])) * 0x100000001b3;
                if (in_sample) tally.sample = (tally.sample ^ canonical(out[j])) * 0x100000001b3;
            }
            values += out_room;
            // The inputs, and what lies between the rows, are not the kernel's to write.
            bool trespassed = (c.alias != out_is_x && std::memcmp(x, x_source, size) != 0) ||
                              (c.alias != out_is_g && std::memcmp(g, g_source.data(), size) != 0);
            for (std::int64_t j = length; !reduces && c.alias == apart && j < step && j < out_room; ++j) {
                trespassed |= canonical(out[j]) != canonical(untouched<T>());
            }
            if (trespassed && differ++ == 0) std::printf("BROKEN %s: another's memory is written\n", doing.c_str());
            if (i == 0) first.assign(out, out + out_room);
        }
    }

    template <class T>
    static T untouched() {
        return static_cast<T>(-12345.0625);
    }

    void report(const char* name, const Tally& tally) const {
        for (const auto& [law, count] : tally.laws) {
            if (count.second == 0) {
                std::printf("%s kernels: %s: %lld outputs equal\n", name, law.c_str(),
                            static_cast<long long>(count.first));
            }
            broken += count.second != 0;
        }
        if (!sample_only_) std::printf("hash of all: %s %016llx\n", name, static_cast<unsigned long long>(tally.all));
        std::printf("hash of sample: %s %016llx\n", name, static_cast<unsigned long long>(tally.sample));
    }

    const std::vector<Isa>& sets_;
    std::vector<Tally> tallies_;
    bool sample_only_;
    GuardedMemory x_, g_, out_, ids_;
    std::int64_t serial_ = 0;
};

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
    KernelTest(sets, sample).run();
    std::printf(broken == 0 ? "all laws hold\n" : "%d laws are broken\n", broken);
    return broken == 0 ? 0 : 1;
}
