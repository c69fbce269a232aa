// Elements that are stored in another dtype or byte order than they are computed in.
#pragma once

#include <cstdint>

#include "kernels.hpp"

namespace logitkit {

// NumPy's letter for the kind of an element (b: bool, i: signed, u: unsigned, f: floating, V: bfloat16), its bytes, and
// whether they are in the other order than this machine's. Of size 0: stored as it is computed.
struct Stored {
    char kind = 'f';
    int size = 0;
    bool swapped = false;

    explicit operator bool() const { return size != 0; }
};

// Whether elements stored so can be computed, or be a result, in a dtype: all kinds in float32 and float64; floats come
// out of these; and each dtype in the other byte order.
bool can_load(Stored from, DType dtype);
bool can_store(DType dtype, Stored to);

// n elements side by side; what a load overwrites first are the elements as they are stored. Out of the range is
// infinite; a NaN is a NaN.
void load_converted(Stored from, void* elements, DType dtype, void* to, std::int64_t n);
void store_converted(DType dtype, const void* from, Stored to, void* elements, std::int64_t n);

} // namespace logitkit
