/**
 * `<lk-heat>`: a square of values, positive ones in one colour, negative ones in another.
 *
 * data: { name, labels: [text], values: [[number]], text(value), describe(row, column), row, column,
 * select(row, column), preview(row, column) }. A cell is selected by focus; the pointer only looks
 * at one, and at null when it leaves. Colour is never alone: each cell has its sign, and its value
 * where it fits. Arrow keys walk in both directions.
 */

import { s, set, sync } from "../core/dom.js";
import { clip } from "./bars.js";
import { Chart } from "./chart.js";

const LARGEST = 104;

export class Heat extends Chart {
    connectedCallback() {
        super.connectedCallback();
        if (this.cells) return;
        this.heads = this.svg.appendChild(s("g", { class: "axis", "aria-hidden": "true" }));
        this.cells = this.svg.appendChild(s("g"));
        const tell = (to) => (event) => {
            const cell = event.target.closest("[data-mark]");
            if (cell) this.data[to](Number(cell.dataset.row), Number(cell.dataset.column));
        };
        this.cells.addEventListener("focusin", tell("select"));
        this.cells.addEventListener("pointerover", tell("preview"));
        this.cells.addEventListener("pointerleave", () => this.data.preview(null, null));
        this.cells.addEventListener("click", (event) =>
            event.target.closest("[data-mark]")?.focus(),
        );
    }

    draw(data) {
        const count = data.labels.length;
        const available = Math.max(this.width, 160);
        const left = Math.min(
            available * 0.24,
            Math.max(...data.labels.map((one) => one.length), 2) * 7.4 + 12,
        );
        const side = Math.min(LARGEST, (available - left - 2) / count);
        const height = Math.min(side, 56);
        this.frame(26 + height * count + 2, data.name);
        const largest = Math.max(
            ...data.values.flat().map(Math.abs).filter(Number.isFinite),
            1e-300,
        );
        this.#drawHeads(data, left, side, height);
        const items = data.values.flatMap((line, row) =>
            line.map((value, column) => ({ row, column, value })),
        );
        sync(this.cells, items, create, (cell, item) => {
            const [square, text] = cell.children;
            const { row, column, value } = item;
            const x = left + column * side;
            const y = 26 + row * height;
            const strength = Math.min(1, Math.sqrt(Math.abs(value) / largest));
            const selected = row === data.row && column === data.column;
            const tone = value > 0 ? "is-plus" : value < 0 ? "is-minus" : "is-zero";
            set(cell, {
                class: `cell ${tone}${strength > 0.62 ? " is-strong" : ""}${selected ? " is-selected" : ""}`,
                "data-row": row,
                "data-column": column,
                "aria-label": data.describe(row, column),
                tabindex: selected ? "0" : "-1",
            });
            set(square, {
                x: x + 1,
                y: y + 1,
                width: side - 2,
                height: height - 2,
                "fill-opacity": strength.toFixed(3),
            });
            set(text, {
                x: x + side / 2,
                y: y + height / 2,
                text: side >= 44 ? data.text(value) : sign(value, side),
            });
        });
    }

    #drawHeads(data, left, side, height) {
        const fits = Math.floor((left - 8) / 7.4);
        const columns = data.labels.map((label, i) => ({
            x: left + (i + 0.5) * side,
            y: 16,
            "text-anchor": "middle",
            "dominant-baseline": null,
            text: side < 20 ? "" : clip(label, Math.floor(side / 7.2)),
        }));
        const rows = data.labels.map((label, i) => ({
            x: left - 8,
            y: 26 + (i + 0.5) * height,
            "text-anchor": "end",
            "dominant-baseline": "central",
            text: clip(label, fits),
        }));
        sync(
            this.heads,
            [...columns, ...rows],
            () => s("text"),
            (text, head) => set(text, head),
        );
    }

    neighbour(key, index, marks) {
        const count = this.data.labels.length;
        const column = index % count;
        if (key === "ArrowRight") return column < count - 1 ? marks[index + 1] : undefined;
        if (key === "ArrowLeft") return column > 0 ? marks[index - 1] : undefined;
        const step = { ArrowDown: count, ArrowUp: -count, Home: -column, End: count - 1 - column }[
            key
        ];
        return step === undefined ? undefined : marks[index + step];
    }
}

const create = () =>
    s(
        "g",
        { role: "img", "data-mark": "" },
        s("rect", { rx: 3 }),
        s("text", {
            "text-anchor": "middle",
            "dominant-baseline": "central",
            "aria-hidden": "true",
        }),
    );

const sign = (value, side) => (side < 14 ? "" : value > 0 ? "+" : value < 0 ? "\u2212" : "0");

customElements.define("lk-heat", Heat);
