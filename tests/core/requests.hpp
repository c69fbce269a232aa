// A whole request beside its rows computed alone: the law that no layout, mask place, temperature place, alias, thread
// count or instruction set changes a bit, and that nothing but the result is written.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "operand.hpp"
#include "operations.hpp"
#include "pool.hpp"

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

// What is being done, for whoever reports a crash.
inline std::string doing;
inline int broken = 0;
inline long long outputs = 0;

template <class T>
class RequestTest {
public:
    RequestTest(std::size_t most_elements, std::vector<std::string> sets)
        : sets_(std::move(sets)), x_(room(most_elements)), g_(room(most_elements)), out_(room(most_elements)),
          mask_(room(most_elements)), temperature_(room(4096)), ids_(8 * most_elements + 512) {}

    void run(const Trial& trial, Random& random) {
        using namespace logitkit;
        const std::int64_t length = trial.shape.sizes[2] * trial.shape.sizes[3],
                           rows = trial.shape.sizes[0] * trial.shape.sizes[1];
        const Shape per_row = {{trial.shape.sizes[0], trial.shape.sizes[1], 1, 1}};
        Request request;
        request.op = trial.op;
        request.dtype = dtype_of<T>;
        request.empty = static_cast<Empty>(random.bits() % 3);
        request.exact = sizeof(T) < 8 && random.bits() % 4 == 0;
        request.regime =
            sizeof(T) < 8 && !request.exact ? static_cast<Regime>(random.bits() % 6 % regime_count) : Regime::automatic;
        if (gives_picks(trial.op) && length > 0)
            request.picks = 1 + static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(length));
        Shape per_pick = per_row;
        per_pick.sizes[3] = request.picks;

        const auto arrangement = [&](bool output, std::size_t item) {
            Arrangement result = arrange(trial.kind, random, item, output);
            if (trial.alignment >= 0) result.alignment = static_cast<std::size_t>(trial.alignment);
            return result;
        };
        OperandMemory<T> x(x_, trial.shape, arrangement(trial.alias == out_is_x, sizeof(T)));
        OperandMemory<T> g(g_, takes_one_g(trial.op) ? per_row : trial.shape,
                           arrangement(trial.alias == out_is_g, sizeof(T)));
        OperandMemory<unsigned char> mask(mask_, trial.shape, arrangement(false, 1));
        // The kernels read temperatures where they are, so these are aligned.
        Arrangement aligned = arrangement(false, sizeof(double));
        if (aligned.alignment != GuardedMemory::touching) aligned.alignment &= ~std::size_t{7};
        if (trial.kind == side_by_side) aligned.broadcast[1] = true; // what a tile asks for
        OperandMemory<double> temperature(temperature_, per_row, aligned);
        // So are picked values and their positions, which lie side by side.
        const bool picks = gives_picks(trial.op), in_rows = gives_rows(trial.op);
        OperandMemory<std::int64_t> ids(ids_, per_pick, arrange(contiguous, random, sizeof(std::int64_t), true));
        OperandMemory<T> separate(out_,
                                  picks     ? per_pick
                                  : in_rows ? trial.shape
                                            : per_row,
                                  picks ? arrange(contiguous, random, sizeof(T), true) : arrangement(true, sizeof(T)));
        const OperandMemory<T>& out = trial.alias == out_is_x ? x : trial.alias == out_is_g ? g : separate;

        fill(trial, x, g, mask, temperature, rows, length, random);
        for (std::int64_t i = 0; i < per_pick.count(); ++i)
            ids.set(i, static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(length)));
        const std::vector<std::uint64_t> want = alone(request, trial, x, g, mask, temperature, ids, rows, length);

        request.dims = test_dims;
        for (int dim = 0; dim < test_dims; ++dim) {
            request.shape[dim] = trial.shape.sizes[dim];
            request.reduced[dim] = dim >= 2;
        }
        request.x = x.operand();
        if (takes_g(trial.op)) request.g = takes_one_g(trial.op) ? per_row_operand(g.operand()) : g.operand();
        if (trial.masked) request.mask = mask.operand();
        if (picks) request.ids = per_row_operand(ids.operand());
        request.temperature = per_row_operand(temperature.operand());
        if (trial.op != Op::top_k) request.out = in_rows ? out.operand() : per_row_operand(out.operand());

        const auto before_x = x.bytes(), before_g = g.bytes(), before_mask = mask.bytes(), before_out = out.bytes();
        const auto before_temperature = temperature.bytes(), before_ids = ids.bytes();
        const std::vector<bool> ours = out.of_elements();
        for (const std::string& set : sets_) {
            doing = describe(trial, set, length, rows);
            select_isa(set);
            x.restore(before_x);
            g.restore(before_g);
            ids.restore(before_ids);
            separate.restore(trial.alias == apart ? before_out : separate.bytes());
            set_thread_count(trial.threads);
            note_job(); // threads are worth waking
            logitkit::run(request);
            check(want, trial.op, out, ids);
            bool written = (trial.alias != out_is_x && x.bytes() != before_x) ||
                           (trial.alias != out_is_g && g.bytes() != before_g) || mask.bytes() != before_mask ||
                           temperature.bytes() != before_temperature ||
                           (trial.op != Op::top_k && ids.bytes() != before_ids);
            const auto after = out.bytes();
            for (std::size_t i = 0; i < after.size(); ++i) written |= !ours[i] && after[i] != before_out[i];
            if (written) complain("what is not the result's was written");
        }
        set_thread_count(1);
        bool whole = true;
        for (const bool one :
             {x.release(), g.release(), mask.release(), temperature.release(), ids.release(), separate.release()})
            whole &= one;
        if (!whole) complain("the neighbourhood of an operand was written");
    }

