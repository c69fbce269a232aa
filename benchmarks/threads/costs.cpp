// What the pool costs a call that has next to nothing to do. Arguments: what, threads, rounds.
//
// Prints a line for each kind of cost: its name, how long the caller was busy elsewhere before the call, in
// microseconds, and the samples in microseconds. The kinds:
//   begin  from the call until the last of the threads has begun
//   empty  the whole call, where no part has anything to do
//   own    from the end of the last part to the return of the call, where that part was the caller's
//   other  the same, where it was another thread's
// What "begin" or "empty" prints that kind for the first call of the process, which starts the threads, as "first", and
// then for others right after it. "gaps" prints every kind after each pause.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "pool.hpp"

namespace {

using namespace logitkit;
using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;

constexpr std::chrono::microseconds longer{10};    // that one part works on, when the others have ended
constexpr std::chrono::milliseconds given_up{100}; // on threads that do not come
constexpr int gaps[] = {0, 50, 100, 150, 250, 300, 500, 1000, 2000, 5000};

double microseconds(Moment from, Moment to) { return std::chrono::duration<double, std::micro>(to - from).count(); }

// As a program that does something else: this thread is awake, and its CPU too.
void be_busy(std::chrono::microseconds time) {
    const Moment end = Clock::now() + time;
    while (Clock::now() < end) {
    }
}

double empty(int parts) {
    const Moment start = Clock::now();
    run_parallel(parts, [](std::int64_t) {});
    return microseconds(start, Clock::now());
}

struct Meeting {
    double begin; // until the last part had begun
    double end;   // from the last part's end to the return
};

// As many parts as threads. None ends before all have begun, so each thread has one.
Meeting meet(int parts, bool caller_is_last) {
    const auto caller = std::this_thread::get_id();
    std::atomic<int> begun{0};
    std::atomic<bool> one_is_last{false};
    std::vector<Moment> begins(static_cast<std::size_t>(parts)), ends(static_cast<std::size_t>(parts));
    const Moment start = Clock::now();
    run_parallel(parts, [&](std::int64_t part) {
        const auto place = static_cast<std::size_t>(part);
        begins[place] = Clock::now();
        ++begun;
        while (begun < parts && Clock::now() < start + given_up) {
        }
        const bool is_caller = std::this_thread::get_id() == caller;
        if (is_caller ? caller_is_last : !caller_is_last && !one_is_last.exchange(true)) be_busy(longer);
        ends[place] = Clock::now();
    });
    const Moment back = Clock::now();
    return {microseconds(start, *std::max_element(begins.begin(), begins.end())),
            microseconds(*std::max_element(ends.begin(), ends.end()), back)};
}

void print(const char* name, int gap, const std::vector<double>& samples) {
    std::printf("%s %d", name, gap);
    for (const double sample : samples) std::printf(" %.3f", sample);
    std::printf("\n");
}

void print_all(int threads, int rounds, int gap) {
    const std::chrono::microseconds pause{gap};
    std::vector<double> begin, nothing, own, other;
    for (int round = 0; round < rounds; ++round) {
        // Each is one call after the pause: the call before it has left the threads awake.
        be_busy(pause);
        const Meeting first = meet(threads, true);
        be_busy(pause);
        const Meeting second = meet(threads, false);
        be_busy(pause);
        nothing.push_back(empty(threads));
        begin.push_back(first.begin);
        own.push_back(first.end);
        other.push_back(second.end);
        // Whoever was late for the empty call has seen it by now.
        meet(threads, true);
    }
    print("begin", gap, begin);
    print("empty", gap, nothing);
    print("own", gap, own);
    print("other", gap, other);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const std::string what = argv[1];
    const int threads = std::atoi(argv[2]), rounds = std::atoi(argv[3]);
    start_pool();
    set_thread_count(threads);
    if (what == "gaps") {
        meet(threads, true); // starts the threads
        for (const int gap : gaps) print_all(threads, rounds, gap);
        return 0;
    }
    const auto call = [&] { return what == "begin" ? meet(threads, true).begin : empty(threads); };
    print("first", 0, {call()});
    meet(threads, true); // all have come, the late ones too
    std::vector<double> later;
    for (int round = 0; round < rounds; ++round) later.push_back(call());
    print(what.c_str(), 0, later);
    return 0;
}
