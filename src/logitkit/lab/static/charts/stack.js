/**
 * `<lk-stack>`: one bar of length 1, cut into the probabilities of the classes.
 *
 * data: { name, rows: [{ label, value, text, color, index }] }. It repeats what the bars say, so it
 * has no marks of its own for the keyboard.
 */

import { s, set, sync } from "../core/dom.js";
import { Chart } from "./chart.js";

const HEIGHT = 30;

export class Stack extends Chart {
    connectedCallback() {
        super.connectedCallback();
        this.parts ??= this.svg.appendChild(s("g", { "aria-hidden": "true" }));
    }

    draw(data) {
        const width = this.frame(HEIGHT, data.name);
        set(this.svg, { role: "img" });
        let start = 0;
        const parts = data.rows.map((row) => {
            const part = {
                ...row,
                start,
                length: Number.isFinite(row.value) ? row.value * width : 0,
            };
            start += part.length;
            return part;
        });
        sync(
            this.parts,
            parts,
            () =>
                s(
                    "g",
                    {},
                    s("rect"),
                    s("text", { "text-anchor": "middle", "dominant-baseline": "central" }),
                ),
            (group, part) => {
                const [rect, text] = group.children;
                set(group, { class: `part ${part.color}`, "data-class": part.index });
                set(rect, {
                    x: part.start,
                    y: 0,
                    width: Math.max(0, part.length - (part.length > 3 ? 2 : 0)),
                    height: HEIGHT,
                    rx: 2,
                });
                const wide = part.length > part.label.length * 7.4 + 12;
                set(text, {
                    x: part.start + part.length / 2,
                    y: HEIGHT / 2,
                    text: wide ? part.label : "",
                });
            },
        );
    }
}

customElements.define("lk-stack", Stack);
