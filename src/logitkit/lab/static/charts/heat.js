/**
 * `<lk-heat>`: a square of values, positive ones in one colour, negative ones in another.
 *
 * data: { name, labels: [text], values: [[number]], text(value), describe(row, column), row, column,
 * select(row, column), preview(row, column) }. A cell is selected by focus; the pointer only looks
 * at one, and at null when it leaves. Arrow keys walk in both directions. Colour is never alone: each
 * cell has its sign, and its value where it fits. Above `MOST_MARKS` classes the cells are too small
 * for either, and `DenseCells` draws them: what a cell holds is said when it is looked at.
 */

import { s, set, sync } from "../core/dom.js";
import { clip } from "./bars.js";
import { Chart } from "./chart.js";
import { DenseCells } from "./heat-dense.js";

const LARGEST = 104;
const TOP = 26;
/** Up to so many classes each cell is an element; above, the whole square has a largest size. */
const MOST_MARKS = 16;
const LARGEST_SQUARE = 608;

export class Heat extends Chart {
    connectedCallback() {
        super.connectedCallback();
        if (this.cells) return;
        this.heads = this.svg.appendChild(s("g", { class: "axis", "aria-hidden": "true" }));
        this.cells = this.svg.appendChild(s("g"));
        this.dense = new DenseCells(this.svg);
        const tell = (to) => (event) => {
            const cell = event.target.closest("[data-mark]");
            if (cell) this.data[to](Number(cell.dataset.row), Number(cell.dataset.column));
        };
        this.svg.addEventListener("focusin", tell("select"));
        this.cells.addEventListener("pointerover", tell("preview"));
        this.cells.addEventListener("pointerleave", () => this.data.preview(null, null));
        this.cells.addEventListener("click", (event) =>
            event.target.closest("[data-mark]")?.focus(),
        );
        const look = (cell) => {
            this.dense.look(cell);
            this.data.preview(...(cell ?? [null, null]));
        };
        this.dense.group.addEventListener("pointermove", (event) => look(this.dense.under(event)));
        this.dense.group.addEventListener("pointerleave", () => look(null));
        this.dense.group.addEventListener("click", (event) => {
            const cell = this.dense.under(event);
            if (cell) this.dense.move(this.data, ...cell).focus();
        });
    }

    get isDense() {
        return this.data.labels.length > MOST_MARKS;
    }

    draw(data) {
        const count = data.labels.length;
        const available = Math.max(this.width, 160);
        const left = Math.min(
            available * 0.24,
            Math.max(...data.labels.map((one) => one.length), 2) * 7.4 + 12,
        );
        const room = Math.min(available - left - 2, this.isDense ? LARGEST_SQUARE : Infinity);
        const side = Math.min(LARGEST, room / count);
        const height = Math.min(side, 56);
        this.frame(TOP + height * count + 2, data.name);
        this.#drawHeads(data, left, side, height);
        if (this.isDense) this.cells.replaceChildren();
        else this.#drawCells(data, left, side, height);
        this.dense.draw(this.isDense ? data : null, left, TOP, side);
    }

    #drawCells(data, left, side, height) {
        const largest = Math.max(
            ...data.values.flat().map(Math.abs).filter(Number.isFinite),
            1e-300,
        );
        const items = data.values.flatMap((line, row) =>
            line.map((value, column) => ({ row, column, value })),
        );
        sync(this.cells, items, create, (cell, item) => {
            const [square, text] = cell.children;
            const { row, column, value } = item;
            const x = left + column * side;
            const y = TOP + row * height;
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

    // Where there is no room for all names, every second, third, … is written.
    #drawHeads(data, left, side, height) {
        const fits = Math.floor((left - 8) / 7.4);
        const across = this.isDense ? Math.ceil(44 / side) : 1;
        const down = Math.ceil(14 / height);
        const columns = data.labels.map((label, i) => ({
            x: left + (i + 0.5) * side,
            y: 16,
            "text-anchor": "middle",
            "dominant-baseline": null,
            text: i % across || side * across < 20 ? "" : clip(label, Math.floor((side * across) / 7.2)),
        }));
        const rows = data.labels.map((label, i) => ({
            x: left - 8,
            y: TOP + (i + 0.5) * height,
            "text-anchor": "end",
            "dominant-baseline": "central",
            text: i % down ? "" : clip(label, fits),
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
        if (this.isDense) return this.#next(key, marks[index].dataset, count);
        const column = index % count;
        if (key === "ArrowRight") return column < count - 1 ? marks[index + 1] : undefined;
        if (key === "ArrowLeft") return column > 0 ? marks[index - 1] : undefined;
        const step = { ArrowDown: count, ArrowUp: -count, Home: -column, End: count - 1 - column }[
            key
        ];
        return step === undefined ? undefined : marks[index + step];
    }

    #next(key, { row, column }, count) {
        const [i, j] = [Number(row), Number(column)];
        const to = {
            ArrowRight: [i, j + 1],
            ArrowLeft: [i, j - 1],
            ArrowDown: [i + 1, j],
            ArrowUp: [i - 1, j],
            Home: [i, 0],
            End: [i, count - 1],
        }[key];
        const inside = to?.every((one) => one >= 0 && one < count);
        return inside ? this.dense.move(this.data, ...to) : undefined;
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
