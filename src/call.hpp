// A call from Python as a request to the core: buffers into operands, and the GIL released while the core works.
#pragma once

#include <nanobind/nanobind.h>

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "buffer.hpp"
#include "core/conversion.hpp"
#include "core/plan.hpp"

namespace logitkit {

// Below this many elements releasing and taking the GIL would cost more than it gives.
constexpr std::int64_t gil_elements = 4096;

// Without the GIL for the time of its life. Before 3.14 Python ends a thread that asks for the GIL while the
// interpreter shuts down by unwinding it, which would end the process on the way through nanobind: such a thread waits
// here instead, as it does from 3.14 on. The handler must not be left.
class WithoutGil {
public:
    WithoutGil() : state_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        try {
            PyEval_RestoreThread(state_);
        } catch (...) {
            for (;;) pause();
        }
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

private:
    PyThreadState* state_;
};

// bfloat16 has no buffer format: its arrays come as their bits.
inline std::optional<DType> dtype_of(char format) {
    switch (format) {
    case 'f': return DType::float32;
    case 'd': return DType::float64;
    case 'e': return DType::float16;
    case 'H': return DType::bfloat16;
    default: return std::nullopt;
    }
}

// The operation on x along the dimensions whose bits are set in `axes`.
inline Request request_of(int op, DType dtype, const Buffer& x, std::uint64_t axes) {
    Request request;
    request.op = static_cast<Op>(op);
    request.dtype = dtype;
    request.dims = x.dims();
    if (request.dims > most_dims) throw std::invalid_argument("x has too many dimensions");
    for (int dim = 0; dim < request.dims; ++dim) {
        request.shape[dim] = x.size(dim);
        request.reduced[dim] = (axes >> dim & 1) != 0;
    }
    request.x = x.operand(request, "x");
    return request;
}

// The same for all rows.
inline void set_temperature(Request& request, double& temperature) {
    request.temperature.data = reinterpret_cast<char*>(&temperature);
    std::fill_n(request.temperature.strides, request.dims, 0);
}

// The temperatures of a call: one number for all rows, or an array of the shape of x.
class Temperatures {
public:
    Temperatures(Request& request, nb::handle given) {
        if (PyFloat_CheckExact(given.ptr())) {
            one_ = PyFloat_AsDouble(given.ptr());
            set_temperature(request, one_);
        } else {
            expect_format(array_.emplace(given, false), 'd', "temperature");
            if (!array_->is_aligned()) throw std::invalid_argument("temperature must be aligned to its elements");
            request.temperature = array_->operand(request, "temperature");
        }
    }

private:
    double one_ = 1;
    std::optional<Buffer> array_;
};

inline void run_without_gil(const Request& request) {
    if (request.work() <= gil_elements) {
        run(request);
    } else {
        const WithoutGil released;
        run(request);
    }
}

// How the elements of a buffer are stored, by NumPy's name of their dtype: byte order, kind and size.
inline Stored stored_of(const Buffer& buffer, const std::string& dtype, const char* name) {
    Stored stored;
    if (dtype.size() == 3 && dtype[2] >= '1' && dtype[2] <= '8') {
        const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
        stored = {dtype[1], dtype[2] - '0', dtype[0] == (little ? '>' : '<')};
    }
    if (stored.size != buffer.item_size()) throw nb::type_error((std::string(name) + " is stored otherwise").c_str());
    return stored;
}

// Tells the request how x, g and out are stored where they are converted: only in rows of more than a block.
inline void set_stored(Request& request, const Buffer& x, const Buffer* out, const Buffer* g,
                       const std::string& x_stored, const std::string& out_stored, const std::string& g_stored) {
    if (request.row_length() <= block_length)
        throw std::invalid_argument("rows of one block must be given as they are computed");
    request.x.stored = stored_of(x, x_stored, "x");
    bool fits = can_load(request.x.stored, request.dtype);
    if (out != nullptr && !request.is_pick()) {
        request.out.stored = stored_of(*out, out_stored, "out");
        fits &= can_store(request.dtype, request.out.stored);
    }
    if (g != nullptr) {
        request.g.stored = stored_of(*g, g_stored, "g");
        fits &= can_load(request.g.stored, request.dtype);
    }
    if (!fits) throw nb::type_error("x, g or out is stored in a dtype that is not converted");
}

} // namespace logitkit
