// Shows how lanes meet the elements of a row in memory, of every dtype: the conversions of float16 and bfloat16, masks,
// and whole and part vectors as the loops of vec/common.hpp load and store them. Included after the header of the
// lanes.
#pragma once

#include "lane_values.hpp"
#include "lanes.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

struct PartNames {
    const char *load, *store, *masked_load;
};
constexpr PartNames names_of(Float16) { return {"part of float16", "part as float16", "masked part of float16"}; }
constexpr PartNames names_of(BFloat16) { return {"part of bfloat16", "part as bfloat16", "masked part of bfloat16"}; }
constexpr PartNames names_of(float) { return {"part of float", "part as float", "masked part of float"}; }
constexpr PartNames names_of(double) { return {"part of double", "part as double", "masked part of double"}; }

// T is what a lane holds.
template <class V, class T>
class ShowElements {
public:
    using Row = Lanes<V, T>;

    explicit ShowElements(Scene& scene) : scene_(scene) {}

    void all() {
        masks();
        if constexpr (V::lanes == 16) {
            every_half<Float16>("load of float16", "store as float16", 0x1000);
            every_half<BFloat16>("load of bfloat16", "store as bfloat16", 0x8000);
            far_from_normal_float16();
        } else {
            every_half_as_double<Float16>("load of float16", "store as float16", 0x1000);
            every_half_as_double<BFloat16>("load of bfloat16", "store as bfloat16", 0x8000);
            subnormal_halves<Float16>("store as float16", 1024, 0x1p-24);
            subnormal_halves<BFloat16>("store as bfloat16", 128, 0x1p-133);
            parts<double>();
        }
        parts<float>();
        parts<Float16>();
        parts<BFloat16>();
    }

private:
    void name(const char* primitive, int part = -1) {
        scene_.primitive = primitive;
        scene_.part = part;
    }
    template <class U>
    void see(U output, double a = 0) {
        scene_.see({scene_.type, scene_.primitive, {a, 0, 0}, bits(output)});
    }
    void see_lanes(V output, const Row& input) {
        Row out;
        output.store(out.v);
        for (int i = 0; i < V::lanes; ++i) see(out.v[i], static_cast<double>(input.v[i]));
    }

    // Any byte but 0 keeps.
    void masks() {
        name("keep_where");
        for (int seed = 0; seed < 300; ++seed) {
            std::uint8_t mask[V::lanes];
            for (int i = 0; i < V::lanes; ++i) mask[i] = static_cast<std::uint8_t>((seed * (i + 3) / 2) % 5 * 85);
            const Row row = window<V, T>(seed, 1);
            see_lanes(keep_where(row.get(), mask), row);
        }
    }

    template <class Half>
    void stored(const char* storing, const Row& row) {
        alignas(32) Half halves[V::lanes];
        name(storing);
        row.get().store(halves);
        for (int i = 0; i < V::lanes; ++i) see(widen(halves[i]), static_cast<double>(row.v[i]));
    }

    // Every one of them loaded; and stored, that and its neighbours, and what lies half way to the next, so far away in
    // the bits of a float.
    template <class Half>
    void every_half(const char* loading, const char* storing, int half_way) {
        const int steps[] = {-1, 0, 1, half_way - 1, half_way, half_way + 1};
        for (int first = 0; first < 65536; first += 16) {
            alignas(32) Half halves[16];
            for (int i = 0; i < 16; ++i) halves[i] = {static_cast<std::uint16_t>(first + i)};
            Row row;
            V::load(halves).store(row.v);
            name(loading);
            for (int i = 0; i < 16; ++i) see(row.v[i], first + i);
            for (const int up : steps) {
                for (int i = 0; i < 16; ++i) {
                    const auto near = __builtin_bit_cast(std::uint32_t, widen(halves[i])) + static_cast<unsigned>(up);
                    row.v[i] = __builtin_bit_cast(float, near);
                }
                stored<Half>(storing, row);
            }
        }
    }

