#include "xla/losses.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/elements.hpp"
#include "core/total.hpp"
#include "xla/buffers.hpp"

namespace logitkit::xla {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

double load(int element_type, const void* at, std::int64_t index) {
    switch (element_type) {
    case f16: return widen(static_cast<const Float16*>(at)[index]);
    case bf16: return widen(static_cast<const BFloat16*>(at)[index]);
    case f32: return static_cast<const float*>(at)[index];
    default: return static_cast<const double*>(at)[index];
    }
}

void store(int element_type, void* at, std::int64_t index, double value) {
    switch (element_type) {
    case f16: static_cast<Float16*>(at)[index] = narrow_to<Float16>(value); return;
    case bf16: static_cast<BFloat16*>(at)[index] = narrow_to<BFloat16>(value); return;
    case f32: static_cast<float*>(at)[index] = static_cast<float>(value); return;
    case f64: static_cast<double*>(at)[index] = value; return;
    default: throw std::invalid_argument("the loss is not a float");
    }
}

// One problem of those that lie beside each other, and what it is done with.
class Problem {
public:
    explicit Problem(const CallFrame& call) : frame(call) {
        request.op = Op::cross_entropy;
        request.dtype = dtype_of(x.element_type);
        request.dims = static_cast<int>(integer(frame, "rank"));
        lead = static_cast<int>(x.rank) - request.dims;
        if (request.dims < 1 || lead < 0 || x.rank > most_dims || loss.rank < lead) {
            throw std::invalid_argument("the rank is out of range");
        }
        const std::int64_t axes = integer(frame, "axes");
        for (int dim = 0; dim < request.dims; ++dim) {
            request.shape[dim] = x.dims[lead + dim];
            request.reduced[dim] = (axes >> (request.dims - 1 - dim) & 1) != 0;
            if (request.reduced[dim]) classes = request.shape[axis = dim];
        }
        if (axis < 0 || (axes & (axes - 1)) != 0) throw std::invalid_argument("cross_entropy has one axis");
        for (int dim = axis + 1; dim < request.dims; ++dim) inner *= request.shape[dim];
        rows = request.size() / std::max<std::int64_t>(classes, 1);
        if (classes == 0) {
            rows = inner;
            for (int dim = 0; dim < axis; ++dim) rows *= request.shape[dim];
        }
        const std::int64_t operands = integer(frame, "operands");
        std::int64_t next = 1;
        if (operands & with_g) soft = &buffer(frame.arguments, next++);
        if (operands & with_mask) mask = &buffer(frame.arguments, next++);
        if (operands & with_ids) labels = &buffer(frame.arguments, next++);
        if (operands & with_weight) weight = &buffer(frame.arguments, next++);
        if ((soft == nullptr) == (labels == nullptr)) throw std::invalid_argument("either classes or probabilities");
        if (frame.results.size > 1) gradient = &buffer(frame.results, 1);
        request.loss.smoothing = real(frame, "smoothing");
        request.loss.z_loss = real(frame, "z_loss");
        gives_log_p = integer(frame, "given") != 0;
        if (gives_log_p && (labels == nullptr || gradient != nullptr)) {
            throw std::invalid_argument("log-probabilities go with classes, and without a gradient");
        }
        std::fill_n(request.temperature.strides, request.dims, 0);
        request.temperature.data = reinterpret_cast<char*>(&one);
    }
    Problem(const Problem&) = delete;
    Problem& operator=(const Problem&) = delete;

    void solve_all() {
        std::int64_t count = 1;
        for (int dim = 0; dim < lead; ++dim) count *= loss.dims[dim];
        for (number = 0; number < count; ++number) solve();
    }

private:
    void solve() {
        request.x = operand_of(x, request, at(x), size_of(x.element_type));
        if (soft != nullptr) request.g = operand_of(*soft, request, at(*soft), size_of(soft->element_type));
        if (mask != nullptr) request.mask = operand_of(*mask, request, at(*mask), 1);
        if (gradient != nullptr) {
            request.out = operand_of(*gradient, request, at(*gradient), size_of(gradient->element_type));
        }
        losses.assign(static_cast<std::size_t>(rows), 0.0);
        request.losses = per_row(losses.data());
        bad.clear();
        if (labels != nullptr) read_labels();
        if (weight != nullptr) {
            weights.resize(static_cast<std::size_t>(classes));
            for (std::int64_t c = 0; c < classes; ++c) {
                weights[static_cast<std::size_t>(c)] = load(weight->element_type, at(*weight), c);
            }
            request.loss.weight = weights.data();
        }
        const double by = divisor(), nothing = integer(frame, "zero") != 0 ? 0.0 : nan;
        request.loss.scale = by != 0 ? 1 / by : nan;
        if (gives_log_p) {
            pick();
        } else {
            run(request);
        }
        if (gradient != nullptr && by == 0 && nothing == 0) {
            std::memset(request.out.data, 0,
                        static_cast<std::size_t>(request.size() * size_of(gradient->element_type)));
        }
        for (const std::int64_t row : bad) spoil(row);
        void* const result = at(loss);
        if (integer(frame, "reduction") == 0) {
            for (std::int64_t row = 0; row < rows; ++row) {
                store(loss.element_type, result, row, losses[static_cast<std::size_t>(row)]);
            }
        } else {
            store(loss.element_type, result, 0, by != 0 ? total(losses.data(), rows) / by : nothing);
        }
    }

