// Eight threads that call at once: the pool, its settings and the choice of kernels, for ThreadSanitizer to watch.
//
// Each caller has its own results and shares its input with the others; meanwhile the number of threads and the
// instruction set are set again and again. Every result has the bits of a call on one thread. `--plant race` makes the
// mistake that the sanitizer must see. Exit status 1: broken.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "dispatch.hpp"
#include "plan.hpp"
#include "pool.hpp"
#include "rows.hpp"

namespace {

using namespace logitkit;

constexpr int callers = 8, rounds = 24;
constexpr std::int64_t rows = 60, length = 1100;
double temperature = 0.7;

// Along the last dimension in place, or along the first one packed.
Request request(Op op, const std::vector<float>& x, std::vector<float>& out, bool columns) {
    Request result;
    result.op = op;
    result.dims = 2;
    result.shape[0] = columns ? length : rows;
    result.shape[1] = columns ? rows : length;
    result.reduced[0] = columns;
    result.reduced[1] = !columns;
    const std::int64_t step = sizeof(float);
    const bool reduces = result.is_reduction();
    result.x.data = const_cast<char*>(reinterpret_cast<const char*>(x.data()));
    result.out.data = reinterpret_cast<char*>(out.data());
    result.temperature.data = reinterpret_cast<char*>(&temperature);
    for (int dim = 0; dim < 2; ++dim) {
        result.x.strides[dim] = dim == 0 ? result.shape[1] * step : step;
        result.out.strides[dim] = !reduces ? result.x.strides[dim] : result.reduced[dim] ? 0 : step;
        result.temperature.strides[dim] = 0;
    }
    return result;
}

constexpr Op ops[] = {Op::softmax, Op::log_softmax, Op::logsumexp, Op::entropy};
std::vector<float> shared_scores;

std::vector<float> compute(Op op, bool columns) {
    std::vector<float> out(static_cast<std::size_t>(rows * length));
    note_job(); // threads are worth waking
    run(request(op, shared_scores, out, columns));
    return out;
}

// What no caller of the library can do: two parts that write one element.
void race() {
    set_thread_count(2);
    std::int64_t sum = 0;
    for (int round = 0; round < 100; ++round) {
        run_parallel(1000, [&](std::int64_t part) { sum += part; });
    }
    std::printf("%lld\n", static_cast<long long>(sum));
}

} // namespace

int main(int argc, char** argv) {
    start_pool();
    if (argc == 3 && std::string(argv[1]) == "--plant") return race(), 0;
    Random random(5);
    for (std::int64_t i = 0; i < rows * length; ++i)
        shared_scores.push_back(element<float>(bell_20, random, i, length));
    const std::vector<std::string> sets = available_isas();
    select_isa(sets.front());
    std::vector<std::vector<float>> want;
    for (const Op op : ops) {
        for (const bool columns : {false, true}) want.push_back(compute(op, columns));
    }

    std::atomic<int> different{0}, finished{0};
    std::vector<std::thread> threads;
    for (int caller = 0; caller < callers; ++caller) {
        threads.emplace_back([&, caller] {
            for (int round = 0; round < rounds; ++round) {
                const int which = (caller + round) % static_cast<int>(want.size());
                set_thread_limit((caller + round) % 4); // 0: as many as the process
                const std::vector<float> got = compute(ops[which / 2], which % 2 == 1);
                const auto& right = want[static_cast<std::size_t>(which)];
                different += std::memcmp(got.data(), right.data(), got.size() * sizeof(float)) != 0;
            }
            ++finished;
        });
    }
    for (int round = 0; finished < callers; ++round) {
        set_thread_count(1 + round % 8);
        select_isa(sets.front());
        std::this_thread::yield();
    }
    for (std::thread& thread : threads) thread.join();
    if (different != 0) std::printf("BROKEN %d results differ\n", different.load());
    std::printf("%d calls\n", callers * rounds);
    return different == 0 ? 0 : 1;
}