    // The same of doubles, which become floats first: besides half way to the next half, so far away in the bits of a
    // float, half way between that float and its neighbours, where the two roundings are not one.
    template <class Half>
    void every_half_as_double(const char* loading, const char* storing, int half_way) {
        const std::int64_t unit = 1 << 29, middle = half_way * unit, near = unit / 2;
        const std::int64_t steps[] = {-1,     0,          middle - near - 1, middle - near,    middle - 1,
                                      middle, middle + 1, middle + near,     middle + near + 1};
        for (int first = 0; first < 65536; first += V::lanes) {
            Half halves[V::lanes];
            for (int i = 0; i < V::lanes; ++i) halves[i] = {static_cast<std::uint16_t>(first + i)};
            Row row;
            V::load(halves).store(row.v);
            name(loading);
            for (int i = 0; i < V::lanes; ++i) see(row.v[i], first + i);
            const Row exact = row;
            for (const std::int64_t up : steps) {
                for (int i = 0; i < V::lanes; ++i) {
                    row.v[i] = __builtin_bit_cast(double, __builtin_bit_cast(std::int64_t, exact.v[i]) + up);
                }
                stored<Half>(storing, row);
            }
        }
    }

    // Half way between two of them, beside it, and as far from it as a float and as a double is from the next.
    template <class Half>
    void subnormal_halves(const char* storing, int count, double unit) {
        for (int k = 0; k < count; ++k) {
            const double middle = k + 0.5, float_off = 0x1p-16 / 2, off = 0x1p-42;
            Row row{{middle, middle + off, middle - off, middle + float_off, middle - float_off,
                     middle + float_off + off, middle - float_off - off, k + off}};
            for (double& x : row.v) x *= k % 2 == 0 ? unit : -unit;
            stored<Half>(storing, row);
        }
    }

    // Half way between two subnormal numbers, and beside it; beyond the largest number, and far below the smallest.
    void far_from_normal_float16() {
        for (int k = 0; k < 1024; ++k) {
            const float middle = (static_cast<float>(k) + 0.5f) * 0x1p-24f, up = 1 + 0x1p-23f, down = 1 - 0x1p-24f;
            stored<Float16>(
                "store as float16",
                {{middle, -middle, middle * up, -middle * up, middle * down, -middle * down, 65520.0f, 65520.0f * down,
                  -65520.0f, 65536.0f, 0x1p+100f, -0x1.fffffep+127f, 0x1p-26f, 0x1p-149f, -0x1p-149f, 0x1p-126f}});
        }
    }

    // Parts of every size whose end, or beginning, touches unmapped memory; U is what stands in memory.
    template <class U>
    void parts() {
        constexpr PartNames names = names_of(U());
        const T fill = static_cast<T>(0.1);
        for (int n = 1; n <= V::lanes; ++n) {
            for (const bool at_end : both) {
                const Part<V> part{n};
                const Row values = window<V, T>(n, 3), none{};
                U* p = place<U>(n, at_end);
                for (int i = 0; i < n; ++i) p[i] = narrow_to<U>(static_cast<double>(edges_of(T(), i + n)));
                U row[V::lanes] = {};
                __builtin_memcpy(row, p, sizeof(U) * static_cast<unsigned>(n));
                name(names.load, n);
                see_lanes(part.load(static_cast<const U*>(p), fill), none);
                if (n == V::lanes) see_lanes(Whole<V>{}.load(static_cast<const U*>(p), fill), none);

                name(names.store, n);
                part.store(values.get(), p);
                for (int i = 0; i < n; ++i) see(widen(p[i]), static_cast<double>(values.v[i]));
                see(static_cast<double>(changed_beside(p, n)), n);

                std::uint8_t* mask = place<std::uint8_t>(n, at_end);
                for (int i = 0; i < n; ++i) mask[i] = static_cast<std::uint8_t>((i + n) % 3 * 127);
                name(names.masked_load, n);
                see_lanes(part.load(Masked<U>{row, mask}, fill), none);
                if (n == V::lanes) see_lanes(Whole<V>{}.load(Masked<U>{row, mask}, fill), none);
            }
        }
    }

    template <class U>
    U* place(int n, bool at_end) const {
        __builtin_memset(scene_.begin, 0x5a, static_cast<unsigned long>(scene_.end - scene_.begin));
        return at_end ? reinterpret_cast<U*>(scene_.end) - n : reinterpret_cast<U*>(scene_.begin);
    }
    template <class U>
    int changed_beside(const U* p, int n) const {
        const auto* first = reinterpret_cast<const unsigned char*>(p);
        const auto* last = reinterpret_cast<const unsigned char*>(p + n);
        int changed = 0;
        for (const unsigned char* b = scene_.begin; b < scene_.end; ++b)
            changed += (b < first || b >= last) && *b != 0x5a;
        return changed;
    }

    Scene& scene_;
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
