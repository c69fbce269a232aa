#include "pool.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "quota.hpp"

namespace logitkit {
namespace {

constexpr int most_threads = 1024;

// How long an idle worker looks for the next job before it sleeps: a few times what waking it costs.
constexpr std::chrono::microseconds patience{200};

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

struct Job {
    const std::function<void(std::int64_t)>& task;
    const std::int64_t parts;
    const int workers;    // how many of the pool's threads may take part
    const int caller_cpu; // where the caller was when it asked
    std::atomic<std::int64_t> next{0};
    std::atomic<int> running{0};
    std::mutex failure_guard;
    std::exception_ptr failure;

    Job(const std::function<void(std::int64_t)>& t, std::int64_t p, int w)
        : task(t), parts(p), workers(w), caller_cpu(sched_getcpu()) {}

    void work() {
        for (std::int64_t part = next++; part < parts; part = next++) {
            try {
                task(part);
            } catch (...) {
                const std::lock_guard lock(failure_guard);
                if (!failure) failure = std::current_exception();
                next = parts;
            }
        }
    }
};

// Moves the calling thread to another CPU, if it may use one. A woken worker is often put where its caller runs, and
// then waits for it while other CPUs idle; the scheduler would see that after some milliseconds. The mask is put back.
void leave(int cpu) {
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) != 0) return;
    cpu_set_t others = mine;
    CPU_CLR(static_cast<unsigned>(cpu), &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
    if (sched_setaffinity(0, sizeof mine, &mine) != 0) sched_setaffinity(0, sizeof mine, &mine);
}

// One pool per process. A forked child starts with a fresh one: the threads of its parent do not exist there.
class Pool {
public:
    std::mutex in_use; // held while a job runs

    void run(Job& job) {
        start(job.workers);
        {
            const std::lock_guard lock(guard_);
            job_ = &job;
            ++epoch_;
        }
        wake_.notify_all();
        job.work();
        {
            // From here on nobody joins; who did is waited for. A worker that woke too late is not.
            const std::lock_guard lock(guard_);
            job_ = nullptr;
        }
        for (int spins = 0; job.running.load(std::memory_order_acquire) != 0; ++spins) {
            if (spins < 1000) {
                relax();
            } else {
                std::this_thread::yield();
            }
        }
    }

    static bool& inside_task() {
        thread_local bool inside = false;
        return inside;
    }

private:
    void start(int workers) {
        if (started_ >= workers) return;
        // Signals are for the threads of the program, not for these.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            for (; started_ < workers; ++started_) std::thread(&Pool::serve, this, started_).detach();
        } catch (const std::exception&) {
            // No more threads to be had: those that there are do the work.
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void serve(int index) {
        inside_task() = true;
        // The process's CPUs, not those that the thread was pinned to which happened to start this one.
        cpu_set_t cpus;
        if (sched_getaffinity(getpid(), sizeof cpus, &cpus) == 0) sched_setaffinity(0, sizeof cpus, &cpus);
        std::uint64_t seen = 0;
        for (;;) {
            const auto deadline = std::chrono::steady_clock::now() + patience;
            while (epoch_.load(std::memory_order_acquire) == seen && std::chrono::steady_clock::now() < deadline)
                relax();
            Job* job = nullptr;
            {
                std::unique_lock lock(guard_);
                wake_.wait(lock, [&] { return epoch_ != seen; });
                seen = epoch_;
                if (job_ != nullptr && index < job_->workers) {
                    job = job_;
                    ++job->running;
                }
            }
            if (job == nullptr) continue;
            if (sched_getcpu() == job->caller_cpu) leave(job->caller_cpu);
            job->work();
            job->running.fetch_sub(1, std::memory_order_release);
        }
    }

    std::mutex guard_;
    std::condition_variable wake_;
    std::atomic<std::uint64_t> epoch_{0};
    Job* job_ = nullptr;
    int started_ = 0;
};

// Never destroyed: detached workers may look at it while the process exits.
Pool* pool = nullptr;

// Marks the calling thread as one that works on a job, so that calls from inside it are serial.
class InsideTask {
public:
    InsideTask() { Pool::inside_task() = true; }
    ~InsideTask() { Pool::inside_task() = false; }
};

// The time on the steady clock when the last job ended.
std::atomic<std::chrono::steady_clock::rep> last_job{std::numeric_limits<std::chrono::steady_clock::rep>::min() / 2};

std::atomic<int> process_count{1};
thread_local int this_thread_limit = 0;

} // namespace

int available_cpus() {
    cpu_set_t set;
    int count = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        count = CPU_COUNT(&set);
    } else {
        count = static_cast<int>(std::thread::hardware_concurrency());
    }
    const int quota = quota_cpus();
    return std::max(1, quota > 0 ? std::min(count, quota) : count);
}

int default_thread_count() {
    const char* wanted = std::getenv("LOGITKIT_NUM_THREADS");
    if (wanted == nullptr || *wanted == '\0') return available_cpus();
    char* end = nullptr;
    const long count = std::strtol(wanted, &end, 10);
    if (*end != '\0' || count < 1 || count > most_threads) {
        throw std::invalid_argument("LOGITKIT_NUM_THREADS is '" + std::string(wanted) +
                                    "'; it must be a whole number from 1 to " + std::to_string(most_threads));
    }
    return static_cast<int>(count);
}

void start_pool() {
    if (pool != nullptr) return;
    pool = new Pool;
    pthread_atfork([] { pool->in_use.lock(); }, [] { pool->in_use.unlock(); }, [] { pool = new Pool; });
}

void set_thread_count(int count) { process_count = std::clamp(count, 1, most_threads); }
void set_thread_limit(int limit) { this_thread_limit = std::clamp(limit, 0, most_threads); }
int thread_limit() { return this_thread_limit; }

int thread_count() { return this_thread_limit > 0 ? this_thread_limit : process_count.load(); }

void run_parallel(std::int64_t parts, const std::function<void(std::int64_t)>& task) {
    const int threads = static_cast<int>(std::min<std::int64_t>(thread_count(), parts));
    if (threads > 1 && pool != nullptr && !Pool::inside_task()) {
        Pool& shared = *pool;
        const std::unique_lock lock(shared.in_use, std::try_to_lock);
        if (lock.owns_lock()) {
            Job job(task, parts, threads - 1);
            {
                const InsideTask inside;
                shared.run(job);
            }
            note_job();
            if (job.failure) std::rethrow_exception(job.failure);
            return;
        }
    }
    for (std::int64_t part = 0; part < parts; ++part) task(part);
}

bool follows_a_job() {
    using Clock = std::chrono::steady_clock;
    return Clock::now().time_since_epoch().count() - last_job.load(std::memory_order_relaxed) <=
           std::chrono::duration_cast<Clock::duration>(patience).count();
}

void note_job() {
    last_job.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}

} // namespace logitkit
