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
          mask_(room(most_elements)), temperature_(room(4096)), ids_(8 * most_elements + 512), losses_(room(4096)) {}

    void run(const Trial& trial, Random& random) {
        using namespace logitkit;
        const std::int64_t length = trial.shape.sizes[2] * trial.shape.sizes[3],
                           rows = trial.shape.sizes[0] * trial.shape.sizes[1];
        const Shape per_row = {{trial.shape.sizes[0], trial.shape.sizes[1], 1, 1}};
        Request request;
        request.op = trial.op;
        request.dtype = dtype_of<T>;
        request.empty = static_cast<Empty>(random.bits() % 3);
        const bool loss = trial.op == Op::cross_entropy;
        request.exact = sizeof(T) < 8 && random.bits() % 4 == 0 && !loss;
        request.regime =
            sizeof(T) < 8 && !request.exact ? static_cast<Regime>(random.bits() % 6 % regime_count) : Regime::automatic;
        if (gives_picks(trial.op) && length > 0)
            request.picks = 1 + static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(length));
        if (trial.op == Op::sample) request.picks = std::min<std::int64_t>(request.picks, 5);
        request.sampling = drawn_sampling(length, random);
        Shape per_pick = per_row;
        per_pick.sizes[3] = loss ? 1 : request.picks;
        const LossCase asked(trial.alias, loss ? length : 0, random);
        request.loss = asked.loss;

        const auto arrangement = [&](bool output, std::size_t item) {
            Arrangement result = arrange(trial.kind, random, item, output);
            if (trial.alignment >= 0) result.alignment = static_cast<std::size_t>(trial.alignment);
            return result;
        };
        OperandMemory<T> x(x_, trial.shape, arrangement(trial.alias == out_is_x, sizeof(T)));
        OperandMemory<T> g(g_, takes_one_g(trial.op) ? per_row : trial.shape,
                           arrangement(trial.alias == out_is_g, sizeof(T)));
        OperandMemory<unsigned char> mask(mask_, trial.shape, arrangement(false, 1));
        // The kernels read temperatures, classes and losses where they are, so these are aligned.
        const auto aligned = [&](bool output) {
            Arrangement result = arrangement(output, sizeof(double));
            if (result.alignment != GuardedMemory::touching) result.alignment &= ~std::size_t{7};
            return result;
        };
        Arrangement of_temperatures = aligned(false);
        if (trial.kind == side_by_side) of_temperatures.broadcast[1] = true; // what a tile asks for
        OperandMemory<double> temperature(temperature_, per_row, of_temperatures);
        // So are picked values and their positions, which lie side by side.
        const bool picks = gives_picks(trial.op), in_rows = gives_rows(trial.op);
        const Arrangement of_ids = loss ? aligned(true) : arrange(contiguous, random, sizeof(std::int64_t), true);
        OperandMemory<std::int64_t> ids(ids_, per_pick, of_ids);
        OperandMemory<double> losses(losses_, per_row, loss ? aligned(true) : Arrangement{});
        OperandMemory<T> separate(out_,
                                  picks     ? per_pick
                                  : in_rows ? trial.shape
                                            : per_row,
                                  picks ? arrange(contiguous, random, sizeof(T), true) : arrangement(true, sizeof(T)));
        const OperandMemory<T>& out = trial.alias == out_is_x ? x : trial.alias == out_is_g ? g : separate;

        fill(trial, x, g, mask, temperature, rows, length, random);
        for (std::int64_t i = 0; i < per_pick.count(); ++i) {
            ids.set(i, loss ? LossCase::target(length, random)
                            : static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(length)));
        }
        const std::vector<std::uint64_t> want =
            alone(request, trial, asked, x, g, mask, temperature, ids, rows, length);

        request.dims = test_dims;
        for (int dim = 0; dim < test_dims; ++dim) {
            request.shape[dim] = trial.shape.sizes[dim];
            request.reduced[dim] = dim >= 2;
        }
        request.x = x.operand();
        if (takes_g(trial.op) && (!loss || asked.soft))
            request.g = takes_one_g(trial.op) ? per_row_operand(g.operand()) : g.operand();
        if (trial.masked) request.mask = mask.operand();
        if (picks || (loss && !asked.soft)) request.ids = per_row_operand(ids.operand());
        if (loss) request.losses = per_row_operand(losses.operand());
        request.temperature = per_row_operand(temperature.operand());
        const bool gives_out = !finds(trial.op) && (!loss || asked.gradient);
        if (gives_out) request.out = in_rows ? out.operand() : per_row_operand(out.operand());

        const auto before_x = x.bytes(), before_g = g.bytes(), before_mask = mask.bytes(), before_out = out.bytes();
        const auto before_temperature = temperature.bytes(), before_ids = ids.bytes();
        const auto before_losses = losses.bytes();
        const std::vector<bool> ours = out.of_elements();
        for (const std::string& set : sets_) {
            doing = describe(trial, set, length, rows);
            select_isa(set);
            x.restore(before_x);
            g.restore(before_g);
            ids.restore(before_ids);
            losses.restore(before_losses);
            separate.restore(trial.alias == apart ? before_out : separate.bytes());
            set_thread_count(trial.threads);
            note_job(); // threads are worth waking
            logitkit::run(request);
            if (gives_out || finds(trial.op)) check(want, trial.op, out, ids);
            if (loss && length > 0) check_losses(want, losses, rows);
            bool written = (trial.alias != out_is_x && x.bytes() != before_x) ||
                           (trial.alias != out_is_g && g.bytes() != before_g) || mask.bytes() != before_mask ||
                           temperature.bytes() != before_temperature || (!finds(trial.op) && ids.bytes() != before_ids);
            const auto after = out.bytes();
            for (std::size_t i = 0; i < after.size(); ++i) {
                written |= (!ours[i] || !gives_out) && after[i] != before_out[i];
            }
            const auto after_losses = losses.bytes();
            const std::vector<bool> our_losses = losses.of_elements();
            for (std::size_t i = 0; i < after_losses.size(); ++i) {
                written |= (!our_losses[i] || !loss) && after_losses[i] != before_losses[i];
            }
            if (written) complain("what is not the result's was written");
        }
        set_thread_count(1);
        bool whole = true;
        for (const bool one : {x.release(), g.release(), mask.release(), temperature.release(), ids.release(),
                               losses.release(), separate.release()})
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
        const bool loss = trial.op == logitkit::Op::cross_entropy;
        for (std::int64_t i = 0; i < rows * length; ++i) {
            const T score = element<T>(trial.pattern, random, i % length, length);
            const double u = random.uniform();
            const double share = u < 0.2 ? 0 : u / static_cast<double>(length);
            x.set(i, probabilities ? logitkit::narrow_to<T>(share) : score);
            if (!one_g) g.set(i, loss ? logitkit::narrow_to<T>(share) : score);
            mask.set(i, static_cast<unsigned char>(i / length % 4 == 3 ? 0 : u < 0.7));
        }
        for (std::int64_t row = 0; row < rows; ++row) {
            const double one_of = temperatures[random.bits() % 8];
            temperature.set(row, loss ? 1 : one_of);
            if (one_g) g.set(row, element<T>(trial.pattern, random, row, rows));
        }
    }

    // Each row in contiguous memory, by itself, on one thread, with the generic kernels; the losses of all behind them.
    std::vector<std::uint64_t> alone(const logitkit::Request& like, const Trial& trial, const LossCase& asked,
                                     const OperandMemory<T>& x, const OperandMemory<T>& g,
                                     const OperandMemory<unsigned char>& mask, const OperandMemory<double>& temperature,
                                     const OperandMemory<std::int64_t>& ids, std::int64_t rows, std::int64_t length) {
        using namespace logitkit;
        std::vector<std::uint64_t> results, losses;
        const bool loss = like.op == Op::cross_entropy;
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
            if (loss) one_ids[0] = ids.get(row);
            double one_loss = 0;
            double divide = temperature.get(row);
            Request one = like;
            one.dims = 1;
            one.shape[0] = length;
            one.reduced[0] = true;
            one.x = flat(one_x.data(), sizeof(T));
            if (takes_g(one.op) && (!loss || asked.soft))
                one.g = flat(one_g.data(), takes_one_g(one.op) ? 0 : sizeof(T));
            if (trial.masked) one.mask = flat(one_mask.data(), 1);
            if (gives_picks(one.op) || (loss && !asked.soft)) one.ids = flat(one_ids.data(), 0);
            if (loss) one.losses = flat(&one_loss, 0);
            one.temperature = flat(&divide, 0);
            if (!finds(one.op) && (!loss || asked.gradient))
                one.out = flat(one_out.data(), gives_rows(one.op) ? sizeof(T) : 0);
            logitkit::run(one);
            losses.push_back(canonical(one_loss));
            const std::int64_t values = gives_rows(one.op) ? length : gives_picks(one.op) ? one.picks : 1;
            for (std::int64_t i = 0; i < values; ++i) {
                const auto at = static_cast<std::size_t>(i);
                results.push_back(finds(one.op) ? static_cast<std::uint64_t>(one_ids[at]) : canonical(one_out[at]));
            }
        }
        if (loss) results.insert(results.end(), losses.begin(), losses.end());
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
        const std::size_t values = op == logitkit::Op::cross_entropy ? out.count() : want.size();
        for (std::size_t i = 0; i < values; ++i) {
            const auto at = static_cast<std::int64_t>(i);
            const std::uint64_t got = finds(op) ? static_cast<std::uint64_t>(ids.get(at)) : canonical(out.get(at));
            ++outputs;
            if (got == want[i]) continue;
            std::printf("element %zu has the bits %#llx instead of %#llx\n", i, static_cast<unsigned long long>(got),
                        static_cast<unsigned long long>(want[i]));
            return complain("a row differs from itself alone");
        }
    }

    static void check_losses(const std::vector<std::uint64_t>& want, const OperandMemory<double>& losses,
                             std::int64_t rows) {
        for (std::int64_t row = 0; row < rows; ++row) {
            ++outputs;
            if (canonical(losses.get(row)) == want[want.size() - static_cast<std::size_t>(rows - row)]) continue;
            return complain("the loss of a row differs from that of itself alone");
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
    GuardedMemory x_, g_, out_, mask_, temperature_, ids_, losses_;
};
