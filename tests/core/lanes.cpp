// Shows every lane primitive of one instruction set at work. Compiled once for each of them:
//   -DLOGITKIT_ISA=isa_avx2 -DLANE_HEADER='"vec/avx2.hpp"' -DLANE_TEST=lanes_avx2
// Nothing of std:: is instantiated here, for the reason given in vec/common.hpp.
#include LANE_HEADER

#include "lanes.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

constexpr double inf = __builtin_inf(), nan = __builtin_nan("");
constexpr bool both[] = {true, false};

// Edge values; the doubles add what overflows, vanishes or lies halfway when it becomes a float.
constexpr float edges_of(float, int i) {
    constexpr float values[] = {0.0f,
                                -0.0f,
                                1.0f,
                                -1.0f,
                                0x1.000002p+0f,
                                0x1.8p+0f,
                                -3.25f,
                                0x1p-149f,
                                -0x1p-149f,
                                0x1.fffffcp-127f,
                                0x1p-126f,
                                0x1.fffffep+127f,
                                -0x1.fffffep+127f,
                                1e-30f,
                                -1e30f,
                                0x1.715476p+0f,
                                16777216.0f,
                                __builtin_inff(),
                                -__builtin_inff(),
                                __builtin_nanf("")};
    return values[i % 20];
}
constexpr double edges_of(double, int i) {
    constexpr double values[] = {0.0,
                                 -0.0,
                                 1.0,
                                 -1.0,
                                 1 + 0x1p-52,
                                 1 + 0x1p-24,
                                 1 + 0x1p-24 + 0x1p-50,
                                 1 + 0x1.8p-23,
                                 -3.25,
                                 1e-40,
                                 -0x1p-150,
                                 0x1.8p-149,
                                 0x1p-1074,
                                 -0x1p-1074,
                                 0x1p-1022,
                                 0x1.fffffffffffffp+1023,
                                 -0x1.fffffffffffffp+1023,
                                 0x1.ffffffp+127,
                                 -1e30,
                                 0x1.715476p+0,
                                 inf,
                                 -inf,
                                 nan};
    return values[i % 23];
}
constexpr int edge_count(float) { return 20; }
constexpr int edge_count(double) { return 23; }

std::uint64_t bits(float x) { return x != x ? 0x7fc00000 : __builtin_bit_cast(std::uint32_t, x); }
std::uint64_t bits(double x) { return x != x ? 0x7ff8000000000000 : __builtin_bit_cast(std::uint64_t, x); }

template <class V, class T>
struct Lanes {
    T v[V::lanes];

    V get() const { return V::load(v); }
};

template <class V, class T>
class Show {
public:
    using Row = Lanes<V, T>;

    Show(Scene& scene, const char* type) : scene_(scene) { scene.type = type; }

    void all() {
        set_and_move();
        arithmetic();
        powers();
        reductions();
        parts<T>();
        if constexpr (V::lanes == 8) parts<float>();
        masks();
        if constexpr (V::lanes == 16) {
            halves<Float16>("load of float16", "store as float16");
            halves<BFloat16>("load of bfloat16", "store as bfloat16");
        }
    }

private:
    void name(const char* primitive, int part = -1) {
        scene_.primitive = primitive;
        scene_.part = part;
    }
    template <class U>
    void see(U output, double a = 0, double b = 0, double c = 0) {
        scene_.see({scene_.type, scene_.primitive, {a, b, c}, bits(output)});
    }
    void see_lanes(V output, const Row& a, const Row& b, const Row& c) {
        Row out;
        output.store(out.v);
        for (int i = 0; i < V::lanes; ++i) {
            see(out.v[i], static_cast<double>(a.v[i]), static_cast<double>(b.v[i]), static_cast<double>(c.v[i]));
        }
    }

