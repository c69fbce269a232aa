// The part of XLA's foreign function interface (version 0, the typed one) that a handler on the CPU meets, as facts of
// its binary form: who compiles logitkit needs no jaxlib. tests/test_jax_abi.py compares sizes, offsets and numbers
// with the header that jaxlib ships. A struct begins with its size as the caller knows it, so that it can grow behind.
#pragma once

#include <cstddef>
#include <cstdint>

namespace logitkit::xla {

struct Error; // made and owned by XLA

// What a struct may be followed by: a list of additions to it.
struct Extension {
    std::size_t struct_size;
    int type;
    Extension* next;
};

struct Version {
    std::size_t struct_size;
    Extension* extensions;
    int major_version;
    int minor_version;
};

// Asked for before the first call: the handler's version, and its traits (none).
inline constexpr int metadata_extension = 1;
struct Metadata {
    std::size_t struct_size;
    Version version;
    std::uint32_t traits;
};
struct MetadataExtension {
    Extension base;
    Metadata* metadata;
};

struct ErrorArgs {
    std::size_t struct_size;
    Extension* extensions;
    const char* message;
    int code;
};
enum ErrorCode { invalid_argument = 3, resource_exhausted = 8, internal_error = 13 };

// XLA's functions; of all of them only the first is used.
struct Functions {
    std::size_t struct_size;
    Extension* extensions;
    Version version;
    const void* internals;
    Error* (*create_error)(ErrorArgs*);
};

enum ElementType { pred = 1, s32 = 4, s64 = 5, f16 = 10, f32 = 11, f64 = 12, bf16 = 16 };

struct BufferView {
    std::size_t struct_size;
    Extension* extensions;
    int element_type;
    void* data;
    std::int64_t rank;
    std::int64_t* dims;
};

inline constexpr int buffer_kind = 1; // of an argument and of a result
struct Buffers {
    std::size_t struct_size;
    Extension* extensions;
    std::int64_t size;
    int* kinds;
    BufferView** buffers;
};

struct Text {
    const char* data;
    std::size_t size;
};
inline constexpr int scalar_kind = 3; // of an attribute
struct Scalar {
    int element_type;
    void* value;
};
struct Attributes {
    std::size_t struct_size;
    Extension* extensions;
    std::int64_t size;
    int* kinds;
    Text** names;
    Scalar** values;
};

inline constexpr int execute_stage = 3;
struct CallFrame {
    std::size_t struct_size;
    Extension* extensions;
    const Functions* functions;
    void* context;
    int stage;
    Buffers arguments;
    Buffers results;
    Attributes attributes;
};

} // namespace logitkit::xla
