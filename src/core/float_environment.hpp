// The default rounding and subnormal modes for the time of a computation: a host program may have set others, and then
// the bits would depend on it.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
#include <cstdint>

namespace logitkit {

class FloatEnvironment {
public:
#if defined(__x86_64__)
    FloatEnvironment() : saved_(_mm_getcsr()) {
        if ((saved_ & modes) != 0) _mm_setcsr(saved_ & ~modes);
    }
    ~FloatEnvironment() {
        if ((saved_ & modes) != 0) _mm_setcsr(saved_);
    }

private:
    static constexpr unsigned modes = 0xe040; // flush to zero, rounding control, denormals are zero
    unsigned saved_;
#elif defined(__aarch64__)
    FloatEnvironment() {
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        if ((saved_ & modes) != 0) asm volatile("msr fpcr, %0" ::"r"(saved_ & ~modes));
    }
    ~FloatEnvironment() {
        if ((saved_ & modes) != 0) asm volatile("msr fpcr, %0" ::"r"(saved_));
    }

private:
    static constexpr std::uint64_t modes = 0x1c00000; // flush to zero, rounding mode
    std::uint64_t saved_ = 0;
#endif
public:
    FloatEnvironment(const FloatEnvironment&) = delete;
    FloatEnvironment& operator=(const FloatEnvironment&) = delete;
};

} // namespace logitkit
