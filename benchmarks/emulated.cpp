// Runs operations along rows that come on standard input, with the instruction set that the argument names, and writes
// the results to standard output: the core without Python, for an emulator of another processor.
//
// A request is six 64-bit numbers (operation, dtype, whether exact, rows, length, bytes of the second operand) and the
// operands: the rows, and where there is a second one, g or the positions of gather_logprobs (64-bit numbers), the
// classes of cross_entropy. The answer is the results alone, in the dtype of the rows, the losses of cross_entropy as
// doubles; the number behind it asks for its gradient. Ends with its input.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <vector>

#include "dispatch.hpp"
#include "plan.hpp"

namespace {

using namespace logitkit;

// Reads what a request is followed by.
void read(std::vector<char>& bytes, std::int64_t count) {
    bytes.resize(static_cast<std::size_t>(count));
    if (std::fread(bytes.data(), 1, bytes.size(), stdin) != bytes.size()) {
        throw std::runtime_error("an operand is cut off");
    }
}

// `count` numbers a row; one for each element of the row, or for the row as a whole.
Operand of_rows(std::vector<char>& bytes, std::int64_t count, std::int64_t item, bool along_the_row) {
    Operand operand;
    operand.data = bytes.data();
    operand.strides[0] = count * item;
    operand.strides[1] = along_the_row ? item : 0;
    return operand;
}

// At temperature 1.
void answer(const std::int64_t* header, std::vector<char>& x, std::vector<char>& second, std::vector<char>& out) {
    const std::int64_t rows = header[3], length = header[4];
    double one = 1;
    Request request;
    const bool gradient = header[0] == op_count, loss = gradient || static_cast<Op>(header[0]) == Op::cross_entropy;
    request.op = loss ? Op::cross_entropy : static_cast<Op>(header[0]);
    request.dtype = static_cast<DType>(header[1]);
    const std::int64_t item = item_size(request.dtype);
    request.exact = header[2] != 0;
    request.dims = 2;
    request.shape[0] = rows;
    request.shape[1] = length;
    request.reduced[0] = false;
    request.reduced[1] = true;
    std::vector<char> losses(static_cast<std::size_t>(rows) * sizeof(double));
    if (loss) {
        request.ids = of_rows(second, 1, sizeof(std::int64_t), false);
        request.losses = of_rows(losses, 1, sizeof(double), false);
    } else if (request.is_pick()) {
        request.picks = header[5] / (rows * static_cast<std::int64_t>(sizeof(std::int64_t)));
        request.ids = of_rows(second, request.picks, sizeof(std::int64_t), false);
    } else if (header[5] != 0) {
        request.g = of_rows(second, request.has_one_g() ? 1 : length, item, !request.has_one_g());
    }
    const std::int64_t result_length = request.is_reduction() ? 1 : request.is_pick() ? request.picks : length;
    out.resize(static_cast<std::size_t>(rows * result_length * item));
    request.x = of_rows(x, length, item, true);
    if (!loss || gradient) request.out = of_rows(out, result_length, item, request.gives_rows());
    request.temperature.data = reinterpret_cast<char*>(&one);
    request.temperature.strides[0] = request.temperature.strides[1] = 0;
    run(request);
    if (loss && !gradient) out.swap(losses);
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
        std::vector<char> x, second, out;
        while (std::fread(header, sizeof header, 1, stdin) == 1) {
            read(x, header[3] * header[4] * item_size(static_cast<DType>(header[1])));
            read(second, header[5]);
            answer(header, x, second, out);
            std::fwrite(out.data(), 1, out.size(), stdout);
            std::fflush(stdout);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
