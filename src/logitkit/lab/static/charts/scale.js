/** Scales: where a value stands on an axis, and which values are marked there. */

/** A linear scale from `domain` to `range`, with `invert` and round `ticks`. */
export function linear([d0, d1], [r0, r1]) {
    const span = d1 - d0 || 1;
    const scale = (value) => r0 + ((value - d0) / span) * (r1 - r0);
    scale.invert = (place) => d0 + ((place - r0) / (r1 - r0)) * span;
    scale.range = [r0, r1];
    scale.ticks = (count) => ticks(d0, d1, count);
    return scale;
}

/** A logarithmic scale; ticks are the powers of ten. */
export function logarithmic([d0, d1], range) {
    const inner = linear([Math.log10(d0), Math.log10(d1)], range);
    const scale = (value) => inner(Math.log10(value));
    scale.invert = (place) => 10 ** inner.invert(place);
    scale.ticks = () => {
        const first = Math.ceil(Math.log10(d0) - 1e-9);
        const last = Math.floor(Math.log10(d1) + 1e-9);
        return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
    };
    return scale;
}

/** Round values between `low` and `high`, about `count` of them. */
export function ticks(low, high, count = 5) {
    const step = niceStep((high - low) / Math.max(1, count));
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) =>
        Number(((first + i) * step).toPrecision(12)),
    );
}

/** The next of 1, 2, 5 times a power of ten. */
export function niceStep(size) {
    if (!(size > 0) || !Number.isFinite(size)) return 1;
    const power = 10 ** Math.floor(Math.log10(size));
    return [1, 2, 5, 10].find((factor) => factor * power >= size * (1 - 1e-9)) * power;
}

/** A round interval around the finite ones of `values` and `around`, which it always holds. */
export function niceDomain(values, around = [0]) {
    const finite = [...values, ...around].filter(Number.isFinite);
    const low = Math.min(...finite);
    const high = Math.max(...finite);
    const step = niceStep((high - low) / 6);
    return [Math.floor(low / step - 1e-9) * step, Math.ceil(high / step + 1e-9) * step];
}

/** Move labels at `places` apart to at least `gap`, within `low` and `high`; order is kept. */
export function spread(places, gap, low, high) {
    const order = places
        .map((place, index) => ({ place, index }))
        .sort((a, b) => a.place - b.place);
    for (let i = 0; i < order.length; i += 1) {
        order[i].place = Math.max(order[i].place, i ? order[i - 1].place + gap : low);
    }
    for (let i = order.length - 1; i >= 0; i -= 1) {
        order[i].place = Math.min(
            order[i].place,
            i < order.length - 1 ? order[i + 1].place - gap : high,
        );
    }
    return order.sort((a, b) => a.index - b.index).map(({ place }) => place);
}