    void set_and_move() {
        for (int i = 0; i < edge_count(T()); ++i) {
            const Row row = window(i, 1), all{};
            name("set1");
            see_lanes(V::set1(edges_of(T(), i)), all, all, all);
            name("load, store");
            see_lanes(row.get(), row, all, all);
            if constexpr (V::lanes == 8) {
                alignas(4) float floats[8];
                name("store as float");
                row.get().store(floats);
                for (int j = 0; j < 8; ++j) see(floats[j], row.v[j]);
                name("load of float");
                see_lanes(V::load(floats), row, all, all);
            }
        }
    }

    // Any byte but 0 keeps.
    void masks() {
        name("keep_where");
        for (int seed = 0; seed < 300; ++seed) {
            std::uint8_t mask[V::lanes];
            for (int i = 0; i < V::lanes; ++i) mask[i] = static_cast<std::uint8_t>((seed * (i + 3) / 2) % 5 * 85);
            const Row row = window(seed, 1), none{};
            see_lanes(keep_where(row.get(), mask), row, none, none);
        }
    }

    // Every one of them loaded; and stored, that and its neighbours, and what lies half way to the next.
    template <class Half>
    void halves(const char* loading, const char* storing) {
        for (int first = 0; first < 65536; first += 16) {
            alignas(32) Half row[16], stored[16];
            for (int i = 0; i < 16; ++i) row[i] = {static_cast<std::uint16_t>(first + i)};
            Row loaded;
            V::load(row).store(loaded.v);
            name(loading);
            for (int i = 0; i < 16; ++i) see(loaded.v[i], first + i);
            name(storing);
            const int half_way = sizeof(Half) == 2 && loading[8] == 'b' ? 0x8000 : 0x1000;
            for (int step = -1; step < 5; ++step) {
                for (int i = 0; i < 16; ++i) {
                    const auto up = static_cast<std::uint32_t>(step < 2 ? step : half_way + step - 3);
                    loaded.v[i] = __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, widen(row[i])) + up);
                }
                loaded.get().store(stored);
                for (int i = 0; i < 16; ++i) see(widen(stored[i]), static_cast<double>(loaded.v[i]));
            }
        }
    }

    // Every triple of edge values.
    void arithmetic() {
        const int n = edge_count(T());
        for (int first = 0; first < n * n * n; first += V::lanes) {
            Row x, y, z;
            for (int i = 0; i < V::lanes; ++i) {
                x.v[i] = edges_of(T(), first + i);
                y.v[i] = edges_of(T(), (first + i) / n);
                z.v[i] = edges_of(T(), (first + i) / (n * n));
            }
            const V a = x.get(), b = y.get(), c = z.get();
            const Row none{};
            name("fma");
            see_lanes(fma(a, b, c), x, y, z);
            name("zero_where_equal");
            see_lanes(zero_where_equal(a, b, c), x, y, z);
            if (first >= n * n) continue;
            name("+");
            see_lanes(a + b, x, y, none);
            name("-");
            see_lanes(a - b, x, y, none);
            name("*");
            see_lanes(a * b, x, y, none);
            name("/");
            see_lanes(a / b, x, y, none);
            name("max");
            see_lanes(max(a, b), x, y, none);
            name("count_equal");
            see(static_cast<double>(count_equal(a, b)), static_cast<double>(x.v[0]), static_cast<double>(y.v[0]));
        }
    }

    // Of what the kernels may ask for, in steps that have ties and their neighbours. A k of 0 may have either sign.
    void powers() {
        if constexpr (sizeof(T) == 4) {
            const float origins[] = {0.0f, 17.0f, 5914.0f, -5914.0f};
            for (const float n : origins) {
                powers_of(lowest_power_float - 1, n, [&](V f) { return power_from(Origin(n), f); });
            }
        } else {
            powers_of(-1560, 0, [](V f) { return power_of(f); });
            for (int far = 20; far > 11; --far) powers_of(-(1 << far), 0, [](V f) { return power_of(f); }, 1);
        }
    }
    // From `lowest` above the origin to 2 above it, in eighths and beside them; `count` of them.
    template <class Power>
    void powers_of(int lowest, T origin, Power power_at, int count = 1 << 30) {
        const T below = T(1) - (sizeof(T) == 4 ? T(0x1p-24) : T(0x1p-53)), above = T(2) - below;
        for (int k = 8 * lowest - 3; k <= 16 && count > 0; ++k, --count) {
            Row row;
            for (int i = 0; i < V::lanes; ++i) {
                const T f = origin + static_cast<T>(k) / 8;
                row.v[i] = f * (i % 3 == 0 ? T(1) : i % 3 == 1 ? below : above);
            }
            row.v[V::lanes - 1] = static_cast<T>(nan);
            Row nearest, scale;
            const auto power = power_at(row.get());
            power.k.store(nearest.v);
            power.scale.store(scale.v);
            for (int i = 0; i < V::lanes; ++i) {
                name("power, k");
                see(nearest.v[i] + T(0), static_cast<double>(row.v[i]), static_cast<double>(origin));
                name("power, scale");
                if (i != V::lanes - 1) see(scale.v[i], static_cast<double>(row.v[i]), static_cast<double>(origin));
            }
        }
    }

    // Magnitudes that give another sum in another order. reduce_max is asked about numbers, or NaN alone: the kernels
    // keep NaN out of it otherwise; and of two zeros it may give either.
    void reductions() {
        for (int seed = 0; seed < 400; ++seed) {
            Row row;
            for (int i = 0; i < V::lanes; ++i) {
                const int j = (seed * 7 + i * (2 * seed + 1) * 5) % 41;
                row.v[i] = static_cast<T>((j % 3 == 0 ? -1.0 : 1.0) * (j + 0.1) * static_cast<double>(1ll << j));
                if (seed % 9 == 0 && j < 20) row.v[i] = static_cast<T>(-inf);
                if (seed == 0) row.v[i] = static_cast<T>(nan);
                if (seed == 1) row.v[i] = static_cast<T>(i % 2 == 0 ? 0.0 : -0.0);
            }
            name("reduce_max");
            see(reduce_max(row.get()) + T(0), seed);
            name("reduce_sum");
            see(reduce_sum(row.get()), seed);
        }
    }

    // Parts of every size whose end, or beginning, touches unmapped memory; U is what stands in memory.
    template <class U>
    void parts() {
        const Row none{};
        for (int n = 0; n <= V::lanes; ++n) {
            for (const bool at_end : both) {
                U* p = at_end ? reinterpret_cast<U*>(scene_.end) - n : reinterpret_cast<U*>(scene_.begin);
                __builtin_memset(scene_.begin, 0x5a, static_cast<unsigned long>(scene_.end - scene_.begin));
                for (int i = 0; i < n; ++i) p[i] = edges_of(U(), i + n);
                name(sizeof(U) == sizeof(T) ? "load_part" : "load_part of float", n);
                see_lanes(V::load_part(p, n, static_cast<T>(-inf)), none, none, none);
                see_lanes(V::load_part(p, n, static_cast<T>(0.1)), none, none, none);

                name(sizeof(U) == sizeof(T) ? "store_part" : "store_part as float", n);
                window(n, 3).get().store_part(p, n);
                for (int i = 0; i < n; ++i) see(p[i], n, i);
                const auto* first = reinterpret_cast<const unsigned char*>(p);
                const auto* last = reinterpret_cast<const unsigned char*>(p + n);
                int changed = 0;
                for (const unsigned char* b = scene_.begin; b < scene_.end; ++b) {
                    changed += (b < first || b >= last) && *b != 0x5a;
                }
                see(static_cast<double>(changed), n);
            }
        }
    }

    static Row window(int start, int step) {
        Row row;
        for (int i = 0; i < V::lanes; ++i) row.v[i] = edges_of(T(), start + i * step);
        return row;
    }

    Scene& scene_;
};

