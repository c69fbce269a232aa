// The Python face of the core: arrays in, arrays out, the GIL released for large work. No arithmetic here.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "buffer.hpp"
#include "call.hpp"
#include "core/dispatch.hpp"
#include "core/plan.hpp"
#include "core/pool.hpp"
#include "core/quota.hpp"
#include "loss_binding.hpp"
#include "plain_calls.hpp"
#include "sampling_binding.hpp"
#include "xla/handler.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace logitkit;

namespace {

bool takes_mask(Op op) { return op != Op::softmax_vjp && op != Op::log_softmax_vjp && op != Op::top_k; }
bool needs_g(Op op) { return op >= Op::softmax_vjp && op <= Op::kl_divergence; }

// Runs one operation, but the losses and those of sampling, along the dimensions whose bits are set in `axes`; `out` is
// exactly x or g, or apart. The positions that top_k finds are its `out`. With `compute`, a buffer's format, elements
// are converted to it block by block, from and to the dtypes that `x_stored`, `g_stored` and `out_stored` name.
void apply(int op, nb::handle x, nb::handle out, std::uint64_t axes, nb::handle temperature, nb::handle mask,
           nb::handle g, int empty, bool exact, int regime, nb::handle ids, const std::string& compute,
           const std::string& x_stored, const std::string& g_stored, const std::string& out_stored) {
    if (op < 0 || op >= static_cast<int>(Op::cross_entropy) || empty < 0 || empty > 2 || regime < 0 ||
        regime >= regime_count) {
        throw std::invalid_argument("op, empty or regime is out of range");
    }
    const Buffer x_buffer(x, false), out_buffer(out, true);
    const bool converted = !compute.empty();
    const char format = converted ? compute[0] : x_buffer.format();
    const std::optional<DType> dtype = dtype_of(format);
    if (!dtype) throw nb::type_error("x must have the buffer format 'f', 'd', 'e' or 'H' (the bits of bfloat16)");
    const bool is_top_k = op == static_cast<int>(Op::top_k), is_gather = op == static_cast<int>(Op::gather_logprobs);
    if (!converted || is_top_k || is_gather) expect_format(out_buffer, is_top_k ? 'q' : format, "out");

    Request request = request_of(op, *dtype, x_buffer, axes);
    request.empty = static_cast<Empty>(empty);
    request.regime = static_cast<Regime>(regime);
    request.exact = exact;
    std::optional<Buffer> ids_buffer;
    if (!request.is_pick()) {
        request.out = out_buffer.operand(request, "out", request.is_reduction());
    } else {
        request.picks = request.dims > 0 ? out_buffer.last_size() : 0;
        if (request.op == Op::top_k) {
            request.ids = out_buffer.pick_operand(request, "out");
            if (request.picks > request.shape[request.dims - 1]) throw std::invalid_argument("k is beyond the row");
        } else {
            request.out = out_buffer.pick_operand(request, "out");
            expect_format(ids_buffer.emplace(ids, false), 'q', "ids");
            request.ids = ids_buffer->pick_operand(request, "ids");
        }
    }

    const Temperatures temperatures(request, temperature);
    std::optional<Buffer> mask_buffer, g_buffer;
    if (!mask.is_none()) {
        // Its kernels have no way past masked slots: a probability of 0 is one.
        if (!takes_mask(request.op)) throw std::invalid_argument("this operation takes no mask");
        expect_format(mask_buffer.emplace(mask, false), '?', "mask");
        request.mask = mask_buffer->operand(request, "mask");
    }
    if (!g.is_none()) {
        g_buffer.emplace(g, false);
        if (!converted) expect_format(*g_buffer, format, "g");
        request.g = g_buffer->operand(request, "g");
    } else if (needs_g(request.op)) {
        throw std::invalid_argument("this operation needs g");
    }
    if (converted) {
        set_stored(request, x_buffer, &out_buffer, g_buffer ? &*g_buffer : nullptr, x_stored, out_stored, g_stored);
    }

    run_without_gil(request);
}

} // namespace

