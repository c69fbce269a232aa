// Rows of few elements into columns, sixteen at a time, and back: a vector is a column, with a row in each lane.
#pragma once

#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr int rows_transposed = F32x16::lanes;

// Longer rows are never done in columns, nor are fewer rows of them.
constexpr int longest_short = 128;
constexpr int fewest_rows(std::int64_t length) { return length <= F32x16::lanes ? 4 : 12; }

// While columns are computed with, the memory is idle: what is needed next is fetched then. Part i of `parts` of up to
// three times n vectors.
class FetchVectors {
public:
    explicit FetchVectors(std::int64_t n) : n_(n) {}
    void add(const void* from) { from_[count_++] = static_cast<const F32x16*>(from); }
    void operator()(int i, int parts) const {
        const std::int64_t begin = n_ * i / parts, end = n_ * (i + 1) / parts;
        for (int k = 0; k < count_; ++k) {
            for (std::int64_t j = begin; j < end; ++j) prefetch(from_[k] + j);
        }
    }

private:
    std::int64_t n_;
    int count_ = 0;
    const F32x16* from_[3] = {};
};

// Calls body(start, part) for the columns, sixteen at a time.
template <class Body>
LOGITKIT_INLINE inline void for_sixteen_columns(std::int64_t n, Body body) {
    const int length = static_cast<int>(n), whole = length / rows_transposed * rows_transposed;
    for (int start = 0; start < whole; start += rows_transposed) body(start, Whole<F32x16>{});
    if (whole < length) body(whole, Part<F32x16>{length - whole});
}

// Calls body.operator()<n>() where n is a power of two from 2 to 8.
template <class Body>
LOGITKIT_INLINE inline bool with_power_of_two(std::int64_t n, Body body) {
    switch (n) {
    case 2: body.template operator()<2>(); return true;
    case 4: body.template operator()<4>(); return true;
    case 8: body.template operator()<8>(); return true;
    default: return false;
    }
}

// n vectors in memory of rows of n, n a power of two, become n columns: the position of an element in memory, row and
// column, is turned by one bit a time.
template <int n>
LOGITKIT_INLINE inline void unzip_rows(F32x16* v) {
    F32x16 next[n];
    for (int bit = 1; bit < n; bit *= 2) {
        for (int i = 0; i < n / 2; ++i) {
            F32x16 a = v[2 * i], b = v[2 * i + 1];
            unzip(a, b);
            next[i] = a;
            next[n / 2 + i] = b;
        }
        for (int i = 0; i < n; ++i) v[i] = next[i];
    }
}
template <int n>
LOGITKIT_INLINE inline void zip_rows(F32x16* v) {
    F32x16 next[n];
    for (int bit = 1; bit < n; bit *= 2) {
        for (int i = 0; i < n / 2; ++i) {
            F32x16 a = v[i], b = v[n / 2 + i];
            zip(a, b);
            next[2 * i] = a;
            next[2 * i + 1] = b;
        }
        for (int i = 0; i < n; ++i) v[i] = next[i];
    }
}

// Sixteen rows of n elements, at row(i); `dense`: they follow each other without a gap.
template <class Row>
LOGITKIT_INLINE inline void load_columns(Row row, bool dense, std::int64_t n, float fill, F32x16* columns) {
    if (dense && with_power_of_two(n, [&]<int K>() LOGITKIT_INLINE {
            F32x16 v[K];
            for (int i = 0; i < K; ++i) v[i] = Whole<F32x16>{}.load(row(0) + i * rows_transposed, fill);
            unzip_rows<K>(v);
            for (int i = 0; i < K; ++i) columns[i] = v[i];
        })) {
        return;
    }
    for_sixteen_columns(n, [&](int start, auto part) LOGITKIT_INLINE {
        for (int i = 0; i < rows_transposed; ++i) columns[start + i] = part.load(row(i) + start, fill);
        transpose(columns + start);
    });
}

// The first `count` of sixteen rows of n elements, those with a bit in `served`, at out + i * step; the columns are
// lost.
template <class T>
LOGITKIT_INLINE inline void store_columns(F32x16* columns, std::int64_t n, T* out, std::int64_t step, int count,
                                          unsigned served) {
    const bool dense = step == n && count == rows_transposed && served == (1u << rows_transposed) - 1;
    if (dense && with_power_of_two(n, [&]<int K>() LOGITKIT_INLINE {
            F32x16 v[K];
            for (int i = 0; i < K; ++i) v[i] = columns[i];
            zip_rows<K>(v);
            for (int i = 0; i < K; ++i) v[i].store(out + i * rows_transposed);
        })) {
        return;
    }
    for_sixteen_columns(n, [&](int start, auto part) LOGITKIT_INLINE {
        transpose(columns + start);
        for (int i = 0; i < count; ++i) {
            if (served >> i & 1) part.store(columns[start + i], out + i * step + start);
        }
    });
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA
