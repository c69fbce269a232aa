// Runs operations along rows that come on standard input, with the instruction set that the argument names, and writes
// the results to standard output: the core without Python, for an emulator of another processor.
//
// A request is six 64-bit numbers (operation, dtype, whether exact, rows, length, 0) and the rows;
// the answer is the results alone, in the same dtype. Ends with its input.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <vector>

#include "dispatch.hpp"
#include "plan.hpp"

namespace {

using namespace logitkit;

// One value a row for reductions; temperature 1.
void answer(const std::int64_t* header, std::vector<char>& x, std::vector<char>& out) {
    const std::int64_t rows = header[3], length = header[4];
    double one = 1;
    Request request;
    request.op = static_cast<Op>(header[0]);
    request.dtype = static_cast<DType>(header[1]);
    const std::int64_t item = item_size(request.dtype);
    request.exact = header[2] != 0;
    request.dims = 2;
    request.shape[0] = rows;
    request.shape[1] = length;
    request.reduced[0] = false;
    request.reduced[1] = true;
    const std::int64_t result_length = request.is_reduction() ? 1 : length;
    out.resize(static_cast<std::size_t>(rows * result_length * item));
    request.x.data = x.data();
    request.out.data = out.data();
    request.temperature.data = reinterpret_cast<char*>(&one);
    request.x.strides[0] = length * item;
    request.x.strides[1] = item;
    request.out.strides[0] = result_length * item;
    request.out.strides[1] = request.is_reduction() ? 0 : item;
    request.temperature.strides[0] = request.temperature.strides[1] = 0;
    run(request);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: emulated ISA < requests > results\n");
        return 2;
    }
    try {
        select_isa(argv[1]);
        std::int64_t header[6];
        std::vector<char> x, out;
        while (std::fread(header, sizeof header, 1, stdin) == 1) {
            x.resize(static_cast<std::size_t>(header[3] * header[4] * item_size(static_cast<DType>(header[1]))));
            if (std::fread(x.data(), 1, x.size(), stdin) != x.size()) throw std::runtime_error("the rows are cut off");
            answer(header, x, out);
            std::fwrite(out.data(), 1, out.size(), stdout);
            std::fflush(stdout);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
