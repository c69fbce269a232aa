// Counts the instructions of calls of the core, with the instruction set that the argument names, on one thread.
//
// A request is a line on standard input: operation and dtype as numbers, the name of a layout, rows and their length.
// The answer is a line on standard output: address:count of each instruction that was executed, hexadecimal and
// decimal. Ends with its input. Layouts, by what chooses the way through the core:
//   plain     rows one after the other, the result apart from them
//   again     the same, each exponential computed twice
//   streamed  the same, stored past the caches, as is done for rows that no cache will hold
//   shared    the same, each row by several threads, whose parts are done here one after the other
//   masked    plain, with a mask that leaves out every seventh element
//   strided   every other element of rows twice as long
//   axis      rows side by side
//   loop      no rows but a known loop, of that length
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "elements.hpp"
#include "plan.hpp"
#include "single_step.hpp"

namespace {

using namespace logitkit;

// Threads stand for themselves in what is counted: their parts, without the waking.
void run_in_turn(std::int64_t parts, void (*body)(void*, std::int64_t), void* context) {
    for (std::int64_t part = 0; part < parts; ++part) body(context, part);
}

// The arrays of one call, and the call.
class Call {
public:
    Call(Op op, DType dtype, const std::string& layout, std::int64_t rows, std::int64_t length)
        : layout_(layout), step_(layout == "strided" ? 2 : 1) {
        const std::int64_t item = item_size(dtype);
        const auto bytes = static_cast<std::size_t>(rows * length * step_ * item);
        x_.resize(bytes);
        g_.resize(bytes);
        out_.resize(bytes);

        request_.op = op;
        request_.dtype = dtype;
        request_.dims = 2;
        request_.shape[0] = rows;
        request_.shape[1] = length;
        request_.reduced[0] = false;
        request_.reduced[1] = true;
        if (layout == "again") request_.regime = Regime::again;
        if (layout == "streamed") request_.regime = Regime::streamed;
        fill();
        const bool side_by_side = layout == "axis";
        place(request_.x, x_, item, side_by_side);
        place(request_.out, out_, item, side_by_side);
        if (has_g()) place(request_.g, g_, item, side_by_side);
        const auto one_a_row = [&](Operand& operand) {
            operand.strides[0] = item;
            operand.strides[1] = 0;
        };
        if (request_.is_reduction()) one_a_row(request_.out);
        if (request_.has_one_g()) one_a_row(request_.g);
        if (layout == "masked") {
            mask_.resize(static_cast<std::size_t>(rows * length));
            for (std::size_t i = 0; i < mask_.size(); ++i) mask_[i] = i % 7 != 6;
            place(request_.mask, mask_, 1, false);
        }
        request_.temperature.data = reinterpret_cast<char*>(&temperature_);
        request_.temperature.strides[0] = request_.temperature.strides[1] = 0;

        // As the plan makes it of the request, but for the threads.
        batch_.x = x_.data();
        batch_.out = out_.data();
        batch_.rows = rows;
        batch_.length = batch_.x_step = length;
        batch_.out_step = request_.is_reduction() ? 1 : length;
        batch_.temperature = &temperature_;
        scratch_.resize(static_cast<std::size_t>((length / block_length + 1) * helper_bytes) / sizeof(double));
        helpers_ = {run_in_turn, scratch_.data(), 2};
        batch_.helpers = &helpers_;
    }

    void operator()() const {
        if (layout_ == "loop") return stepping::known_loop(batch_.length);
        if (layout_ != "shared") return run(request_);
        current_kernels().table[static_cast<int>(request_.op)][static_cast<int>(request_.dtype)][0](batch_);
    }

private:
    bool has_g() const {
        return request_.op == Op::softmax_vjp || request_.op == Op::log_softmax_vjp || request_.has_one_g();
    }
    void place(Operand& operand, std::vector<char>& data, std::int64_t item, bool side_by_side) const {
        operand.data = data.data();
        operand.strides[0] = side_by_side ? item : request_.shape[1] * step_ * item;
        operand.strides[1] = side_by_side ? request_.shape[0] * item : step_ * item;
    }

    // Scores between 0 and 8: none stands out, and none is near minus the logarithm of a sum; either would have a row
    // done again. Logarithms of probabilities between -8 and 0: above there is none.
    void fill() {
        switch (request_.dtype) {
        case DType::float32: return fill_with<float>();
        case DType::float64: return fill_with<double>();
        case DType::float16: return fill_with<Float16>();
        case DType::bfloat16: return fill_with<BFloat16>();
        }
    }
    template <class T>
    void fill_with() {
        std::uint32_t state = 1;
        for (auto* array : {&x_, &g_}) {
            const double lowest = array == &x_ && request_.op == Op::log_softmax_vjp ? -8 : 0;
            T* const numbers = reinterpret_cast<T*>(array->data());
            for (std::size_t i = 0; i < array->size() / sizeof(T); ++i) {
                state = state * 1664525 + 1013904223;
                numbers[i] = narrow_to<T>(lowest + static_cast<double>(state >> 8) * 0x1p-21);
            }
        }
    }

    std::string layout_;
    std::int64_t step_;
    std::vector<char> x_, g_, out_, mask_;
    std::vector<double> scratch_;
    double temperature_ = 1;
    Request request_;
    RowBatch batch_;
    Helpers helpers_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: instructions ISA < requests > counts\n");
        return 2;
    }
    try {
        select_isa(argv[1]);
        std::string layout;
        int op = 0, dtype = 0;
        std::int64_t rows = 0, length = 0;
        while (std::cin >> op >> dtype >> layout >> rows >> length) {
            const Call call(static_cast<Op>(op), static_cast<DType>(dtype), layout, rows, length);
            for (const auto& [address, count] : stepping::count(call)) {
                std::printf("%llx:%lld ", static_cast<unsigned long long>(address), static_cast<long long>(count));
            }
            std::printf("\n");
            std::fflush(stdout);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
