// Writable memory between two unmapped pages: touching what lies outside is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

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
    unsigned char* begin() const { return begin_; }
    unsigned char* end() const { return begin_ + size_; }

    // Room for n elements that touches the page behind it, or the one before it.
    template <class T>
    T* place(std::int64_t n, bool at_end) const {
        return at_end ? reinterpret_cast<T*>(end()) - n : reinterpret_cast<T*>(begin_);
    }

private:
    std::size_t size_;
    unsigned char* begin_;
};
