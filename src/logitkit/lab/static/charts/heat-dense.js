/**
 * The cells of a large heat map: one path for all cells of one strength, not one element a cell, so
 * that thousands are drawn within a frame of a drag.
 *
 * Two marks stand for the cell that is chosen: the one that is not focused moves to the next cell
 * and takes the focus, so that a screen reader says the cell as it would say another element.
 */

import { s, set, sync } from "../core/dom.js";

const LEVELS = 24;

export class DenseCells {
    #at = { left: 0, top: 0, side: 1, count: 0 };

    constructor(parent) {
        this.group = parent.appendChild(s("g", { class: "dense" }));
        this.ground = this.group.appendChild(s("rect", { class: "ground" }));
        this.paths = this.group.appendChild(s("g", { "aria-hidden": "true" }));
        this.looked = this.group.appendChild(s("rect", { class: "looked", visibility: "hidden" }));
        this.marks = [0, 1].map(() =>
            this.group.appendChild(
                s("g", { role: "img", "data-mark": "", class: "cell" }, s("rect")),
            ),
        );
    }

    /** Draw the cells from (left, top) on, each `side` wide and high; without data, none. */
    draw(data, left, top, side) {
        set(this.group, { visibility: data ? null : "hidden" });
        if (!data) {
            for (const mark of this.marks) set(mark, { "data-mark": null, tabindex: null });
            this.paths.replaceChildren();
            return;
        }
        const count = data.labels.length;
        this.#at = { left, top, side, count };
        set(this.ground, { x: left, y: top, width: side * count, height: side * count });
        sync(
            this.paths,
            this.#strengths(data.values),
            () => s("path"),
            (path, one) => set(path, one),
        );
        const [now, other] = this.#turns();
        this.#place(now, data, data.row, data.column);
        set(now, { tabindex: "0" });
        set(other, { "data-mark": "", tabindex: "-1", visibility: "hidden" });
    }

    /** Return the cell under the pointer, [row, column], or null. */
    under(event) {
        const { left, top, side, count } = this.#at;
        const box = this.group.ownerSVGElement.getBoundingClientRect();
        const column = Math.floor((event.clientX - box.left - left) / side);
        const row = Math.floor((event.clientY - box.top - top) / side);
        return [row, column].every((one) => one >= 0 && one < count) ? [row, column] : null;
    }

    /** Frame the cell that is looked at; null frames none. */
    look(cell) {
        set(this.looked, cell ? this.#square(...cell) : { visibility: "hidden" });
    }

    /** Return the mark that now stands for a cell. */
    move(data, row, column) {
        const [now, next] = this.#turns();
        set(now, { visibility: "hidden" });
        this.#place(next, data, row, column);
        return next;
    }

    // The mark of the chosen cell, and the one that waits.
    #turns() {
        const [first, second] = this.marks;
        return document.activeElement === second ? [second, first] : [first, second];
    }

    #place(mark, data, row, column) {
        set(mark, {
            visibility: null,
            "data-mark": "",
            "data-row": row,
            "data-column": column,
            "aria-label": data.describe(row, column),
        });
        set(mark.firstElementChild, this.#square(row, column));
    }

    #square(row, column) {
        const { left, top, side } = this.#at;
        const grown = { x: left + column * side - 1, y: top + row * side - 1 };
        return { ...grown, width: side + 2, height: side + 2, visibility: null };
    }

    /** The cells of each sign and strength as one outline. */
    #strengths(values) {
        const { left, top, side } = this.#at;
        const edge = side < 5 ? side : side - 1;
        const square = `h${edge.toFixed(2)}v${edge.toFixed(2)}h-${edge.toFixed(2)}z`;
        const largest = Math.max(...values.flat().map(Math.abs).filter(Number.isFinite), 1e-300);
        const outlines = new Map();
        values.forEach((line, row) => {
            const y = (top + row * side).toFixed(2);
            line.forEach((value, column) => {
                const strength = Math.min(1, Math.sqrt(Math.abs(value) / largest));
                const level = Math.sign(value) * Math.round(strength * LEVELS);
                if (!level) return; // nothing to see: 0, or NaN
                const parts = outlines.get(level) ?? [];
                if (!parts.length) outlines.set(level, parts);
                parts.push(`M${(left + column * side).toFixed(2)} ${y}${square}`);
            });
        });
        return [...outlines].map(([level, parts]) => ({
            class: level > 0 ? "is-plus" : "is-minus",
            "fill-opacity": (Math.abs(level) / LEVELS).toFixed(3),
            d: parts.join(""),
        }));
    }
}
