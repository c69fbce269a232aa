// A buffer of Python as the core takes it: an address, a shape, strides.
#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/plan.hpp"

namespace nb = nanobind;

namespace logitkit {

class Buffer;
void expect_format(const Buffer& buffer, char format, const char* name);

class Buffer {
public:
    Buffer(nb::handle array, bool writable) {
        if (!get(array, writable)) throw nb::python_error();
    }
    // Where there is none, it is false.
    Buffer(nb::handle array, bool writable, std::nothrow_t) {
        if (!get(array, writable)) PyErr_Clear();
    }
    ~Buffer() {
        if (*this) PyBuffer_Release(&view_);
    }
    explicit operator bool() const { return view_.obj != nullptr; }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    // The element's letter; '=' or '@' in front of it says that its bytes are in this machine's order, which is also
    // said of unaligned memory.
    char format() const {
        const char* letter = view_.format;
        if (letter != nullptr && (*letter == '=' || *letter == '@')) ++letter;
        return letter != nullptr && letter[0] != '\0' && letter[1] == '\0' ? *letter : '\0';
    }
    int dims() const { return view_.ndim; }
    std::int64_t item_size() const { return view_.itemsize; }
    bool is_empty() const { return std::find(view_.shape, view_.shape + view_.ndim, 0) != view_.shape + view_.ndim; }
    bool is_aligned() const {
        bool aligned = reinterpret_cast<std::uintptr_t>(view_.buf) % static_cast<std::uintptr_t>(view_.itemsize) == 0;
        for (int dim = 0; dim < view_.ndim; ++dim) {
            aligned &= view_.shape[dim] < 2 || view_.strides[dim] % view_.itemsize == 0;
        }
        return aligned;
    }

    // The addresses from the first byte to behind the last, whatever the signs of the strides.
    std::pair<const char*, const char*> extent() const {
        const char *first = static_cast<const char*>(view_.buf), *last = first;
        if (is_empty()) return {first, first};
        for (int dim = 0; dim < view_.ndim; ++dim) {
            (view_.strides[dim] < 0 ? first : last) += (view_.shape[dim] - 1) * view_.strides[dim];
        }
        return {first, last + view_.itemsize};
    }
    // Whether some step is shorter than what the smaller steps span.
    bool may_overlap_itself() const {
        if (is_empty()) return false;
        std::int64_t span = view_.itemsize, below = -1;
        for (int round = 0; round < view_.ndim; ++round) {
            // The next dimension by the size of its step; equal steps overlap.
            int next = -1, equal = 0;
            for (int dim = 0; dim < view_.ndim; ++dim) {
                if (view_.shape[dim] < 2) continue;
                const std::int64_t step = std::abs(view_.strides[dim]);
                if (step <= below) continue;
                if (next < 0 || step < std::abs(view_.strides[next])) {
                    next = dim;
                    equal = 1;
                } else if (step == std::abs(view_.strides[next])) {
                    ++equal;
                }
            }
            if (next < 0) return false;
            below = std::abs(view_.strides[next]);
            if (equal > 1 || below < span) return true;
            span += below * (view_.shape[next] - 1);
        }
        return false;
    }
    bool same_memory(const Buffer& other) const {
        bool same =
            view_.buf == other.view_.buf && view_.ndim == other.view_.ndim && view_.itemsize == other.view_.itemsize;
        for (int dim = 0; same && dim < view_.ndim; ++dim) {
            same = view_.shape[dim] == other.view_.shape[dim] && view_.strides[dim] == other.view_.strides[dim];
        }
        return same;
    }
    std::int64_t size() const { return view_.len / view_.itemsize; }
    std::int64_t size(int dim) const { return view_.shape[dim]; }
    std::int64_t last_size() const { return view_.ndim > 0 ? view_.shape[view_.ndim - 1] : 0; }

    // As an operand of the request: the same shape, but 1 along the reduced dimensions of a reduction's result.
    Operand operand(const Request& request, const char* name, bool one_per_row = false) const {
        bool fits = view_.ndim == request.dims;
        const bool empty = is_empty();
        Operand result;
        result.data = static_cast<char*>(view_.buf);
        for (int dim = 0; fits && dim < request.dims; ++dim) {
            const bool single = one_per_row && request.reduced[dim];
            fits = view_.shape[dim] == (single ? 1 : request.shape[dim]);
            // Where nothing is stepped over a stride means nothing, and may be any number.
            result.strides[dim] = single || empty || view_.shape[dim] == 1 ? 0 : view_.strides[dim];
        }
        if (!fits) throw std::invalid_argument(std::string(name) + " does not have the shape of the request");
        return result;
    }

    // Whether its elements lie side by side, in the order of C.
    bool is_contiguous() const { return is_aligned() && PyBuffer_IsContiguous(&view_, 'C') != 0; }
    template <class T>
    T* start() const {
        return static_cast<T*>(view_.buf);
    }
    // Of such an array of doubles.
    const double* doubles(const char* name) const {
        expect_format(*this, 'd', name);
        if (!is_contiguous()) throw std::invalid_argument(std::string(name) + " must be contiguous");
        return start<double>();
    }

    // As an operand that holds `picks` elements a row, side by side along the last dimension, which is reduced; along
    // others that are it has 1.
    Operand pick_operand(const Request& request, const char* name) const {
        const int last = request.dims - 1;
        bool fits = view_.ndim == request.dims && request.dims > 0 && request.reduced[last] &&
                    view_.shape[last] == request.picks &&
                    (request.picks <= 1 || view_.strides[last] == view_.itemsize) &&
                    reinterpret_cast<std::uintptr_t>(view_.buf) % static_cast<std::uintptr_t>(view_.itemsize) == 0;
        Operand result;
        result.data = static_cast<char*>(view_.buf);
        for (int dim = 0; fits && dim < request.dims; ++dim) {
            const bool single = request.reduced[dim];
            fits = dim == last ||
                   (view_.shape[dim] == (single ? 1 : request.shape[dim]) && view_.strides[dim] % view_.itemsize == 0);
            result.strides[dim] = single ? 0 : view_.strides[dim];
        }
        if (!fits) throw std::invalid_argument(std::string(name) + " does not have the shape of the request");
        return result;
    }

private:
    bool get(nb::handle array, bool writable) {
        const int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
        return PyObject_GetBuffer(array.ptr(), &view_, flags) == 0;
    }

    Py_buffer view_{};
};

inline bool has_format(const Buffer& buffer, char format) {
    // Both letters are 64 bits wide here, and arrays may have either.
    return buffer.format() == format || (format == 'q' && sizeof(long) == 8 && buffer.format() == 'l');
}
inline void expect_format(const Buffer& buffer, char format, const char* name) {
    if (has_format(buffer, format)) return;
    throw nb::type_error((std::string(name) + " must have the buffer format '" + format + "'").c_str());
}

// Whether an element of `out` may stand where another one of `out` or `x` does: by the extents, so true may be wrong.
inline bool may_overlap(const Buffer& x, const Buffer& out) {
    if (out.may_overlap_itself()) return true;
    if (out.same_memory(x)) return false;
    const auto [x_first, x_last] = x.extent();
    const auto [out_first, out_last] = out.extent();
    return x_first < out_last && out_first < x_last;
}

} // namespace logitkit
