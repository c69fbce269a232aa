// What the lanes are shown with: edge values, a vector of them, and the bits of what comes out. Included after the
// header of the lanes.
#pragma once

#include <cstdint>

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr double inf = __builtin_inf(), nan = __builtin_nan("");
constexpr bool both[] = {true, false};

// Edge values; the doubles add what overflows, vanishes or lies halfway when it becomes a float.
constexpr float edges_of(float, int i) {
    constexpr float values[] = {0.0f,
                                -0.0f,
                                1.0f,
                                -1.0f,
                                0x1.000002p+0f,
                                0x1.8p+0f,
                                -3.25f,
                                0x1p-149f,
                                -0x1p-149f,
                                0x1.fffffcp-127f,
                                0x1p-126f,
                                0x1.fffffep+127f,
                                -0x1.fffffep+127f,
                                1e-30f,
                                -1e30f,
                                0x1.715476p+0f,
                                16777216.0f,
                                __builtin_inff(),
                                -__builtin_inff(),
                                __builtin_nanf("")};
    return values[i % 20];
}
constexpr double edges_of(double, int i) {
    constexpr double values[] = {0.0,
                                 -0.0,
                                 1.0,
                                 -1.0,
                                 1 + 0x1p-52,
                                 1 + 0x1p-24,
                                 1 + 0x1p-24 + 0x1p-50,
                                 1 + 0x1.8p-23,
                                 -3.25,
                                 1e-40,
                                 -0x1p-150,
                                 0x1.8p-149,
                                 0x1p-1074,
                                 -0x1p-1074,
                                 0x1p-1022,
                                 0x1.fffffffffffffp+1023,
                                 -0x1.fffffffffffffp+1023,
                                 0x1.ffffffp+127,
                                 -1e30,
                                 0x1.715476p+0,
                                 inf,
                                 -inf,
                                 nan};
    return values[i % 23];
}
constexpr int edge_count(float) { return 20; }
constexpr int edge_count(double) { return 23; }

std::uint64_t bits(float x) { return x != x ? 0x7fc00000 : __builtin_bit_cast(std::uint32_t, x); }
std::uint64_t bits(double x) { return x != x ? 0x7ff8000000000000 : __builtin_bit_cast(std::uint64_t, x); }

template <class V, class T>
struct Lanes {
    T v[V::lanes];

    V get() const { return V::load(v); }
};

// Edge values from the one of that number on.
template <class V, class T>
Lanes<V, T> window(int start, int step) {
    Lanes<V, T> row;
    for (int i = 0; i < V::lanes; ++i) row.v[i] = edges_of(T(), start + i * step);
    return row;
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
