// Whole requests of every operation and dtype, through plan, layout, packing, pool and dispatch, in guarded memory (see
// requests.hpp for the law).
//
//   short       rows of every length from 1 to 200, in every kind of layout, masked, in place, with their temperatures
//   long        rows around the blocks of 4096 and the limit of 65536, and enough of them for three threads
//   alignments  every address modulo 64 of operand and result
//   empty       no rows, and rows of no elements
//
// `--sample` runs a part, for emulators. `--plant overrun|overflow` makes the mistake that a sanitizer must see.
// Prints one line a chapter for each instruction set; exit status 1: broken.
#include "requests.hpp"

#include <cstdlib>
#include <limits>

namespace {

using namespace logitkit;

class Chapters {
public:
    Chapters(const std::vector<std::string>& sets, bool sample)
        : sample_(sample), floats_(300000, sets), doubles_(300000, sets), float16s_(300000, sets),
          bfloat16s_(300000, sets) {}

    void short_rows() {
        for (std::int64_t length = 1; length <= 200; length += sample_ ? 7 : 1) {
            for (const Op op : every_op()) {
                // Each kind has its turn at each operation: their numbers share no factor.
                for (const int kind : {static_cast<int>(length) % anyhow, static_cast<int>(anyhow)}) {
                    // A row of two dimensions where length and operation allow one.
                    const bool one_dimension = length % 3 != 0 || gives_picks(op) || random_.bits() % 2 == 0;
                    const std::int64_t inner = one_dimension ? 1 : 3;
                    Trial trial{op, {{2, 3, inner, length / inner}}, static_cast<Kind>(kind)};
                    if (kind == anyhow && random_.bits() % 4 == 0) trial.shape.sizes[1] = 131; // more than a tile
                    trial.pattern = static_cast<Pattern>(random_.bits() % pattern_count);
                    trial.masked = takes_mask(op) && random_.bits() % 3 == 0;
                    run(with_alias(trial));
                }
            }
        }
    }

    void long_rows() {
        for (const std::int64_t length : {4095, 4096, 4097, 65535, 65536, 65537}) {
            if (sample_ && length > 4097) continue;
            for (const Op op : every_op()) {
                const std::int64_t rows = length < 10000 ? 9 : 1;
                Trial trial{op, {{1, rows, 1, length}}, static_cast<Kind>(random_.bits() % kind_count)};
                trial.pattern = static_cast<Pattern>(random_.bits() % pattern_count);
                trial.threads = 3;
                trial.masked = takes_mask(op) && random_.bits() % 2 == 0;
                run(with_alias(trial));
            }
        }
    }

    void rows_side_by_side() {
        for (const std::int64_t length : {1, 2, 3, 10, 15, 16, 17, 31, 64, 255, 256, 257, 600}) {
            if (sample_ && length > 100) continue;
            for (const Op op : every_op()) {
                const std::int64_t some[] = {1, 15, 16, 17, 47, 128, 131, 160};
                Trial trial{op, {{2, some[random_.bits() % 8], 1, length}}, side_by_side};
                trial.pattern = static_cast<Pattern>(random_.bits() % pattern_count);
                trial.masked = takes_mask(op) && random_.bits() % 8 == 0;
                trial.threads = 2;
                run(with_alias(trial));
            }
        }
    }

    void alignments() {
        for (std::int64_t length = 1; length <= 72; length += sample_ ? 5 : 1) {
            for (int alignment = 0; alignment < 64; ++alignment) {
                Trial trial{static_cast<Op>((alignment + length) % op_count), {{1, 2, 1, length}}, unaligned};
                trial.alignment = alignment;
                run(trial);
            }
        }
    }

    void empty() {
        for (const Op op : every_op()) {
            for (const std::int64_t rows : {0, 1, 5}) {
                for (const std::int64_t length : {0, 1, 7}) {
                    Trial trial{op, {{1, rows, 1, length}}, contiguous};
                    trial.threads = 2;
                    run(trial);
                    trial.masked = takes_mask(op);
                    run(trial);
                }
            }
        }
    }

private:
    static std::vector<Op> every_op() {
        std::vector<Op> result;
        for (int op = 0; op < op_count; ++op) result.push_back(static_cast<Op>(op));
        return result;
    }
    // In one dtype of each pair: all four would take twice the time.
    void run(const Trial& trial) {
        random_.bits() % 2 == 0 ? floats_.run(trial, random_) : doubles_.run(trial, random_);
        random_.bits() % 2 == 0 ? float16s_.run(trial, random_) : bfloat16s_.run(trial, random_);
    }
    Trial with_alias(Trial trial) {
        const auto alias = static_cast<Alias>(random_.bits() % 6);
        if (alias <= out_is_g && is_possible(alias, trial.op)) trial.alias = alias;
        return trial;
    }

    bool sample_;
    Random random_{20};
    RequestTest<float> floats_;
    RequestTest<double> doubles_;
    RequestTest<Float16> float16s_;
    RequestTest<BFloat16> bfloat16s_;
};

// One row that is announced one element longer than its memory.
void overrun() {
    GuardedMemory memory(4096);
    const std::size_t n = 21;
    auto* x = reinterpret_cast<char*>(memory.place_at(n * sizeof(float), 0, false));
    std::memset(x, 0, n * sizeof(float));
    std::vector<float> out(n + 1);
    double one = 1;
    Request request;
    request.dims = 1;
    request.shape[0] = static_cast<std::int64_t>(n) + 1;
    request.reduced[0] = true;
    request.x.data = x;
    request.x.strides[0] = request.out.strides[0] = sizeof(float);
    request.out.data = reinterpret_cast<char*>(out.data());
    request.temperature.data = reinterpret_cast<char*>(&one);
    request.temperature.strides[0] = 0;
    for (const std::string& set : available_isas()) {
        select_isa(set);
        run(request);
    }
}

// A request whose size is no number.
void overflow() {
    Request request;
    request.dims = 2;
    request.shape[0] = request.shape[1] = std::numeric_limits<std::int64_t>::max();
    std::printf("%lld elements\n", static_cast<long long>(request.size()));
}

} // namespace

// ASan asks for this before it ends the program.
extern "C" void __asan_on_error();
extern "C" void __asan_on_error() { std::fprintf(stderr, "BROKEN %s\n", doing.c_str()); }

int main(int argc, char** argv) {
    const std::string option = argc > 1 ? argv[1] : "", what = argc > 2 ? argv[2] : "";
    start_pool();
    if (option == "--plant" && what == "overrun") return overrun(), 0;
    if (option == "--plant" && what == "overflow") return overflow(), 0;
    if (argc > 1 && option != "--sample") {
        std::fprintf(stderr, "usage: requests [--sample | --plant overrun|overflow]\n");
        return 2;
    }
    const std::vector<std::string> sets = available_isas();
    Chapters chapters(sets, option == "--sample");
    const auto tell = [&](const char* chapter, void (Chapters::*part)()) {
        const int before = broken;
        outputs = 0;
        (chapters.*part)();
        if (broken == before) std::printf("%s: %lld outputs right\n", chapter, outputs);
    };
    for (const std::string& set : sets) std::printf("run: %s\n", set.c_str());
    tell("short", &Chapters::short_rows);
    tell("long", &Chapters::long_rows);
    tell("side_by_side", &Chapters::rows_side_by_side);
    tell("alignments", &Chapters::alignments);
    tell("empty", &Chapters::empty);
    std::printf(broken == 0 ? "all laws hold\n" : "%d laws are broken\n", broken);
    return broken == 0 ? 0 : 1;
}
