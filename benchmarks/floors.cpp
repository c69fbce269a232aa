// What the machine can do, for the speed benchmark: a copy that stores past the caches, a reading pass, and
// exponentials by themselves, on as many threads as the kernels beside them. floors.py compiles it for the instruction
// set in use (LANES is its header) and calls it.
#define LOGITKIT_ISA floors

#include LANES

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>

#include "math/exp.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

using F = F32x16;
constexpr std::size_t lanes = F::lanes;
constexpr std::size_t shared_from = 1u << 16; // floats: below, one thread is faster than waking others

// Threads that wait for parts of a task; the caller does part 0. It is never destroyed: its threads end with the
// process.
class Crew {
public:
    explicit Crew(int threads) : threads_(threads) {
        for (int i = 1; i < threads; ++i) std::thread([this, i] { work(i); }).detach();
    }
    template <class Task>
    void run(bool shared, const Task& task) {
        if (!shared || threads_ == 1) return task(0, 1);
        call_ = [](const void* t, int i, int n) { (*static_cast<const Task*>(t))(i, n); };
        task_ = &task;
        left_.store(threads_ - 1);
        turn_.fetch_add(1);
        turn_.notify_all();
        task(0, threads_);
        while (left_.load(std::memory_order_acquire) != 0) {
        }
    }

private:
    void work(int i) {
        for (unsigned seen = 0;; ++seen) {
            turn_.wait(seen);
            call_(task_, i, threads_);
            left_.fetch_sub(1, std::memory_order_release);
        }
    }
    int threads_;
    void (*call_)(const void*, int, int) = nullptr;
    const void* task_ = nullptr;
    std::atomic<unsigned> turn_{0};
    std::atomic<int> left_{0};
};

Crew* crew = nullptr;

// Share i of n of a whole, in vectors.
struct Share {
    std::size_t first, last;
    Share(std::size_t vectors, int i, int n)
        : first(vectors * static_cast<std::size_t>(i) / static_cast<std::size_t>(n)),
          last(vectors * (static_cast<std::size_t>(i) + 1) / static_cast<std::size_t>(n)) {}
};

inline void keep(F x) {
    volatile float sink = reduce_max(x);
    (void)sink;
}

// The exponentials of `count` scores, and their sum, from the same `block` of them again and again: in the first cache.
constexpr std::size_t block = 4096;

__attribute__((noinline)) void exp_block(const float* x, std::size_t count) {
    const Inverse<float> inverse(1);
    const Anchor<false> anchor(Anchor<false>::exponent_of(*std::max_element(x, x + lanes), inverse), inverse);
    F sums[4] = {F::set1(0), F::set1(0), F::set1(0), F::set1(0)};
    for (std::size_t i = 0; i < count; i += 4 * lanes) {
        for (std::size_t j = 0; j < 4; ++j) sums[j] = sums[j] + anchor.exp(F::load(x + i + j * lanes)).value();
    }
    keep((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

__attribute__((noinline)) void exp_block(const double* x, std::size_t count) {
    using D = F64x8;
    using C = ExpConstants<D>;
    D sums[4] = {D::set1(0), D::set1(0), D::set1(0), D::set1(0)};
    for (std::size_t i = 0; i < count; i += 4 * D::lanes) {
        for (std::size_t j = 0; j < 4; ++j) {
            const D score = D::load(x + i + j * D::lanes);
            const auto power = power_of(score * D::set1(C::log2e));
            const D rest = fma(power.k, D::set1(-C::tail), fma(power.k, D::set1(-C::head), score));
            sums[j] = sums[j] + fma(power.scale, expm1_double(rest), power.scale);
        }
    }
    volatile double sink = reduce_max((sums[0] + sums[1]) + (sums[2] + sums[3]));
    (void)sink;
}

template <class T>
void exponentials(const T* x, std::size_t count, std::size_t passes) {
    crew->run(count >= shared_from, [=](int i, int n) {
        const Share share((count + block - 1) / block, i, n);
        for (std::size_t pass = 0; pass < passes; ++pass) {
            for (std::size_t b = share.first; b < share.last; ++b) exp_block(x, std::min(block, count - b * block));
        }
    });
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA

using namespace logitkit::floors;

extern "C" {

__attribute__((visibility("default"))) void set_threads(int threads) { crew = new Crew(threads); }

// `count` floats, whole vectors, to `out` (64-byte aligned) from a, or from a and b; `passes` times.
__attribute__((visibility("default"))) void stream(const float* a, const float* b, float* out, std::size_t count,
                                                   std::size_t passes) {
    crew->run(count >= shared_from, [=](int i, int n) {
        const Share share(count / lanes, i, n);
        for (std::size_t pass = 0; pass < passes; ++pass) {
            for (std::size_t v = share.first; v < share.last; ++v) {
                F x = F::load(a + v * lanes);
                if (b != nullptr) x = x + F::load(b + v * lanes);
                x.stream(out + v * lanes);
            }
            F::fence();
        }
    });
}

// The same, only read.
__attribute__((visibility("default"))) void read_only(const float* a, const float* b, std::size_t count,
                                                      std::size_t passes) {
    crew->run(count >= shared_from, [=](int i, int n) {
        const Share share(count / lanes, i, n);
        for (std::size_t pass = 0; pass < passes; ++pass) {
            for (const float* from : {a, b}) {
                if (from == nullptr) continue;
                F largest[4] = {F::set1(0), F::set1(0), F::set1(0), F::set1(0)};
                for (std::size_t v = share.first; v < share.last; ++v) {
                    largest[v % 4] = max(largest[v % 4], F::load(from + v * lanes));
                }
                keep(max(max(largest[0], largest[1]), max(largest[2], largest[3])));
            }
        }
    });
}

// `count` exponentials; `x` has `block` scores.
__attribute__((visibility("default"))) void exp_float(const float* x, std::size_t count, std::size_t passes) {
    exponentials(x, count, passes);
}
__attribute__((visibility("default"))) void exp_double(const double* x, std::size_t count, std::size_t passes) {
    exponentials(x, count, passes);
}

} // extern "C"
