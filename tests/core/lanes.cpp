// Shows every lane primitive of one instruction set at work. Compiled once for each of them:
//   -DLOGITKIT_ISA=isa_avx2 -DLANE_HEADER='"vec/avx2.hpp"' -DLANE_TEST=lanes_avx2
// Nothing of std:: is instantiated here, for the reason given in vec/common.hpp.
#include LANE_HEADER

#include "lanes.hpp"
#include "lane_elements.hpp"
#include "lane_values.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class V, class T>
class Show {
public:
    using Row = Lanes<V, T>;

    Show(Scene& scene, const char* type) : scene_(scene) { scene.type = type; }

    void all() {
        set_and_move();
        arithmetic();
        fused();
        powers();
        reductions();
        parts<T>();
        if constexpr (V::lanes == 8) parts<float>();
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
            const Row row = window<V, T>(i, 1), all{};
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
            name("equal_lanes");
            see(static_cast<double>(equal_lanes(a, b)), static_cast<double>(x.v[0]), static_cast<double>(y.v[0]));
            name("count_equal");
            see(static_cast<double>(count_equal(a, b)), static_cast<double>(x.v[0]), static_cast<double>(y.v[0]));
        }
    }

    // Where a sum of two roundings would differ from one: products that cancel against c, that are about half an ULP of
    // it or far below, and what lies anywhere.
    void fused() {
        std::uint64_t state = 1;
        const int digits = sizeof(T) == 4 ? 23 : 52;
        const auto random = [&](int exponents) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            const double mantissa = 1 + static_cast<double>(state >> 12) * 0x1p-52;
            const int exponent = static_cast<int>((state >> 3) % 512) % (2 * exponents + 1) - exponents;
            return static_cast<T>(state & 1 ? -mantissa : mantissa) * static_cast<T>(__builtin_ldexp(1, exponent));
        };
        name("fma");
        for (int kind = 0; kind < 4; ++kind) {
            for (int count = 0; count < 2000; ++count) {
                Row x, y, z;
                for (int i = 0; i < V::lanes; ++i) {
                    x.v[i] = random(kind == 3 ? 60 : 3);
                    y.v[i] = random(kind == 3 ? 60 : 3);
                    const int away = kind == 0 ? 0 : digits + (count + i) % 5 + (kind == 2 ? 30 : -1);
                    const T one = T(1) + static_cast<T>(__builtin_ldexp(count % 8, -digits));
                    if (kind == 1 && i % 2 == 0) y.v[i] = (i % 4 == 0 ? one : -one) / x.v[i]; // the product nearly one
                    z.v[i] = kind == 0   ? -(x.v[i] * y.v[i]) * (i % 3 == 0 ? T(1) : one)
                             : kind == 3 ? random(100)
                                         : one * static_cast<T>(__builtin_ldexp(i % 2 == 0 ? 1 : -3, away));
                }
                see_lanes(fma(x.get(), y.get(), z.get()), x, y, z);
            }
        }
    }

    // Of what the kernels may ask for, in steps that have ties and their neighbours. A k of 0 may have either sign.
    void powers() {
        if constexpr (sizeof(T) == 4) {
            powers_by_bits();
        } else {
            powers_of(-1560);
            for (int far = 20; far > 11; --far) powers_of(-(1 << far), 1);
        }
    }
    // From 512 to 768, in eighths and beside them.
    void powers_by_bits() {
        for (int k = 8 * 512 + 1; k < 8 * 768; ++k) {
            Row row, integer, power_of_it;
            for (int i = 0; i < V::lanes; ++i) {
                row.v[i] = static_cast<T>(k) / 8 * (i % 3 == 0 ? T(1) : T(1) + T(i % 3 == 1 ? -0x1p-24 : 0x1p-23));
            }
            row.v[V::lanes - 1] = static_cast<T>(nan);
            whole(row.get()).store(integer.v);
            power(whole(row.get())).store(power_of_it.v);
            for (int i = 0; i < V::lanes; ++i) {
                name("whole");
                see(integer.v[i], static_cast<double>(row.v[i]));
                name("power");
                if (i != V::lanes - 1) see(power_of_it.v[i], static_cast<double>(row.v[i]));
            }
        }
    }
    // From `lowest` to 2, in eighths and beside them; `count` of them.
    void powers_of(int lowest, int count = 1 << 30) {
        const T below = T(1) - T(0x1p-53), above = T(2) - below;
        for (int k = 8 * lowest - 3; k <= 16 && count > 0; ++k, --count) {
            Row row;
            for (int i = 0; i < V::lanes; ++i) {
                row.v[i] = static_cast<T>(k) / 8 * (i % 3 == 0 ? T(1) : i % 3 == 1 ? below : above);
            }
            row.v[V::lanes - 1] = static_cast<T>(nan);
            Row nearest, scale;
            const auto power = power_of(row.get());
            power.k.store(nearest.v);
            power.scale.store(scale.v);
            for (int i = 0; i < V::lanes; ++i) {
                name("power, k");
                see(nearest.v[i] + T(0), static_cast<double>(row.v[i]));
                name("power, scale");
                if (i != V::lanes - 1) see(scale.v[i], static_cast<double>(row.v[i]));
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
                window<V, T>(n, 3).get().store_part(p, n);
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
    for (int apart = 0; apart < 2; ++apart) {
        scene.primitive = apart != 0 ? "unzip" : "zip";
        Lanes<F32x16, float> both[2];
        for (int i = 0; i < 32; ++i) both[i / 16].v[i % 16] = static_cast<float>(i);
        F32x16 a = both[0].get(), b = both[1].get();
        apart != 0 ? unzip(a, b) : zip(a, b);
        a.store(both[0].v);
        b.store(both[1].v);
        for (int i = 0; i < 32; ++i) scene.see({scene.type, scene.primitive, {1.0 * i}, bits(both[i / 16].v[i % 16])});
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
    ShowElements<F32x16, float>(scene).all();
    Show<F64x8, double>(scene, "F64x8").all();
    ShowElements<F64x8, double>(scene).all();
    conversions(scene);
}
