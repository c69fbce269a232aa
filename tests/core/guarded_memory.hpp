// Writable memory between two unmapped pages: touching what lies outside is a fault.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

// Whether ASan watches the kernels; the tests themselves need not be compiled with it.
#if defined(KERNELS_ARE_WATCHED)
extern "C" void __asan_poison_memory_region(const volatile void* begin, std::size_t size);
extern "C" void __asan_unpoison_memory_region(const volatile void* begin, std::size_t size);
#else
inline void __asan_poison_memory_region(const volatile void*, std::size_t) {}
inline void __asan_unpoison_memory_region(const volatile void*, std::size_t) {}
#endif

class GuardedMemory {
public:
    explicit GuardedMemory(std::size_t bytes) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        size_ = (bytes + page - 1) / page * page;
        void* all = mmap(nullptr, size_ + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        begin_ = static_cast<unsigned char*>(all) + page;
        if (all == MAP_FAILED || mprotect(begin_, size_, PROT_READ | PROT_WRITE) != 0) {
            std::perror("guard pages");
            std::exit(2);
        }
    }
    GuardedMemory(const GuardedMemory&) = delete;
    GuardedMemory& operator=(const GuardedMemory&) = delete;

    unsigned char* begin() const { return begin_; }
    unsigned char* end() const { return begin_ + size_; }

    // Room for n elements that touches the page behind it, or the one before it.
    template <class T>
    T* place(std::int64_t n, bool at_end) const {
        return at_end ? reinterpret_cast<T*>(end()) - n : reinterpret_cast<T*>(begin_);
    }

    // Room for some bytes at an address that is `alignment` modulo 64, as near to the page behind it, or before it, as
    // that allows; `touching` that page whatever its address. What is left between holds bytes that are NaN in every
    // format, and may not be touched where ASan watches (of the bytes in front, those in whole words of 8).
    static constexpr std::size_t touching = 64;
    unsigned char* place_at(std::size_t bytes, std::size_t alignment, bool at_end) {
        if (bytes + 64 + alignment > size_) {
            std::fprintf(stderr, "%zu bytes do not fit\n", bytes);
            std::exit(2);
        }
        const std::size_t past = (reinterpret_cast<std::uintptr_t>(end() - bytes) - alignment) % 64;
        if (alignment == touching) {
            placed_ = at_end ? end() - bytes : begin_;
        } else {
            placed_ = at_end ? end() - bytes - past : begin_ + alignment;
        }
        bytes_ = bytes;
        front_ = std::min<std::size_t>(128, static_cast<std::size_t>(placed_ - begin_));
        behind_ = std::min<std::size_t>(128, static_cast<std::size_t>(end() - placed_) - bytes);
        std::memset(placed_ - front_, canary, front_);
        std::memset(placed_ + bytes_, canary, behind_);
        __asan_poison_memory_region(placed_ - front_, front_);
        __asan_poison_memory_region(placed_ + bytes_, behind_);
        return placed_;
    }

    // Gives the room back; false if its neighbourhood was written.
    bool release() {
        __asan_unpoison_memory_region(placed_ - front_, front_);
        __asan_unpoison_memory_region(placed_ + bytes_, behind_);
        const auto untouched = [](unsigned char byte) { return byte == canary; };
        return std::all_of(placed_ - front_, placed_, untouched) &&
               std::all_of(placed_ + bytes_, placed_ + bytes_ + behind_, untouched);
    }

private:
    static constexpr unsigned char canary = 0xff;
    std::size_t size_;
    unsigned char* begin_;
    unsigned char* placed_ = nullptr;
    std::size_t bytes_ = 0, front_ = 0, behind_ = 0;
};