    // Where the problem's part of a buffer begins; what all problems share has size 1 in front.
    char* at(const BufferView& view) const {
        std::int64_t step = size_of(view.element_type), offset = 0, rest = number;
        for (std::int64_t dim = lead; dim < view.rank; ++dim) step *= view.dims[dim];
        for (int dim = lead - 1; dim >= 0; --dim) {
            const std::int64_t index = rest % loss.dims[dim];
            rest /= loss.dims[dim];
            if (view.dims[dim] == 1) continue;
            offset += index * step;
            step *= view.dims[dim];
        }
        return static_cast<char*>(view.data) + offset;
    }

    // Numbers of 8 bytes in the order of the rows.
    Operand per_row(void* data) const {
        Operand operand;
        operand.data = static_cast<char*>(data);
        std::int64_t step = 8;
        for (int dim = request.dims - 1; dim >= 0; --dim) {
            operand.strides[dim] = request.reduced[dim] ? 0 : step;
            step *= request.reduced[dim] ? 1 : request.shape[dim];
        }
        return operand;
    }

    // -1 for a row that is left out; a row whose class there is not is put down as bad, and left out for the kernel.
    void read_labels() {
        const bool some_ignored = integer(frame, "ignored") != 0;
        const std::int64_t ignore_index = integer(frame, "ignore_index");
        const void* const given = at(*labels);
        ids.resize(static_cast<std::size_t>(rows));
        counted = 0;
        for (std::int64_t row = 0; row < rows; ++row) {
            std::int64_t label = labels->element_type == s32 ? static_cast<const std::int32_t*>(given)[row]
                                                             : static_cast<const std::int64_t*>(given)[row];
            const bool left_out = some_ignored && label == ignore_index;
            if (!left_out && (label < 0 || label >= classes)) bad.push_back(row);
            if (left_out || label < 0 || label >= classes) label = -1;
            counted += !left_out;
            ids[static_cast<std::size_t>(row)] = label;
        }
        request.ids = per_row(ids.data());
    }

    // What the sum of the losses is divided by; 0 is nothing to average.
    double divisor() const {
        if (integer(frame, "reduction") != 1) return 1;
        const std::int64_t normalizer = integer(frame, "normalizer");
        if (normalizer == 2) return real(frame, "by");
        if (rows == 0 || classes == 0) return 0;
        if (labels != nullptr) {
            if (normalizer == 1 || weight == nullptr) return static_cast<double>(counted);
            std::vector<double> of_rows;
            for (const std::int64_t id : ids) {
                if (id >= 0) of_rows.push_back(weights[static_cast<std::size_t>(id)]);
            }
            return total(of_rows.data(), static_cast<std::int64_t>(of_rows.size()));
        }
        if (normalizer == 1) return static_cast<double>(rows);
        return weight_of_probabilities();
    }

    double weight_of_probabilities() const {
        std::vector<double> of_rows(static_cast<std::size_t>(rows), 0.0);
        const char* const targets = at(*soft);
        for (std::int64_t i = 0; i < request.size(); ++i) {
            if (mask != nullptr && !is_kept(i)) continue;
            const std::int64_t c = i / inner % classes, row = i / (classes * inner) * inner + i % inner;
            const double w = weight == nullptr ? 1.0 : weights[static_cast<std::size_t>(c)];
            of_rows[static_cast<std::size_t>(row)] += w * load(soft->element_type, targets, i);
        }
        return total(of_rows.data(), rows);
    }

    // Of x that are log-probabilities: the one of each target.
    void pick() {
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t c = ids[static_cast<std::size_t>(row)];
            const std::int64_t first = row / inner * inner * classes + row % inner;
            bool left_out = c < 0, possible = true;
            if (mask != nullptr && !left_out) {
                bool some = false;
                for (std::int64_t i = 0; i < classes; ++i) some |= is_kept(first + i * inner);
                left_out = !some;
                possible = is_kept(first + c * inner);
            }
            if (left_out) continue;
            const double log_p = possible ? load(x.element_type, request.x.data, first + c * inner) : -infinity;
            const double w = weight == nullptr ? 1.0 : weights[static_cast<std::size_t>(c)];
            // A weight of 0 counts for nothing, but a NaN is one.
            if (w != 0 || std::isnan(log_p)) losses[static_cast<std::size_t>(row)] = w * (0.0 - log_p);
        }
    }

    bool is_kept(std::int64_t element) const {
        std::int64_t offset = 0;
        for (int dim = request.dims - 1; dim >= 0; --dim) {
            offset += element % request.shape[dim] * request.mask.strides[dim];
            element /= request.shape[dim];
        }
        return request.mask.data[offset] != 0;
    }

    void spoil(std::int64_t row) {
        losses[static_cast<std::size_t>(row)] = nan;
        if (gradient == nullptr) return;
        const std::int64_t first = row / inner * inner * classes + row % inner;
        for (std::int64_t c = 0; c < classes; ++c) {
            store(gradient->element_type, request.out.data, first + c * inner, nan);
        }
    }

    const CallFrame& frame;
    const BufferView &x = buffer(frame.arguments, 0), &loss = buffer(frame.results, 0);
    const BufferView *soft = nullptr, *mask = nullptr, *labels = nullptr, *weight = nullptr, *gradient = nullptr;
    Request request;
    bool gives_log_p = false;
    int lead = 0, axis = -1;
    std::int64_t classes = 0, inner = 1, rows = 0, counted = 0, number = 0;
    std::vector<double> losses, weights;
    std::vector<std::int64_t> ids, bad;
    double one = 1;
};

} // namespace

void cross_entropy(const CallFrame& frame) { Problem(frame).solve_all(); }

} // namespace logitkit::xla
