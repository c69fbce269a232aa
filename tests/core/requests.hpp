// A whole request beside its rows computed alone: the law that no layout, mask place, temperature place, alias, thread
// count or instruction set changes a bit, and that nothing but the result is written.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "operand.hpp"
#include "pool.hpp"

enum Alias { apart, out_is_x, out_is_g };

struct Trial {
    logitkit::Op op;
    Shape shape; // two outer dimensions, two of the row
    Kind kind;
    Pattern pattern = bell_1;
    Alias alias = apart;
    bool masked = false;
    int threads = 1;
    int alignment = -1; // of every operand, modulo 64; -1: any
};

inline const char* const op_names[] = {"softmax", "log_softmax", "logsumexp", "entropy", "softmax_vjp"};

// What is being done, for whoever reports a crash.
inline std::string doing;
inline int broken = 0;
inline long long outputs = 0;

template <class T>
class RequestTest {
public:
    RequestTest(std::size_t most_elements, std::vector<std::string> sets)
        : sets_(std::move(sets)), x_(room(most_elements)), g_(room(most_elements)), out_(room(most_elements)),
          mask_(room(most_elements)), temperature_(room(4096)) {}

    void run(const Trial& trial, Random& random) {
        using namespace logitkit;
        const bool gradient = trial.op == Op::softmax_vjp, single = sizeof(T) == 4;
        const std::int64_t length = trial.shape.sizes[2] * trial.shape.sizes[3],
                           rows = trial.shape.sizes[0] * trial.shape.sizes[1];
        const Shape per_row = {{trial.shape.sizes[0], trial.shape.sizes[1], 1, 1}};
        const auto arrangement = [&](bool output, std::size_t item) {
            Arrangement result = arrange(trial.kind, random, item, output);
            if (trial.alignment >= 0) result.alignment = static_cast<std::size_t>(trial.alignment);
            return result;
        };
        OperandMemory<T> x(x_, trial.shape, arrangement(trial.alias == out_is_x, sizeof(T)));
        OperandMemory<T> g(g_, trial.shape, arrangement(trial.alias == out_is_g, sizeof(T)));
        OperandMemory<unsigned char> mask(mask_, trial.shape, arrangement(false, 1));
        // The kernels read temperatures where they are, so these are aligned.
        Arrangement aligned = arrangement(false, sizeof(double));
        if (aligned.alignment != GuardedMemory::touching) aligned.alignment &= ~std::size_t{7};
        OperandMemory<double> temperature(temperature_, per_row, aligned);

        Request request;
        request.op = trial.op;
        request.dtype = single ? DType::float32 : DType::float64;
        request.empty = static_cast<Empty>(random.bits() % 3);
        request.exact = single && random.bits() % 4 == 0;
        request.regime = random.bits() % 4 == 0 && single && !request.exact ? Regime::again : Regime::automatic;
        const bool reduces = request.is_reduction();
        OperandMemory<T> separate(out_, reduces ? per_row : trial.shape, arrangement(true, sizeof(T)));
        const OperandMemory<T>& out = trial.alias == out_is_x ? x : trial.alias == out_is_g ? g : separate;

        fill(trial, x, g, mask, temperature, rows, length, random);
        const std::vector<T> want = alone(request, trial, x, g, mask, temperature, rows, length);

        request.dims = test_dims;
        for (int dim = 0; dim < test_dims; ++dim) {
            request.shape[dim] = trial.shape.sizes[dim];
            request.reduced[dim] = dim >= 2;
        }
        request.x = x.operand();
        if (gradient) request.g = g.operand();
        if (trial.masked) request.mask = mask.operand();
        request.temperature = per_row_operand(temperature.operand());
        request.out = reduces ? per_row_operand(out.operand()) : out.operand();

        const auto before_x = x.bytes(), before_g = g.bytes(), before_mask = mask.bytes(), before_out = out.bytes();
        const auto before_temperature = temperature.bytes();
        const std::vector<bool> ours = out.of_elements();
        for (const std::string& set : sets_) {
            doing = describe(trial, set, length, rows);
            select_isa(set);
            x.restore(before_x);
            g.restore(before_g);
            separate.restore(trial.alias == apart ? before_out : separate.bytes());
            set_thread_count(trial.threads);
            logitkit::run(request);
            check(want, out);
            bool written = (trial.alias != out_is_x && x.bytes() != before_x) ||
                           (trial.alias != out_is_g && g.bytes() != before_g) || mask.bytes() != before_mask ||
                           temperature.bytes() != before_temperature;
            const auto after = out.bytes();
            for (std::size_t i = 0; i < after.size(); ++i) written |= !ours[i] && after[i] != before_out[i];
            if (written) complain("what is not the result's was written");
        }
        set_thread_count(1);
        bool whole = true;
        for (const bool one : {x.release(), g.release(), mask.release(), temperature.release(), separate.release()})
            whole &= one;
        if (!whole) complain("the neighbourhood of an operand was written");
    }

private:
    static std::size_t room(std::size_t elements) { return 3 * elements * sizeof(T) + 512; }

