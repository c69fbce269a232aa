// Counts the instructions that a call retires, one by one: a child process makes the call, the parent single-steps it.
// Linux on x86-64. The count is exact, of the calling thread, and needs neither counters of the processor nor an
// emulator that would have to know AVX-512.
#pragma once

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>

namespace logitkit::stepping {

// How often the instruction at each address was executed.
using Counts = std::map<std::uintptr_t, std::int64_t>;

inline void trap() { asm volatile("int3" ::: "memory"); }
// Whether the instruction that ends at `address` is a trap. The child's code is this process's, at the same places.
inline bool is_after_trap(std::uintptr_t address) {
    return *reinterpret_cast<const unsigned char*>(address - 1) == 0xcc;
}

// What body() executes from its second call on: in the first one memory is touched and functions are bound for the
// first time. The few instructions around the call, always the same, count too.
template <class Body>
Counts count(Body body) {
    // Both stay on one CPU: each waits for the other, and waking another CPU takes longer than a step.
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &here);
    sched_setaffinity(0, sizeof here, &here);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("there is no process to count in");
    if (child == 0) {
        // An int3 without a tracer ends the process: no count comes of it, and the parent says so.
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
        body();
        trap();
        body();
        trap();
        _exit(0);
    }
    Counts counts;
    const auto next = [&] {
        int status = 0;
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
            throw std::runtime_error("the child process cannot be traced, or has failed");
        }
        return static_cast<std::uintptr_t>(ptrace(PTRACE_PEEKUSER, child, offsetof(user, regs.rip), nullptr));
    };
    for (std::uintptr_t at = next();;) {
        if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) throw std::runtime_error("cannot single-step");
        const std::uintptr_t after = next();
        if (after == at + 1 && is_after_trap(after)) break;
        // A repeated string instruction stops after each repetition; it is one.
        if (after != at) ++counts[at];
        at = after;
    }
    ptrace(PTRACE_KILL, child, nullptr, nullptr);
    waitpid(child, nullptr, 0);
    return counts;
}

// A loop of two instructions, executed n times, with one before it: what the counter is checked with.
inline void known_loop(std::int64_t n) {
    asm volatile("mov %0, %%rcx\n"
                 "1: dec %%rcx\n"
                 "jnz 1b\n" ::"r"(n)
                 : "rcx", "cc");
}

} // namespace logitkit::stepping
