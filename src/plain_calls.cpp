#include "plain_calls.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>
#include <vector>

#include "buffer.hpp"
#include "call.hpp"
#include "core/total.hpp"

namespace logitkit {

namespace {

PyTypeObject* array_type = nullptr;
PyObject* empty_like = nullptr;

bool is_array(nb::handle x) { return Py_TYPE(x.ptr()) == array_type; }

// Whether it is a float32 or float64 of this machine, of one dimension at least.
bool is_plain(const Buffer& x) {
    return x && (x.format() == 'f' || x.format() == 'd') && x.dims() >= 1 && x.dims() <= most_dims;
}

bool are_alike(const Buffer& a, const Buffer& b) {
    if (!b || a.format() != b.format() || a.dims() != b.dims()) return false;
    for (int dim = 0; dim < a.dims(); ++dim) {
        if (a.size(dim) != b.size(dim)) return false;
    }
    return true;
}

// `out`, or a new array like x where that is none; null where it is no array.
nb::object result_of(nb::handle x, nb::handle out) {
    if (!out.is_none()) return is_array(out) ? nb::borrow(out) : nb::object();
    nb::object made = nb::steal(PyObject_CallOneArg(empty_like, x.ptr()));
    if (!made.is_valid()) throw nb::python_error();
    return made;
}

// The classes of rows, copied: nobody changes them once they are checked. Empty where they do not fit.
std::vector<std::int64_t> classes_of(const Buffer& x, nb::handle targets) {
    if (!is_array(targets)) return {};
    const Buffer buffer(targets, false, std::nothrow);
    const int last = x.dims() - 1;
    if (!buffer || buffer.dims() != last || !buffer.is_contiguous()) return {};
    if (!has_format(buffer, 'q')) return {};
    for (int dim = 0; dim < last; ++dim) {
        if (buffer.size(dim) != x.size(dim)) return {};
    }
    const auto* const first = buffer.start<std::int64_t>();
    std::vector<std::int64_t> classes(first, first + buffer.size());
    const auto count = static_cast<std::uint64_t>(x.size(last));
    bool fit = true;
    for (const std::int64_t one : classes) fit &= static_cast<std::uint64_t>(one) < count;
    return fit ? classes : std::vector<std::int64_t>();
}

// The operation along the last axis. All rows have the temperature 1, which nothing writes to.
Request request_of(int op, const Buffer& x) {
    static double one = 1;
    Request request = request_of(op, *dtype_of(x.format()), x, std::uint64_t{1} << (x.dims() - 1));
    set_temperature(request, one);
    return request;
}

// What has one number a row, in their order.
template <class T>
Operand per_row(const Request& request, std::vector<T>& values) {
    Operand result;
    result.data = reinterpret_cast<char*>(values.data());
    result.strides[request.dims - 1] = 0;
    std::int64_t stride = sizeof(T);
    for (int dim = request.dims - 2; dim >= 0; --dim) {
        result.strides[dim] = stride;
        stride *= request.shape[dim];
    }
    return result;
}

} // namespace

void set_arrays(nb::handle type, nb::handle make) {
    array_type = reinterpret_cast<PyTypeObject*>(nb::object(nb::borrow(type)).release().ptr());
    empty_like = nb::object(nb::borrow(make)).release().ptr();
}

nb::object map_plain(int op, nb::handle x, nb::handle out) {
    if (op != static_cast<int>(Op::softmax) && op != static_cast<int>(Op::log_softmax)) {
        throw std::invalid_argument("op is out of range");
    }
    if (!is_array(x)) return nb::none();
    const Buffer x_buffer(x, false, std::nothrow);
    if (!is_plain(x_buffer)) return nb::none();
    const nb::object result = result_of(x, out);
    if (!result.is_valid()) return nb::none();
    const Buffer out_buffer(result, true, std::nothrow);
    if (!are_alike(x_buffer, out_buffer)) return nb::none();

    Request request = request_of(op, x_buffer);
    request.out = out_buffer.operand(request, "out");
    if (!out.is_none() && may_overlap(x_buffer, out_buffer)) return nb::none();
    run_without_gil(request);
    return result;
}

nb::object vjp_plain(int op, nb::handle p, nb::handle g, nb::handle out) {
    if (op != static_cast<int>(Op::softmax_vjp) && op != static_cast<int>(Op::log_softmax_vjp)) {
        throw std::invalid_argument("op is out of range");
    }
    if (!is_array(p) || !is_array(g)) return nb::none();
    const Buffer p_buffer(p, false, std::nothrow), g_buffer(g, false, std::nothrow);
    if (!is_plain(p_buffer) || !are_alike(p_buffer, g_buffer)) return nb::none();
    const nb::object result = result_of(p, out);
    if (!result.is_valid()) return nb::none();
    const Buffer out_buffer(result, true, std::nothrow);
    if (!are_alike(p_buffer, out_buffer)) return nb::none();
    if (!out.is_none() && (may_overlap(p_buffer, out_buffer) || may_overlap(g_buffer, out_buffer))) return nb::none();

    Request request = request_of(op, p_buffer);
    request.g = g_buffer.operand(request, "g");
    request.out = out_buffer.operand(request, "out");
    run_without_gil(request);
    return result;
}

nb::object loss_plain(nb::handle x, nb::handle targets, nb::handle out, bool gradient, int reduction) {
    if (reduction < 0 || reduction > static_cast<int>(Reduction::sum)) {
        throw std::invalid_argument("reduction is out of range");
    }
    if (!is_array(x)) return nb::none();
    const Buffer x_buffer(x, false, std::nothrow);
    if (!is_plain(x_buffer)) return nb::none();
    std::vector<std::int64_t> classes = classes_of(x_buffer, targets);
    if (classes.empty()) return nb::none();
    const nb::object result = gradient ? result_of(x, out) : nb::none();
    if (!result.is_valid()) return nb::none();
    std::optional<Buffer> out_buffer;
    if (gradient) {
        out_buffer.emplace(result, true, std::nothrow);
        if (!are_alike(x_buffer, *out_buffer)) return nb::none();
        if (!out.is_none()) {
            const Buffer targets_buffer(targets, false);
            if (may_overlap(x_buffer, *out_buffer) || may_overlap(targets_buffer, *out_buffer)) return nb::none();
        }
    }

    Request request = request_of(static_cast<int>(Op::cross_entropy), x_buffer);
    const auto rows = static_cast<double>(classes.size());
    const bool is_mean = reduction == static_cast<int>(Reduction::mean);
    request.loss = {nullptr, 0, 0, is_mean ? 1 / rows : 1};
    std::vector<double> losses(classes.size());
    request.ids = per_row(request, classes);
    request.losses = per_row(request, losses);
    if (out_buffer) request.out = out_buffer->operand(request, "out");
    run_without_gil(request);

    const bool is_float = x_buffer.format() == 'f';
    if (reduction == static_cast<int>(Reduction::none)) {
        nb::object per_row = nb::borrow(empty_like)(targets, x.attr("dtype"));
        const Buffer per_row_buffer(per_row, true);
        if (is_float) {
            std::transform(losses.begin(), losses.end(), per_row_buffer.start<float>(),
                           [](double loss) { return static_cast<float>(loss); });
        } else {
            std::copy(losses.begin(), losses.end(), per_row_buffer.start<double>());
        }
        return nb::make_tuple(per_row, result);
    }
    const double sum = total(losses.data(), static_cast<std::int64_t>(losses.size()));
    const double loss = is_mean ? sum / rows : sum;
    return nb::make_tuple(is_float ? static_cast<double>(static_cast<float>(loss)) : loss, result);
}

} // namespace logitkit
