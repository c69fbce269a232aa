// What the lanes of one instruction set do, as seen from outside: lanes.cpp is compiled once for each of them, and
// lanes_and_bits.cpp compares what they saw.
#pragma once

#include <cstdint>

// One lane, or one reduction: up to three inputs and the bits of the output. Every NaN is the same NaN.
struct Observation {
    const char* type;
    const char* primitive;
    double inputs[3];
    std::uint64_t output;
};

// Writable memory whose two neighbours are unmapped, where to report, and what is being done (for the report of a
// crash).
struct Scene {
    unsigned char* begin;
    unsigned char* end;
    void (*see)(const Observation&);
    const char* type;
    const char* primitive;
    int part;
};

using LaneTest = void (*)(Scene&);
