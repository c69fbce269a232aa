/** `<lk-strip>`: which kernel computed what is on screen, and how long that took. */

import { h, setText } from "../core/dom.js";
import { number } from "../core/numbers.js";

const NAMES = { avx512: "AVX-512", avx2: "AVX2", neon: "NEON", generic: "generic" };

export class Strip extends HTMLElement {
    connectedCallback() {
        if (this.fields) return;
        const entries = ["kernel", "library", "round trip"].map((name) => {
            const value = h("dd", { "data-strip": name.replace(" ", "-") }, "–");
            return { value, row: h("div", {}, h("dt", {}, name), value) };
        });
        this.fields = entries.map(({ value }) => value);
        this.append(
            h(
                "dl",
                { class: "strip", "aria-label": "Who computed" },
                ...entries.map(({ row }) => row),
            ),
        );
    }

    update({ kernel, dtype, microseconds, roundTrip }) {
        const [engine, library, trip] = this.fields;
        setText(engine, `${NAMES[kernel.isa] ?? kernel.isa} · ${dtype} · v${kernel.version}`);
        setText(library, `${number(microseconds, 3)} µs`);
        setText(trip, `${number(roundTrip, 2)} ms`);
    }
}

customElements.define("lk-strip", Strip);
