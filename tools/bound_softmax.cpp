// Prints how far the float exponential is from the true one, over every score from 2^-6 to 4096 temperatures in size,
// and what follows for softmax and log_softmax. tools/bound_softmax.py compiles and runs it.
//
// In units of 2^-24 of the exponential, one ULP of a result that lies just below a power of two:
//   sum        1 + q, as it goes into a sum: what its rounding loses is summed apart
//   careful    1 + q with what q lost, as logarithms sum it
//   quotient   1 + q and the rounding of its product with 1 / sum, at most 2^-24 of |q|
//   adding     the bound of BlockSum for a whole block, beside its largest exponential, 1 + q >= 0.75
// softmax = the last rounding (0.5) + the worst quotient + the worst sum of the opposite sign, for rows of that term
// alone, + adding.
// log_softmax, logsumexp = the last rounding (0.5) + the worst careful term, for rows of it alone beside one maximum,
// whose logarithm log(1 + t) is as far off as t where t is small, + what is_enough allows (2^-27).
#define LOGITKIT_ISA isa_bound
#include LANE_HEADER

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "rows/anchored.hpp"

using namespace logitkit;
using namespace logitkit::isa_bound;

namespace {

struct Extremes {
    double most = 0, least = 0;
    float most_at = 0, least_at = 0;

    void see(double value, float at) {
        if (value > most) most = value, most_at = at;
        if (value < least) least = value, least_at = at;
    }
    double size() const { return std::fmax(most, -least); }
    void print(const char* name) const {
        std::printf("%-10s%+.4f at %.9g, %+.4f at %.9g\n", name, most, static_cast<double>(most_at), least,
                    static_cast<double>(least_at));
    }
};

Extremes sum, careful, over, under;

// Every `stride`-th vector of the scores of one exponent and sign.
template <bool Scaled>
void see_scores(std::uint32_t first, double temperature, std::uint32_t stride) {
    constexpr long double ln2 = 0x1.62e42fefa39ef35793c7673007e5p-1L;
    constexpr int lanes = F32x16::lanes;
    const Inverse<float> inverse(temperature);
    for (std::uint32_t bits = first; bits < first + (1u << 23); bits += stride * lanes) {
        float x[lanes], scale[lanes], q[lanes], lost[lanes];
        for (int i = 0; i < lanes; ++i) x[i] = __builtin_bit_cast(float, bits + static_cast<std::uint32_t>(i));
        if (!is_anchored(temperature, static_cast<double>(x[lanes - 1]))) return;
        const float origin = Anchor<Scaled>::exponent_of(x[0], inverse);
        F32x16 rounded_off;
        const Exponential<F32x16> e = Anchor<Scaled>(origin, inverse).exp(F32x16::load(x), rounded_off);
        e.scale.store(scale);
        e.q.store(q);
        rounded_off.store(lost);
        for (int i = 0; i < lanes; ++i) {
            const long double n =
                static_cast<double>(std::ilogb(scale[i]) - unit_exponent_float) + static_cast<double>(origin);
            const double truth = std::exp(static_cast<double>(x[i] / static_cast<long double>(temperature) - n * ln2));
            const auto error = [&](double one_and_q) { return (one_and_q / truth - 1.0) * 0x1p+24; };
            const double whole = 1.0 + static_cast<double>(q[i]);
            const double inner = std::fabs(static_cast<double>(q[i])) / whole;
            sum.see(error(whole), x[i]);
            careful.see(error(whole + static_cast<double>(lost[i])), x[i]);
            over.see(error(whole) + inner, x[i]);
            under.see(error(whole) - inner, x[i]);
        }
    }
}

} // namespace

// With an argument, one vector in so many.
int main(int argc, char** argv) {
    const auto stride = static_cast<std::uint32_t>(argc > 1 ? std::atoi(argv[1]) : 1);
    for (const double temperature : {1.0, 0.7, 3.0}) {
        for (int exponent = -6; exponent < 14; ++exponent) {
            for (std::uint32_t sign = 0; sign < 2; ++sign) {
                const std::uint32_t first = static_cast<std::uint32_t>(127 + exponent) << 23 | sign << 31;
                temperature == 1 ? see_scores<false>(first, temperature, stride)
                                 : see_scores<true>(first, temperature, stride);
            }
        }
    }
    constexpr double adding = block_length * 0.75 * 0x1p-40 / 0.75 * 0x1p+24, enough = 0x1p-27 * 0x1p+24;
    sum.print("sum");
    careful.print("careful");
    std::printf("%-10s%+.4f at %.9g, %+.4f at %.9g\n", "quotient", over.most, static_cast<double>(over.most_at),
                under.least, static_cast<double>(under.least_at));
    std::printf("adding    %.4f\n", adding);
    std::printf("softmax   %.4f ULP at most\n",
                0.5 + std::fmax(over.most - sum.least, sum.most - under.least) + adding);
    std::printf("log       %.4f ULP at most\n", 0.5 + careful.size() + enough);
}
