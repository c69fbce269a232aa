// Each operation of the tables, on rows that end or begin beside unmapped memory: every instruction set gives the bits
// of the first one, in every dtype, with a mask and without.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "guarded_memory.hpp"
#include "kernels.hpp"
#include "operations.hpp"
#include "rows.hpp"

// What is being done, for whoever reports a crash.
inline std::string doing;
inline int broken = 0;

struct Case {
    logitkit::Op op;
    bool masked;
    logitkit::Regime regime;
    bool exact;
    Alias alias;
};

inline const char* const regime_names[] = {"automatic", "again"};
inline constexpr double temperatures[] = {1,      0.7,   1e-30, 1e30,
                                          1e-310, 1e305, 0,     std::numeric_limits<double>::infinity()};

// What a dtype's kernels tell apart.
inline std::vector<Case> cases(const logitkit::Kernels& kernels, logitkit::DType dtype) {
    using namespace logitkit;
    std::vector<Case> result;
    for (int number = 0; number < op_count; ++number) {
        const Op op = static_cast<Op>(number);
        const bool loss = op == Op::cross_entropy;
        const bool in_floats = dtype != DType::float64 && (op <= Op::logsumexp || op == Op::gather_logprobs || loss);
        for (const bool masked : {false, true}) {
            if (kernels.table[number][static_cast<int>(dtype)][masked] == nullptr) continue;
            for (const Alias alias : {apart, out_is_x, out_is_g}) {
                if (!is_possible(alias, op)) continue;
                result.push_back({op, masked, Regime::automatic, false, alias});
                if (!in_floats) continue;
                result.push_back({op, masked, Regime::again, false, alias});
                if (!loss) result.push_back({op, masked, Regime::automatic, true, alias});
            }
        }
    }
    return result;
}

// One case in so many is run, drawn by its number; a sample takes fewer, and of the same ones.
inline std::uint64_t rarity(std::int64_t length, bool sample) {
    if (length <= 130) return sample ? 15 : 3;
    if (length <= 4097) return sample ? 30 : 3;
    return length < 100000 ? (sample ? 240 : 15) : (sample ? 480 : 30);
}

// Rows of one pattern that lie `step` elements apart, and what goes with them.
template <class T>
struct Rows {
    std::int64_t count, length, step;
    std::vector<T> scores, backwards, shares;
    std::vector<std::uint8_t> mask;

    Rows(std::int64_t row_length, Pattern pattern)
        : count(row_length <= 130 ? 2 : 1), length(row_length), step(length + 3) {
        Random random(static_cast<std::uint64_t>(length * 100 + pattern));
        const bool masked_as_a_whole = (length + pattern) % 5 == 3;
        for (std::int64_t i = 0; i < (count - 1) * step + length; ++i) {
            scores.push_back(element<T>(pattern, random, i % step, length));
            const double u = random.uniform();
            shares.push_back(logitkit::narrow_to<T>(u < 0.2 ? 0 : u / static_cast<double>(length)));
            // Any byte but 0 takes part. Of a long row a block does not; nor does the first row, now and then.
            const bool out = i / 4096 % 3 == 1 || (i < length && masked_as_a_whole) || random.uniform() < 0.3;
            mask.push_back(out ? 0 : static_cast<std::uint8_t>(1 + random.bits() % 255));
        }
        backwards.assign(scores.rbegin(), scores.rend());
    }
};

struct Tally {
    std::uint64_t all = 0xcbf29ce484222325, sample = all; // FNV-1a, by words
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> laws;
};

class KernelTest {
public:
    KernelTest(const std::vector<const logitkit::Kernels*>& sets, bool sample)
        : sets_(sets), tallies_(sets.size()), sample_only_(sample), x_(bytes), g_(bytes), out_(bytes), ids_(bytes),
          mask_(bytes), weight_(bytes) {}

    void run() {
        std::vector<std::int64_t> lengths;
        for (std::int64_t n = 1; n <= 70; ++n) lengths.push_back(n);
        for (const int n : {127, 128, 129, 130, 4095, 4096, 4097, 50257, 65537}) lengths.push_back(n);
        for (const std::int64_t length : lengths) {
            for (int pattern = 0; pattern < pattern_count; ++pattern) {
                run_rows<float>(length, static_cast<Pattern>(pattern));
                run_rows<double>(length, static_cast<Pattern>(pattern));
                run_rows<logitkit::Float16>(length, static_cast<Pattern>(pattern));
                run_rows<logitkit::BFloat16>(length, static_cast<Pattern>(pattern));
            }
        }
        for (std::size_t i = 0; i < sets_.size(); ++i) report(sets_[i]->name, tallies_[i]);
    }

private:
    static constexpr std::size_t bytes = 65537 * sizeof(double);

