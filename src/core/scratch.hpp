// Memory that a thread computes in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace logitkit {

// A tile of rows in scratch: of up to `tile_rows`, so that a page is opened for several cache lines, and small enough
// for a second-level cache.
constexpr std::int64_t tile_elements = 131072;

// Scratch up to here is kept for the next call. Rows that would need more are seen by way of a window.
constexpr std::int64_t kept_elements = 4 * tile_elements;

// Scratch of this thread, kept for the next call while it is small.
template <class T>
class Scratch {
public:
    explicit Scratch(std::int64_t elements) {
        const auto wanted = static_cast<std::size_t>(elements);
        if (elements <= kept_elements) {
            thread_local std::unique_ptr<T[]> kept;
            thread_local std::size_t size = 0;
            if (size < wanted) {
                kept.reset(new T[wanted]);
                size = wanted;
            }
            data_ = kept.get();
        } else {
            own_.reset(new T[wanted]);
            data_ = own_.get();
        }
    }
    T* data() const { return data_; }

private:
    std::unique_ptr<T[]> own_;
    T* data_;
};

// The first address of a cache line in it.
inline char* aligned(void* scratch) {
    return reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(scratch) + 63) / 64 * 64);
}

} // namespace logitkit
