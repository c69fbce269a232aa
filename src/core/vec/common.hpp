// What the lane headers share. Included by translation units that are compiled for one instruction set each: everything
// in these headers lives in a namespace named after it (LOGITKIT_ISA) and has internal linkage, and nothing of std:: is
// instantiated, so that no function compiled for a newer machine can be picked by the linker for an older one.
#pragma once

#include <cstdint>

#ifndef LOGITKIT_ISA
#error "define LOGITKIT_ISA as the name of the instruction set before including a lane header"
#endif

namespace logitkit::LOGITKIT_ISA {
namespace {

// Exponentials are kept times 2^60 (double: 2^500), so that none of those that matter is subnormal before the one final
// rounding.
constexpr int unit_exponent_float = 60;
constexpr int unit_exponent_double = 500;

// An integer k and 2^k times the unit.
template <class V>
struct Power {
    V k, scale;
};

// For the instruction sets without an instruction for it: adding `magic` to a small number rounds it to the nearest
// integer, ties to even, which then stands in the low mantissa bits; adding `power_offset` to those bits and shifting
// them into the exponent gives the power.
constexpr float magic_float = 0x1.8p+23f;
constexpr double magic_double = 0x1.8p+52;
constexpr std::int32_t power_offset_float = unit_exponent_float + 127 - 0x4b400000;
constexpr std::int64_t power_offset_double = unit_exponent_double + 1023 - 0x4338000000000000;

// A loop over a row sees whole vectors and, at the end, a part of one; its body is written once for both.
struct Whole {
    template <class V, class T, class Fill>
    V load(const T* p, Fill) const {
        return V::load(p);
    }
    template <class V, class T>
    void store(V a, T* p) const {
        a.store(p);
    }
};

struct Part {
    int n;
    template <class V, class T, class Fill>
    V load(const T* p, Fill fill) const {
        return V::load_part(p, n, fill);
    }
    template <class V, class T>
    void store(V a, T* p) const {
        a.store_part(p, n);
    }
};

template <class V, class Body>
inline void for_vectors(std::int64_t n, Body body) {
    std::int64_t i = 0;
    for (; i + V::lanes <= n; i += V::lanes) body(i, Whole{});
    if (i < n) body(i, Part{static_cast<int>(n - i)});
}

}  // namespace
}  // namespace logitkit::LOGITKIT_ISA
