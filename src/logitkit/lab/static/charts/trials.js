/**
 * `<lk-trials>`: a grid of small results: a row a dtype, a column a way to compute.
 *
 * data: { name, columns: [text], rows: [{ label, note, cells: [{ parts: [{ share, color, index }] |
 * null, text, description }] }] }. A cell without parts failed: it is crossed out and says what came.
 */

import { s, set, setText, sync } from "../core/dom.js";
import { clip } from "./bars.js";
import { Chart } from "./chart.js";

const HEAD = 28;
const ROW = 62;
const BAR = 26;

export class Trials extends Chart {
    connectedCallback() {
        super.connectedCallback();
        if (this.cells) return;
        this.heads = this.svg.appendChild(s("g", { class: "axis", "aria-hidden": "true" }));
        this.names = this.svg.appendChild(s("g", { "aria-hidden": "true" }));
        this.cells = this.svg.appendChild(s("g"));
    }

    draw(data) {
        const narrow = this.width < 520;
        const left = narrow ? 0 : 104;
        const top = narrow ? 22 : 0; // the name of a row stands above its cells where there is little room
        const height = ROW + top;
        const width = this.frame(HEAD + data.rows.length * height, data.name);
        const gap = narrow ? 8 : 20;
        const cell = (width - left - gap * (data.columns.length - 1)) / data.columns.length;
        const across = (column) => left + column * (cell + gap);
        sync(
            this.heads,
            data.columns,
            () => s("text"),
            (text, label, i) =>
                set(text, { x: across(i), y: 14, text: clip(label, Math.floor(cell / 7)) }),
        );
        sync(
            this.names,
            data.rows,
            () =>
                s("g", {}, s("text", { class: "trial-name" }), s("text", { class: "trial-note" })),
            (group, row, i) => {
                const y = HEAD + i * height + (narrow ? 12 : 18);
                set(group.children[0], { x: 0, y, text: row.label });
                set(
                    group.children[1],
                    narrow ? { x: 84, y, text: row.note } : { x: 0, y: y + 16, text: row.note },
                );
            },
        );
        const items = data.rows.flatMap((row, line) =>
            row.cells.map((one, column) => ({ ...one, line, column })),
        );
        sync(this.cells, items, create, (group, item) => {
            const x = across(item.column);
            const y = HEAD + item.line * height + top;
            this.#cell(group, item, { x, y, cell });
        });
    }

    #cell(group, item, { x, y, cell }) {
        const [hit, ground, parts, cross, text] = group.children;
        const failed = item.parts === null;
        set(group, {
            class: `trial point${failed ? " is-failed" : ""}`,
            "aria-label": item.description,
        });
        set(hit, { x: x - 3, y: y - 2, width: cell + 6, height: ROW - 8 });
        set(ground, { x, y, width: cell, height: BAR, rx: 4 });
        let start = x;
        sync(
            parts,
            item.parts ?? [],
            () => s("rect", { rx: 1.5 }),
            (rect, part) => {
                const length = part.share * cell;
                set(rect, {
                    x: start,
                    y,
                    width: Math.max(0, length - (length > 3 ? 1.5 : 0)),
                    height: BAR,
                    class: part.color,
                    "data-class": part.index,
                });
                start += length;
            },
        );
        set(cross, { d: failed ? `M${x + 10} ${y + 8}l10 10m0 -10l-10 10` : "" });
        set(text, { x, y: y + BAR + 17 });
        setText(text, item.text);
    }
}

const create = () =>
    s(
        "g",
        { role: "img", "data-mark": "", tabindex: "-1" },
        s("rect", { class: "hit" }),
        s("rect", { class: "trial-ground" }),
        s("g"),
        s("path", { class: "trial-cross" }),
        s("text", { class: "trial-text", "aria-hidden": "true" }),
    );

customElements.define("lk-trials", Trials);