NB_MODULE(_core, m) {
    m.doc() = "The compiled core of logitkit: kernels, dispatch and threads. Not a public interface.";
    m.attr("SOFTMAX") = static_cast<int>(Op::softmax);
    m.attr("LOG_SOFTMAX") = static_cast<int>(Op::log_softmax);
    m.attr("LOGSUMEXP") = static_cast<int>(Op::logsumexp);
    m.attr("ENTROPY") = static_cast<int>(Op::entropy);
    m.attr("SOFTMAX_VJP") = static_cast<int>(Op::softmax_vjp);
    m.attr("LOG_SOFTMAX_VJP") = static_cast<int>(Op::log_softmax_vjp);
    m.attr("LOGSUMEXP_VJP") = static_cast<int>(Op::logsumexp_vjp);
    m.attr("ENTROPY_VJP") = static_cast<int>(Op::entropy_vjp);
    m.attr("KL_DIVERGENCE") = static_cast<int>(Op::kl_divergence);
    m.attr("GATHER_LOGPROBS") = static_cast<int>(Op::gather_logprobs);
    m.attr("TOP_K") = static_cast<int>(Op::top_k);
    m.attr("CROSS_ENTROPY") = static_cast<int>(Op::cross_entropy);
    m.attr("FILTER_LOGITS") = static_cast<int>(Op::filter_logits);
    m.attr("SAMPLE") = static_cast<int>(Op::sample);

    m.def("apply", &apply, "op"_a, "x"_a, "out"_a, "axes"_a, "temperature"_a, "mask"_a = nb::none(), "g"_a = nb::none(),
          "empty"_a = 0, "exact"_a = false, "regime"_a = 0, "ids"_a = nb::none(), "compute"_a = "", "x_stored"_a = "",
          "g_stored"_a = "", "out_stored"_a = "",
          "Run one operation along the dimensions whose bits are set in `axes`, into `out`.");
    m.def("cross_entropy", &cross_entropy, "x"_a, "out"_a.none(), "losses"_a, "axes"_a, "ids"_a.none(), "g"_a.none(),
          "mask"_a.none(), "weight"_a.none(), "smoothing"_a, "z_loss"_a, "scale"_a, "compute"_a = "", "x_stored"_a = "",
          "g_stored"_a = "", "out_stored"_a = "",
          "The loss of each row into `losses`, and where `out` is given `scale` times its gradient into that.");
    m.def("sample", &sample, "op"_a, "x"_a, "out"_a, "axes"_a, "temperature"_a, "mask"_a.none(), "filters"_a, "k"_a,
          "p"_a, "min_p"_a, "seed"_a, "compute"_a = "", "x_stored"_a = "", "out_stored"_a = "",
          "What the filters leave of each row into `out`; or draws from it, where the number of the row stands.");
    m.def("total", &total_of, "values"_a, "The sum of doubles, to the last bits.");
    m.def("set_arrays", &set_arrays, "type"_a, "make"_a,
          "Tell the plain calls the type of arrays, and what makes an uninitialised one like another.");
    m.def(
        "map_plain", &map_plain, "op"_a, "x"_a.none(), "out"_a.none(),
        "softmax or log_softmax along the last axis, all options but `out` at their defaults; None, and nothing done, "
        "where x or `out` must be looked at more closely.");
    m.def("vjp_plain", &vjp_plain, "op"_a, "p"_a.none(), "g"_a.none(), "out"_a = nb::none(),
          "softmax_vjp or log_softmax_vjp along the last axis at temperature 1; None, and nothing done, where p, g or "
          "out must be looked at more closely.");
    m.def(
        "loss_plain", &loss_plain, "x"_a.none(), "targets"_a.none(), "out"_a.none(), "gradient"_a, "reduction"_a,
        "cross_entropy along the last axis, all options but `out` and reduction (0 none, 1 mean, 2 sum) at their "
        "defaults, and the gradient where it is asked for; None, and nothing done, where the arguments must be looked "
        "at more closely.");
    m.def(
        "xla_handler", [] { return nb::object(nb::capsule(reinterpret_cast<void*>(&xla::handle))); },
        "What XLA calls in compiled programs of JAX, as jax.ffi.register_ffi_target takes it.");
    m.def("available_isas", &available_isas, "The instruction sets that this machine can run, best first.");
    m.def("isa", [] { return std::string(current_kernels().name); }, "The instruction set in use.");
    m.def("select_isa", &select_isa, "name"_a, "Use one of the available instruction sets from now on.");
    m.def("cache_bytes", &cache_bytes, "level"_a, "Bytes of the data cache of a level, 0 where unknown.");
    m.def("available_cpus", &available_cpus, "CPUs that the affinity mask and the cgroup leave to this process.");
    m.def("quota_cpus", &quota_cpus, "mount"_a = "/sys/fs/cgroup", "membership"_a = "/proc/self/cgroup",
          "CPUs that the control groups leave to this process, 0 without a limit.");
    m.def("thread_count", &thread_count, "Threads that a call from this thread may use.");
    m.def("set_thread_count", &set_thread_count, "count"_a, "Set the number of threads for the process.");
    m.def("thread_limit", &thread_limit, "The limit of the calling thread, 0 if it has none.");
    m.def("set_thread_limit", &set_thread_limit, "limit"_a, "Limit the calling thread alone; 0 lifts the limit.");

    try {
        // All that is made once is made here: a fork in the middle of a first call would leave it half made for ever.
        start_pool();
        last_cache_bytes();
        select_isa_from_environment();
        set_thread_count(default_thread_count());
    } catch (const std::invalid_argument& error) {
        throw nb::import_error(error.what());
    }
}