private:
    static std::size_t room(std::size_t elements) { return 3 * elements * sizeof(T) + 512; }

    static logitkit::Operand per_row_operand(logitkit::Operand operand) {
        operand.strides[2] = operand.strides[3] = 0;
        return operand;
    }

    static void fill(const Trial& trial, const OperandMemory<T>& x, const OperandMemory<T>& g,
                     const OperandMemory<unsigned char>& mask, const OperandMemory<double>& temperature,
                     std::int64_t rows, std::int64_t length, Random& random) {
        constexpr double temperatures[] = {1, 1, 0.7, 3, 0, 1e-30, 1e300, std::numeric_limits<double>::infinity()};
        const bool probabilities = trial.op == logitkit::Op::softmax_vjp, one_g = takes_one_g(trial.op);
        for (std::int64_t i = 0; i < rows * length; ++i) {
            const T score = element<T>(trial.pattern, random, i % length, length);
            const double u = random.uniform();
            const double share = u < 0.2 ? 0 : u / static_cast<double>(length);
            x.set(i, probabilities ? logitkit::narrow_to<T>(share) : score);
            if (!one_g) g.set(i, score);
            mask.set(i, static_cast<unsigned char>(i / length % 4 == 3 ? 0 : u < 0.7));
        }
        for (std::int64_t row = 0; row < rows; ++row) {
            temperature.set(row, temperatures[random.bits() % 8]);
            if (one_g) g.set(row, element<T>(trial.pattern, random, row, rows));
        }
    }

    // Each row in contiguous memory, by itself, on one thread, with the generic kernels.
    std::vector<std::uint64_t> alone(const logitkit::Request& like, const Trial& trial, const OperandMemory<T>& x,
                                     const OperandMemory<T>& g, const OperandMemory<unsigned char>& mask,
                                     const OperandMemory<double>& temperature, const OperandMemory<std::int64_t>& ids,
                                     std::int64_t rows, std::int64_t length) {
        using namespace logitkit;
        std::vector<std::uint64_t> results;
        select_isa("generic");
        doing = "a row alone, for " + describe(trial, "generic", length, rows);
        const auto elements = static_cast<std::size_t>(length);
        std::vector<T> one_x(elements), one_g(elements + 1), one_out(elements + 1);
        std::vector<unsigned char> one_mask(elements + 1);
        std::vector<std::int64_t> one_ids(elements + 1);
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t i = 0; i < length; ++i) {
                const auto at = static_cast<std::size_t>(i);
                one_x[at] = x.get(row * length + i);
                one_g[at] = takes_one_g(like.op) ? g.get(row) : g.get(row * length + i);
                one_mask[at] = mask.get(row * length + i);
            }
            for (std::int64_t i = 0; i < like.picks; ++i) {
                one_ids[static_cast<std::size_t>(i)] = ids.get(row * like.picks + i);
            }
            double divide = temperature.get(row);
            Request one = like;
            one.dims = 1;
            one.shape[0] = length;
            one.reduced[0] = true;
            one.x = flat(one_x.data(), sizeof(T));
            if (takes_g(one.op)) one.g = flat(one_g.data(), takes_one_g(one.op) ? 0 : sizeof(T));
            if (trial.masked) one.mask = flat(one_mask.data(), 1);
            if (gives_picks(one.op)) one.ids = flat(one_ids.data(), 0);
            one.temperature = flat(&divide, 0);
            if (one.op != Op::top_k) one.out = flat(one_out.data(), gives_rows(one.op) ? sizeof(T) : 0);
            logitkit::run(one);
            const std::int64_t values = gives_rows(one.op) ? length : gives_picks(one.op) ? one.picks : 1;
            for (std::int64_t i = 0; i < values; ++i) {
                const auto at = static_cast<std::size_t>(i);
                results.push_back(one.op == Op::top_k ? static_cast<std::uint64_t>(one_ids[at])
                                                      : canonical(one_out[at]));
            }
        }
        return results;
    }

    static logitkit::Operand flat(void* data, std::size_t stride) {
        logitkit::Operand result;
        // Rows of no elements have an address too.
        result.data = data == nullptr ? reinterpret_cast<char*>(alignof(T)) : static_cast<char*>(data);
        result.strides[0] = static_cast<std::int64_t>(stride);
        return result;
    }

    static void check(const std::vector<std::uint64_t>& want, logitkit::Op op, const OperandMemory<T>& out,
                      const OperandMemory<std::int64_t>& ids) {
        for (std::size_t i = 0; i < want.size(); ++i) {
            const auto at = static_cast<std::int64_t>(i);
            const std::uint64_t got =
                op == logitkit::Op::top_k ? static_cast<std::uint64_t>(ids.get(at)) : canonical(out.get(at));
            ++outputs;
            if (got == want[i]) continue;
            std::printf("element %zu has the bits %#llx instead of %#llx\n", i, static_cast<unsigned long long>(got),
                        static_cast<unsigned long long>(want[i]));
            return complain("a row differs from itself alone");
        }
    }

    static void complain(const char* what) {
        std::printf("BROKEN %s: %s\n", doing.c_str(), what);
        ++broken;
    }

    static std::string describe(const Trial& trial, const std::string& set, std::int64_t length, std::int64_t rows) {
        return set + " " + op_names[static_cast<int>(trial.op)] + " " + dtype_names[static_cast<int>(dtype_of<T>)] +
               alias_names[trial.alias] + (trial.masked ? " masked" : "") + ", " + kind_names[trial.kind] + ", " +
               std::to_string(rows) + " rows of " + std::to_string(length) + ", " + pattern_names[trial.pattern];
    }

    std::vector<std::string> sets_;
    GuardedMemory x_, g_, out_, mask_, temperature_, ids_;
};