    static logitkit::Operand per_row_operand(logitkit::Operand operand) {
        operand.strides[2] = operand.strides[3] = 0;
        return operand;
    }

    template <class X, class M, class D>
    static void fill(const Trial& trial, X& x, X& g, M& mask, D& temperature, std::int64_t rows, std::int64_t length,
                     Random& random) {
        constexpr double temperatures[] = {1, 1, 0.7, 3, 0, 1e-30, 1e300, std::numeric_limits<double>::infinity()};
        const bool gradient = trial.op == logitkit::Op::softmax_vjp;
        for (std::int64_t i = 0; i < rows * length; ++i) {
            const T score = element<T>(trial.pattern, random, i % length, length);
            const double u = random.uniform();
            x.set(i, gradient ? static_cast<T>(u < 0.2 ? 0 : u / static_cast<double>(length)) : score);
            g.set(i, score);
            mask.set(i, static_cast<unsigned char>(i / length % 4 == 3 ? 0 : u < 0.7));
        }
        for (std::int64_t row = 0; row < rows; ++row) temperature.set(row, temperatures[random.bits() % 8]);
    }

    // Each row in contiguous memory, by itself, on one thread, with the generic kernels.
    template <class X, class M, class D>
    std::vector<T> alone(const logitkit::Request& like, const Trial& trial, const X& x, const X& g, const M& mask,
                         const D& temperature, std::int64_t rows, std::int64_t length) {
        using namespace logitkit;
        std::vector<T> result;
        select_isa("generic");
        doing = "a row alone, for " + describe(trial, "generic", length, rows);
        const auto elements = static_cast<std::size_t>(length);
        std::vector<T> one_x(elements), one_g(elements), one_out(elements + 1);
        std::vector<unsigned char> one_mask(elements + 1);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t i = 0; i < length; ++i) {
                const auto at = static_cast<std::size_t>(i);
                one_x[at] = x.get(row * length + i);
                one_g[at] = g.get(row * length + i);
                one_mask[at] = mask.get(row * length + i);
            }
            double divide = temperature.get(row);
            Request one = like;
            one.dims = 1;
            one.shape[0] = length;
            one.reduced[0] = true;
            one.x = flat(one_x.data(), sizeof(T));
            if (one.op == Op::softmax_vjp) one.g = flat(one_g.data(), sizeof(T));
            if (trial.masked) one.mask = flat(one_mask.data(), 1);
            one.temperature = flat(&divide, 0);
            one.out = flat(one_out.data(), one.is_reduction() ? 0 : sizeof(T));
            logitkit::run(one);
            result.insert(result.end(), one_out.begin(), one_out.begin() + (one.is_reduction() ? 1 : length));
        }
        return result;
    }

    static logitkit::Operand flat(void* data, std::size_t stride) {
        logitkit::Operand result;
        // Rows of no elements have an address too.
        result.data = data == nullptr ? reinterpret_cast<char*>(alignof(T)) : static_cast<char*>(data);
        result.strides[0] = static_cast<std::int64_t>(stride);
        return result;
    }

    static void check(const std::vector<T>& want, const OperandMemory<T>& out) {
        for (std::size_t i = 0; i < want.size(); ++i) {
            const T got = out.get(static_cast<std::int64_t>(i));
            ++outputs;
            if (std::memcmp(&got, &want[i], sizeof got) == 0 || (got != got && want[i] != want[i])) continue;
            std::printf("element %zu is %a instead of %a\n", i, static_cast<double>(got), static_cast<double>(want[i]));
            return complain("a row differs from itself alone");
        }
    }

    static void complain(const char* what) {
        std::printf("BROKEN %s: %s\n", doing.c_str(), what);
        ++broken;
    }

    static std::string describe(const Trial& trial, const std::string& set, std::int64_t length, std::int64_t rows) {
        constexpr const char* aliases[] = {"", " in x", " in g"};
        return set + " " + op_names[static_cast<int>(trial.op)] + (sizeof(T) == 4 ? " float32" : " float64") +
               aliases[trial.alias] + (trial.masked ? " masked" : "") + ", " + kind_names[trial.kind] + ", " +
               std::to_string(rows) + " rows of " + std::to_string(length) + ", " + pattern_names[trial.pattern];
    }

    std::vector<std::string> sets_;
    GuardedMemory x_, g_, out_, mask_, temperature_;
};
