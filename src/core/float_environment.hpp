// The default rounding, subnormal and exception modes for the time of a computation: a host program may have set
// others, and then the bits would depend on it, or a NaN would end the program.
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
        if ((saved_ & modes) != masked) _mm_setcsr((saved_ & ~modes) | masked);
    }
    ~FloatEnvironment() {
        if ((saved_ & modes) != masked) _mm_setcsr(saved_);
    }

private:
    static constexpr unsigned masked = 0x1f80; // every exception is ignored, as by default
    static constexpr unsigned modes = 0xffc0;  // and flush to zero, rounding control, denormals are zero
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
    static constexpr std::uint64_t modes = 0x1c09f00; // flush to zero, rounding mode, trapped exceptions
    std::uint64_t saved_ = 0;
#endif
public:
    FloatEnvironment(const FloatEnvironment&) = delete;
    FloatEnvironment& operator=(const FloatEnvironment&) = delete;
};

} // namespace logitkit
