// The first bytes of memory whose rest may be unmapped, for instruction sets without masked loads of bytes: as an
// integer, from a few loads that overlap. Of little-endian machines.
#pragma once

#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class U>
inline std::uint64_t unsigned_at(const unsigned char* p) {
    U r;
    __builtin_memcpy(&r, p, sizeof r);
    return r;
}
// n of them, at most 8, and zeros behind.
inline std::uint64_t first_bytes(const void* p, int n) {
    const auto* bytes = static_cast<const unsigned char*>(p);
    if (n >= 8) return unsigned_at<std::uint64_t>(bytes);
    if (n >= 4) {
        return unsigned_at<std::uint32_t>(bytes) | unsigned_at<std::uint32_t>(bytes + n - 4) << 8 * (n - 4);
    }
    if (n <= 0) return 0;
    return unsigned_at<std::uint8_t>(bytes) | unsigned_at<std::uint8_t>(bytes + n / 2) << 8 * (n / 2) |
           unsigned_at<std::uint8_t>(bytes + n - 1) << 8 * (n - 1);
}
// The same, and ones behind.
inline std::uint64_t first_of_mask(const std::uint8_t* mask, int n) {
    if (n <= 0) return ~std::uint64_t{0};
    return n >= 8 ? first_bytes(mask, 8) : first_bytes(mask, n) | ~std::uint64_t{0} << 8 * n;
}
// n halves, at most 4.
inline void store_first(std::uint64_t halves, void* p, int n) {
    if (n >= 4) {
        __builtin_memcpy(p, &halves, 8);
    } else if (n > 0) {
        auto* bytes = static_cast<unsigned char*>(p);
        if (n & 2) {
            __builtin_memcpy(bytes, &halves, 4);
            bytes += 4;
            halves >>= 32;
        }
        if (n & 1) __builtin_memcpy(bytes, &halves, 2);
    }
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
