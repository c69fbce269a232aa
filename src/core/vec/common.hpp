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

// Adding it to a small number rounds that to the nearest integer, which then stands in the low mantissa bits.
constexpr float magic_float = 0x1.8p+23f;
constexpr double magic_double = 0x1.8p+52;

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
