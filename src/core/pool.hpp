// Threads of our own: started when first needed, asleep when idle, forgotten in a forked child.
#pragma once

#include <cstdint>
#include <functional>

namespace logitkit {

// The machine's share of this process: the affinity mask, capped by the cgroup's quota; at least 1.
int available_cpus();

// LOGITKIT_NUM_THREADS, else available_cpus(); throws std::invalid_argument if the variable is no count.
int default_thread_count();

// Makes the pool, without threads yet, and sees to forks; to be called once, before threads can meet here.
void start_pool();

// The count of the process, 1 until it is set, and a limit for the calling thread alone (0: none).
void set_thread_count(int count);
void set_thread_limit(int limit);
int thread_limit();

// What a call from this thread may use.
int thread_count();

// Runs task(0) ... task(parts - 1), the caller taking part, and returns when all are done. Parts go to whoever is free.
// Serial when one thread is allowed, when the pool is busy with another caller, and inside a task. The first exception
// of a task is thrown again here.
void run_parallel(std::int64_t parts, const std::function<void(std::int64_t)>& task);

// Whether a job ended so short a time ago that the threads are awake, or more are likely to follow; and that one ended
// which was done without them.
bool follows_a_job();
void note_job();

} // namespace logitkit
