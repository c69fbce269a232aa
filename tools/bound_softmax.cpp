// Prints how far the float exponential is from the true one, over every score from 2^-6 to 4096 in size, and what
// follows for softmax. tools/bound_softmax.py compiles and runs it.
//
// In units of 2^-24 of the exponential, one ULP of a result that lies just below a power of two:
//   sum        1 + q, as it goes into a sum: what its rounding loses is summed apart
//   quotient   1 + q and the rounding of its product with 1 / sum, at most 2^-24 of |q|
//   adding     the bound of BlockSum for a whole block, beside its largest exponential, 1 + q >= 0.75
// softmax = the last rounding (0.5) + the worst quotient + the worst sum of the opposite sign, for rows of that term
// alone, + adding.
#define LOGITKIT_ISA isa_bound
#include LANE_HEADER

#include <cmath>
#include <cstdio>

#include "rows/anchored.hpp"

using namespace logitkit::isa_bound;

namespace {

struct Extremes {
    double most = 0, least = 0;
    float most_at = 0, least_at = 0;

    void see(double value, float at) {
        if (value > most) most = value, most_at = at;
        if (value < least) least = value, least_at = at;
    }
};

} // namespace

int main() {
    constexpr long double ln2 = 0x1.62e42fefa39ef35793c7673007e5p-1L;
    constexpr int lanes = F32x16::lanes;
    Extremes sum, above, below;
    for (int exponent = -6; exponent < 12; ++exponent) {
        for (std::uint32_t sign = 0; sign < 2; ++sign) {
            const std::uint32_t first = static_cast<std::uint32_t>(127 + exponent) << 23 | sign << 31;
            for (std::uint32_t bits = first; bits < first + (1u << 23); bits += lanes) {
                float x[lanes], scale[lanes], q[lanes];
                for (int i = 0; i < lanes; ++i) x[i] = __builtin_bit_cast(float, bits + static_cast<std::uint32_t>(i));
                const Inverse<float> inverse(1);
                const float origin = Anchor<false>::exponent_of(x[0], inverse);
                const Exponential<F32x16> e = Anchor<false>(origin, inverse).exp(F32x16::load(x));
                e.scale.store(scale);
                e.q.store(q);
                for (int i = 0; i < lanes; ++i) {
                    const long double n =
                        static_cast<double>(std::ilogb(scale[i]) - unit_exponent_float) + static_cast<double>(origin);
                    const double truth = std::exp(static_cast<double>(x[i] - n * ln2));
                    const double error = ((1.0 + static_cast<double>(q[i])) / truth - 1.0) * 0x1p+24;
                    const double inner = std::fabs(static_cast<double>(q[i])) / (1.0 + static_cast<double>(q[i]));
                    sum.see(error, x[i]);
                    above.see(error + inner, x[i]);
                    below.see(error - inner, x[i]);
                }
            }
        }
    }
    std::printf("sum       %+.4f at %.9g, %+.4f at %.9g\n", sum.most, static_cast<double>(sum.most_at), sum.least,
                static_cast<double>(sum.least_at));
    std::printf("quotient  %+.4f at %.9g, %+.4f at %.9g\n", above.most, static_cast<double>(above.most_at), below.least,
                static_cast<double>(below.least_at));
    constexpr double adding = block_length * 0x1p-40 / 0.75 * 0x1p+24;
    std::printf("adding    %.4f\n", adding);
    std::printf("softmax   %.4f ULP at most\n",
                0.5 + std::fmax(above.most - sum.least, sum.most - below.least) + adding);
}