    template <class T>
    void run_rows(std::int64_t length, Pattern pattern) {
        const Rows<T> rows(length, pattern);
        for (const Case& c : cases(*sets_[0], dtype_of<T>)) {
            for (const double temperature : temperatures) {
                const std::uint64_t drawn = Random(++serial_).bits() >> 16;
                in_sample_ = drawn % rarity(length, true) == 0;
                if (drawn % rarity(length, sample_only_) != 0) continue;
                const std::string masked = c.masked ? " masked" : "";
                law_ = std::string(op_names[static_cast<int>(c.op)]) + " " +
                       dtype_names[static_cast<int>(dtype_of<T>)] + masked;
                where_ = law_ + alias_names[c.alias] + (c.exact ? " exact" : "") + ", regime " +
                         regime_names[static_cast<int>(c.regime)] + ", length " + std::to_string(length) + ", rows " +
                         pattern_names[pattern] + ", temperature " + std::to_string(temperature);
                run_case(c, rows, temperature);
            }
        }
    }

    template <class T>
    void run_case(const Case& c, const Rows<T>& rows, double temperature) {
        using namespace logitkit;
        const bool in_rows = gives_rows(c.op);
        const bool loss = c.op == Op::cross_entropy;
        Random random(serial_ + 1);
        const LossCase asked(c.alias, loss ? rows.length : 0, random);
        if (loss) temperature = 1;
        const std::int64_t most = c.op == Op::sample ? 5 : rows.length;
        const std::int64_t picks = gives_picks(c.op) ? static_cast<std::int64_t>(serial_) % most + 1 : 0;
        const Sampling sampling = drawn_sampling(rows.length, random);
        const std::int64_t id_count = loss ? rows.count : rows.count * picks;
        const auto room = static_cast<std::int64_t>(rows.scores.size());
        const std::int64_t out_room = in_rows ? room : rows.count * (picks > 0 ? picks : 1);
        const std::vector<T>& x_source = c.op == Op::softmax_vjp ? rows.shares : rows.scores;
        // The second row of scores of a divergence has its own maximum.
        const std::vector<T>& g_source = c.op == Op::kl_divergence ? rows.backwards : loss ? rows.shares : rows.scores;

        const std::uint64_t mixed = Random(serial_).bits();
        const bool at_end = mixed % 4 != 0;
        T* const x = x_.place<T>(room, at_end);
        T* const g = g_.place<T>(room, at_end);
        T* const out = c.alias == out_is_x ? x : c.alias == out_is_g ? g : out_.place<T>(out_room, at_end);
        std::uint8_t* const mask = mask_.place<std::uint8_t>(room, at_end);
        std::int64_t* const ids = ids_.place<std::int64_t>(id_count, at_end);
        double* const weight = weight_.place<double>(static_cast<std::int64_t>(asked.weight.size()), at_end);
        std::copy(asked.weight.begin(), asked.weight.end(), weight);
        Loss formula = asked.loss;
        if (formula.weight != nullptr) formula.weight = weight;
        std::vector<std::int64_t> classes;
        for (std::int64_t i = 0; i < rows.count; ++i) classes.push_back(LossCase::target(rows.length, random));
        const std::int64_t losses_step = 1 + static_cast<std::int64_t>(mixed >> 16) % 2;
        std::vector<double> losses(static_cast<std::size_t>(rows.count * losses_step));
        RowBatch batch;
        batch.x = x;
        batch.g = takes_g(c.op) && (!loss || asked.soft) ? g : nullptr;
        batch.mask = c.masked ? mask : nullptr;
        batch.out = loss && !asked.gradient ? nullptr : out;
        batch.ids = loss && asked.soft ? nullptr : ids;
        batch.rows = rows.count;
        batch.length = rows.length;
        batch.x_step = batch.g_step = batch.mask_step = rows.step;
        batch.out_step = in_rows ? rows.step : picks > 0 ? picks : 1;
        batch.ids_step = loss ? 1 : picks;
        batch.picks = picks;
        batch.loss = &formula;
        batch.losses = losses.data();
        batch.losses_step = losses_step;
        batch.sampling = &sampling;
        batch.temperature = &temperature;
        batch.empty = static_cast<Empty>((mixed >> 8) % 3);
        batch.keep = c.regime == Regime::automatic;
        batch.exact = c.exact;
        batch.stream = (mixed >> 4) % 2 == 0;

        const std::int64_t all_room = out_room + (loss ? rows.count * losses_step : 0);
        const auto result = [&](std::int64_t j) {
            if (j >= out_room) return canonical(losses[static_cast<std::size_t>(j - out_room)]);
            return finds(c.op) ? static_cast<std::uint64_t>(ids[j]) : canonical(out[j]);
        };
        std::vector<std::uint64_t> first;
        for (std::size_t i = 0; i < sets_.size(); ++i) {
            const T untouched = narrow_to<T>(-12345.0625);
            std::fill_n(out, out_room, untouched);
            std::memcpy(x, x_source.data(), x_source.size() * sizeof(T));
            std::memcpy(g, g_source.data(), g_source.size() * sizeof(T));
            std::memcpy(mask, rows.mask.data(), rows.mask.size());
            for (std::int64_t j = 0; j < id_count; ++j) {
                const std::int64_t pick = (j * 7 + static_cast<std::int64_t>(serial_)) % rows.length;
                ids[j] = loss ? classes[static_cast<std::size_t>(j)] : pick;
            }
            std::fill(losses.begin(), losses.end(), -12345.0625);
            doing = std::string(sets_[i]->name) + " " + where_;
            sets_[i]->table[static_cast<int>(c.op)][static_cast<int>(dtype_of<T>)][c.masked](batch);

            Tally& tally = tallies_[i];
            auto& [values, differ] = tally.laws[law_];
            for (std::int64_t j = 0; j < all_room; ++j) {
                const std::uint64_t got = result(j);
                if (i == 0) first.push_back(got);
                const std::uint64_t want = first[static_cast<std::size_t>(j)];
                if (got != want && differ++ == 0) {
                    std::printf("BROKEN %s at %lld: the bits %#llx instead of %#llx\n", doing.c_str(),
                                static_cast<long long>(j), static_cast<unsigned long long>(got),
                                static_cast<unsigned long long>(want));
                }
                tally.all = (tally.all ^ got) * 0x100000001b3;
                if (in_sample_) tally.sample = (tally.sample ^ got) * 0x100000001b3;
            }
            values += all_room;
            // The inputs, and what lies between the rows, are not the kernel's to write.
            bool trespassed =
                (c.alias != out_is_x && std::memcmp(x, x_source.data(), x_source.size() * sizeof(T)) != 0) ||
                (c.alias != out_is_g && std::memcmp(g, g_source.data(), g_source.size() * sizeof(T)) != 0) ||
                std::memcmp(mask, rows.mask.data(), rows.mask.size()) != 0;
            for (std::int64_t j = 0; loss && j < rows.count * losses_step; ++j) {
                trespassed |= j % losses_step != 0 && losses[static_cast<std::size_t>(j)] != -12345.0625;
            }
            for (std::int64_t j = rows.length; in_rows && c.alias == apart && j < rows.step && j < out_room; ++j) {
                trespassed |= canonical(out[j]) != canonical(untouched);
            }
            if (trespassed && differ++ == 0) std::printf("BROKEN %s: another's memory is written\n", doing.c_str());
        }
    }

    void report(const char* name, const Tally& tally) const {
        for (const auto& [law, count] : tally.laws) {
            if (count.second == 0) {
                std::printf("%s kernels: %s: %lld outputs equal\n", name, law.c_str(),
                            static_cast<long long>(count.first));
            }
            broken += count.second != 0;
        }
        if (!sample_only_) std::printf("hash of all: %s %016llx\n", name, static_cast<unsigned long long>(tally.all));
        std::printf("hash of sample: %s %016llx\n", name, static_cast<unsigned long long>(tally.sample));
    }

    const std::vector<const logitkit::Kernels*>& sets_;
    std::vector<Tally> tallies_;
    bool sample_only_;
    GuardedMemory x_, g_, out_, ids_, mask_, weight_;
    std::uint64_t serial_ = 0;
    // Of the case that is run.
    bool in_sample_ = false;
    std::string law_, where_;
};