// Between the two types.
void conversions(Scene& scene) {
    scene.type = "F32x16 and F64x8";
    for (int i = 0; i < 23; ++i) {
        Lanes<F32x16, float> floats, narrowed;
        Lanes<F64x8, double> low, high, wide;
        for (int j = 0; j < 16; ++j) floats.v[j] = edges_of(float(), i + j);
        for (int j = 0; j < 8; ++j) {
            low.v[j] = edges_of(double(), i + j);
            high.v[j] = edges_of(double(), i + 2 * j + 3);
        }
        scene.primitive = "widen_low";
        widen_low(floats.get()).store(wide.v);
        for (int j = 0; j < 8; ++j) scene.see({scene.type, scene.primitive, {floats.v[j]}, bits(wide.v[j])});
        scene.primitive = "widen_high";
        widen_high(floats.get()).store(wide.v);
        for (int j = 0; j < 8; ++j) scene.see({scene.type, scene.primitive, {floats.v[j + 8]}, bits(wide.v[j])});
        scene.primitive = "narrow";
        narrow(low.get(), high.get()).store(narrowed.v);
        for (int j = 0; j < 16; ++j) {
            scene.see({scene.type, scene.primitive, {j < 8 ? low.v[j] : high.v[j - 8]}, bits(narrowed.v[j])});
        }
    }
    scene.type = "F64x8";
    for (int i = 0; i < 200; ++i) {
        Lanes<F64x8, double> row, k, f, down;
        // Beside sqrt(2) times a power of two, where k changes, and at powers of two.
        for (int j = 0; j < 8; ++j) {
            const double near = j % 2 == 0 ? 0x1.6a09e667f3bcdp+0 : 1.0, ulps = (j % 4 - 1) * 0x1p-52;
            row.v[j] = __builtin_ldexp(near + (near == 1 && ulps < 0 ? 0 : ulps), i % 50 + j / 4 * 900);
        }
        const Split<F64x8> parts = split(row.get());
        parts.k.store(k.v);
        parts.f.store(f.v);
        parts.down.store(down.v);
        for (int j = 0; j < 8; ++j) {
            scene.primitive = "split, k";
            scene.see({scene.type, scene.primitive, {row.v[j]}, bits(k.v[j] + 0.0)});
            scene.primitive = "split, f";
            scene.see({scene.type, scene.primitive, {row.v[j]}, bits(f.v[j])});
            scene.primitive = "split, down";
            scene.see({scene.type, scene.primitive, {row.v[j]}, bits(down.v[j])});
        }
    }
    scene.type = "F32x16";
    scene.primitive = "transpose";
    F32x16 square[16];
    for (int i = 0; i < 16; ++i) {
        Lanes<F32x16, float> lanes;
        for (int j = 0; j < 16; ++j) lanes.v[j] = static_cast<float>(16 * i + j);
        square[i] = lanes.get();
    }
    transpose(square);
    for (int i = 0; i < 16; ++i) {
        Lanes<F32x16, float> lanes;
        square[i].store(lanes.v);
        for (int j = 0; j < 16; ++j) scene.see({scene.type, scene.primitive, {1.0 * i, 1.0 * j}, bits(lanes.v[j])});
    }
    scene.primitive = "stream";
    Lanes<F32x16, float> row;
    for (int j = 0; j < 16; ++j) row.v[j] = edges_of(float(), j + 5);
    auto* p = reinterpret_cast<float*>(scene.begin);
    row.get().stream(p);
    F32x16::fence();
    for (int j = 0; j < 16; ++j) scene.see({scene.type, scene.primitive, {row.v[j]}, bits(p[j])});
}

} // namespace
} // namespace logitkit::LOGITKIT_ISA

void LANE_TEST(Scene& scene);
void LANE_TEST(Scene& scene) {
    using namespace logitkit::LOGITKIT_ISA;
    Show<F32x16, float>(scene, "F32x16").all();
    Show<F64x8, double>(scene, "F64x8").all();
    conversions(scene);
}
