// Philox 4x32-10: numbers that follow from a counter and a key alone, so that a draw needs no other draw before it.
//
// Method: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Ten rounds, each of two
// products of 32 bits, whose halves are exchanged and mixed with the key; the key moves on by two constants (the golden
// ratio and the square root of 3).
// Check:  the counter 0 with the key 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
#pragma once

#include <cstdint>

namespace logitkit::LOGITKIT_ISA {
namespace {

struct Philox {
    std::uint32_t word[4];
};

inline Philox philox(std::uint64_t key, std::uint64_t high, std::uint64_t low) {
    std::uint32_t a = static_cast<std::uint32_t>(low), b = static_cast<std::uint32_t>(low >> 32);
    std::uint32_t c = static_cast<std::uint32_t>(high), d = static_cast<std::uint32_t>(high >> 32);
    std::uint32_t k = static_cast<std::uint32_t>(key), l = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p = std::uint64_t{0xD2511F53} * a, q = std::uint64_t{0xCD9E8D57} * c;
        a = static_cast<std::uint32_t>(q >> 32) ^ b ^ k;
        c = static_cast<std::uint32_t>(p >> 32) ^ d ^ l;
        b = static_cast<std::uint32_t>(q);
        d = static_cast<std::uint32_t>(p);
        k += 0x9E3779B9;
        l += 0xBB67AE85;
    }
    return {{a, b, c, d}};
}

// The 53 bits of one draw: a number from [0, 1) in units of 2^-53.
constexpr int uniform_bits = 53;
inline std::uint64_t uniform(std::uint64_t seed, std::uint64_t row, std::uint64_t draw) {
    const Philox numbers = philox(seed, row, draw);
    return (std::uint64_t{numbers.word[1]} << 32 | numbers.word[0]) >> (64 - uniform_bits);
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
