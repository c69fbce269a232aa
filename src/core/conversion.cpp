#include "conversion.hpp"

#include <cmath>
#include <cstring>

#include "elements.hpp"

namespace logitkit {
namespace {

template <class U>
void swap_bytes(void* elements, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        unsigned char* const bytes = static_cast<unsigned char*>(elements) + i * static_cast<std::int64_t>(sizeof(U));
        U number;
        std::memcpy(&number, bytes, sizeof(U));
        if constexpr (sizeof(U) == 2) number = __builtin_bswap16(number);
        if constexpr (sizeof(U) == 4) number = __builtin_bswap32(number);
        if constexpr (sizeof(U) == 8) number = __builtin_bswap64(number);
        std::memcpy(bytes, &number, sizeof(U));
    }
}
void swap_bytes(Stored stored, void* elements, std::int64_t n) {
    if (!stored.swapped) return;
    if (stored.size == 2) swap_bytes<std::uint16_t>(elements, n);
    if (stored.size == 4) swap_bytes<std::uint32_t>(elements, n);
    if (stored.size == 8) swap_bytes<std::uint64_t>(elements, n);
}

// Calls body(an element of the type); gives false where there is none.
template <class Body>
bool with_float(Stored stored, Body body) {
    switch (stored.kind << 8 | stored.size) {
    case 'f' << 8 | 2: return body(Float16{}), true;
    case 'f' << 8 | 4: return body(float{}), true;
    case 'f' << 8 | 8: return body(double{}), true;
    case 'V' << 8 | 2: return body(BFloat16{}), true;
    default: return false;
    }
}
template <class Body>
bool with_number(Stored stored, Body body) {
    switch (stored.kind << 8 | stored.size) {
    case 'b' << 8 | 1: return body(std::uint8_t{}), true;
    case 'i' << 8 | 1: return body(std::int8_t{}), true;
    case 'i' << 8 | 2: return body(std::int16_t{}), true;
    case 'i' << 8 | 4: return body(std::int32_t{}), true;
    case 'i' << 8 | 8: return body(std::int64_t{}), true;
    case 'u' << 8 | 1: return body(std::uint8_t{}), true;
    case 'u' << 8 | 2: return body(std::uint16_t{}), true;
    case 'u' << 8 | 4: return body(std::uint32_t{}), true;
    case 'u' << 8 | 8: return body(std::uint64_t{}), true;
    default: return with_float(stored, body);
    }
}

bool is(Stored stored, DType dtype) {
    return stored.kind == (dtype == DType::bfloat16 ? 'V' : 'f') && stored.size == item_size(dtype);
}
bool is_wide(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

template <class T>
T number_of(auto x) {
    return static_cast<T>(x);
}
template <class T>
T number_of(Float16 x) {
    return widen(x);
}
template <class T>
T number_of(BFloat16 x) {
    return widen(x);
}

// Rounded once: by way of a float whose last bit tells that something was cut off.
Float16 to_float16(double x) {
    float cut = static_cast<float>(x);
    if (std::isfinite(cut) && static_cast<double>(cut) != x) {
        if (std::fabs(static_cast<double>(cut)) > std::fabs(x)) cut = std::nextafterf(cut, 0);
        cut = __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, cut) | 1);
    }
    return Narrow<Float16>::from(cut);
}

template <class To, class From>
To narrowed(From x) {
    if constexpr (sizeof(To) != 2) {
        return static_cast<To>(x);
    } else if constexpr (sizeof(From) == 8 && sizeof(To) == 2 && !__is_same(To, BFloat16)) {
        return to_float16(x);
    } else {
        return Narrow<To>::from(static_cast<float>(x));
    }
}

template <class T>
void load_as(Stored from, const void* elements, void* to, std::int64_t n) {
    with_number(from, [&](auto element) {
        using From = decltype(element);
        const auto* const read = static_cast<const From*>(elements);
        auto* const written = static_cast<T*>(to);
        for (std::int64_t i = 0; i < n; ++i) written[i] = number_of<T>(read[i]);
    });
}
template <class T>
void store_as(const void* from, Stored to, void* elements, std::int64_t n) {
    with_float(to, [&](auto element) {
        using To = decltype(element);
        const auto* const read = static_cast<const T*>(from);
        auto* const written = static_cast<To*>(elements);
        for (std::int64_t i = 0; i < n; ++i) written[i] = narrowed<To>(read[i]);
    });
}

} // namespace

bool can_load(Stored from, DType dtype) {
    return is(from, dtype) || (is_wide(dtype) && with_number(from, [](auto) {}));
}
bool can_store(DType dtype, Stored to) {
    return is(to, dtype) || (is_wide(dtype) && with_float(to, [](auto) {}));
}

void load_converted(Stored from, void* elements, DType dtype, void* to, std::int64_t n) {
    swap_bytes(from, elements, n);
    if (is(from, dtype)) {
        std::memcpy(to, elements, static_cast<std::size_t>(n * from.size));
    } else if (dtype == DType::float32) {
        load_as<float>(from, elements, to, n);
    } else {
        load_as<double>(from, elements, to, n);
    }
}

void store_converted(DType dtype, const void* from, Stored to, void* elements, std::int64_t n) {
    if (is(to, dtype)) {
        std::memcpy(elements, from, static_cast<std::size_t>(n * to.size));
    } else if (dtype == DType::float32) {
        store_as<float>(from, to, elements, n);
    } else {
        store_as<double>(from, to, elements, n);
    }
    swap_bytes(to, elements, n);
}

} // namespace logitkit
