/**
 * `<lk-reliability>`: accuracy against confidence, bin by bin, over a histogram of the confidence.
 *
 * data: { name, bins: [{ lower, upper, count, accuracy, interval, mean, enough, description }],
 * accuracy, confidence, select(index), chosen, choose(index) }. A bin is selected by the pointer and
 * by focus, and chosen by a click, Enter or Space. One without rows draws nothing, one with few is
 * hollow.
 */

import { s, set, sync } from "../core/dom.js";
import { Chart } from "./chart.js";
import { linear, ticks } from "./scale.js";

const [LEFT, RIGHT, TOP] = [46, 14, 28];
const CURVE = 300;
const GAP = 34;
const COUNTS = 110;
const FOOT = 44;

export class Reliability extends Chart {
    connectedCallback() {
        super.connectedCallback();
        if (this.bins) return;
        this.grid = this.svg.appendChild(s("g", { class: "axis", "aria-hidden": "true" }));
        this.diagonal = this.svg.appendChild(
            s("line", { class: "diagonal", "aria-hidden": "true" }),
        );
        this.bins = this.svg.appendChild(s("g"));
        this.means = this.svg.appendChild(s("g", { class: "means", "aria-hidden": "true" }));
        const tell = (to) => (event) => {
            const mark = event.target.closest("[data-mark]");
            if (mark) this.data[to]([...this.bins.children].indexOf(mark));
        };
        this.bins.addEventListener("focusin", tell("select"));
        this.bins.addEventListener("pointerover", tell("select"));
        this.bins.addEventListener("click", tell("choose"));
        this.bins.addEventListener("keydown", (event) => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            tell("choose")(event);
        });
    }

    draw(data) {
        const base = TOP + CURVE + GAP + COUNTS;
        const width = this.frame(base + FOOT, data.name);
        const most = Math.max(...data.bins.map((bin) => bin.count), 1);
        this.x = linear([0, 1], [LEFT, width - RIGHT]);
        this.y = linear([0, 1], [TOP + CURVE, TOP]);
        this.n = linear([0, most], [base, base - COUNTS]);
        this.#drawGrid(most, base);
        set(this.diagonal, { x1: this.x(0), y1: this.y(0), x2: this.x(1), y2: this.y(1) });
        sync(this.bins, data.bins, create, (group, bin, index) =>
            this.#drawBin(group, bin, base, index === data.chosen),
        );
        this.#drawMeans(data, base);
    }

    #drawGrid(most, base) {
        const left = {
            "text-anchor": "end",
            "dominant-baseline": "central",
            x: LEFT - 8,
            transform: null,
        };
        const lines = [
            ...ticks(0, 1, 4).map((value) => ({
                y: this.y(value),
                text: String(value),
                ...left,
                zero: value === 0,
            })),
            ...ticks(0, most, 2).map((value) => ({
                y: this.n(value),
                text: String(value),
                ...left,
                zero: value === 0,
            })),
        ];
        const along = ticks(0, 1, 5).map((value) => ({
            x: this.x(value),
            y: base + 18,
            text: String(value),
            "text-anchor": "middle",
            "dominant-baseline": null,
            bare: true,
            transform: null,
        }));
        const middle = (this.x(0) + this.x(1)) / 2;
        const titles = [
            {
                x: middle,
                y: base + 38,
                text: "confidence: the largest probability of a row",
                "text-anchor": "middle",
                "dominant-baseline": null,
                bare: true,
                transform: null,
            },
            {
                x: 0,
                y: TOP - 16,
                text: "accuracy",
                "text-anchor": "start",
                "dominant-baseline": null,
                bare: true,
                transform: null,
            },
            {
                x: 0,
                y: base - COUNTS - 12,
                text: "rows",
                "text-anchor": "start",
                "dominant-baseline": null,
                bare: true,
                transform: null,
            },
        ];
        sync(
            this.grid,
            [...lines, ...along, ...titles],
            () => s("g", {}, s("line"), s("text")),
            (group, { bare, zero, ...item }) => {
                const [line, text] = group.children;
                set(line, {
                    x1: LEFT,
                    x2: this.x(1),
                    y1: item.y,
                    y2: item.y,
                    class: zero ? "zero" : "grid",
                    visibility: bare ? "hidden" : null,
                });
                set(text, item);
            },
        );
    }

    #drawBin(group, bin, base, chosen) {
        const [hit, count, whisker, dot] = group.children;
        const [x0, x1] = [this.x(bin.lower), this.x(bin.upper)];
        const known = bin.count > 0;
        const place = known ? this.x(bin.mean) : (x0 + x1) / 2;
        set(group, {
            class: `point${bin.enough ? "" : " is-few"}${chosen ? " is-chosen" : ""}`,
            "aria-label": bin.description,
            "aria-pressed": String(chosen),
        });
        set(hit, { x: x0, y: TOP, width: x1 - x0, height: base - TOP });
        set(count, {
            x: x0 + 1,
            y: this.n(bin.count),
            width: Math.max(1, x1 - x0 - 2),
            height: base - this.n(bin.count),
        });
        const hidden = known ? null : "hidden";
        const [low, high] = bin.interval ?? [0, 0];
        set(whisker, {
            d: `M${place} ${this.y(low)}V${this.y(high)}m-4 0h8M${place - 4} ${this.y(low)}h8`,
            visibility: hidden,
        });
        set(dot, { cx: place, cy: this.y(bin.accuracy ?? 0), r: 5, visibility: hidden });
    }

    #drawMeans(data, base) {
        const lines = [
            { value: data.accuracy, class: "mean-accuracy", label: "accuracy" },
            { value: data.confidence, class: "mean-confidence", label: "mean confidence" },
        ];
        const first = Math.min(data.accuracy, data.confidence);
        sync(
            this.means,
            lines,
            () => s("g", {}, s("line"), s("text")),
            (group, line) => {
                const x = this.x(line.value);
                set(group, { class: line.class });
                set(group.children[0], { x1: x, x2: x, y1: base - COUNTS, y2: base });
                const left = line.value > 0.5 || line.value === first;
                const y = base - COUNTS + (line.class === "mean-accuracy" ? 12 : 28);
                set(group.children[1], {
                    x: x + (left ? -6 : 6),
                    y,
                    "text-anchor": left ? "end" : "start",
                    text: line.label,
                });
            },
        );
    }
}

const create = () =>
    s(
        "g",
        { role: "button", "data-mark": "", tabindex: "-1" },
        s("rect", { class: "hit" }),
        s("rect", { class: "count", rx: 2 }),
        s("path", { class: "whisker" }),
        s("circle", { class: "point-dot" }),
    );

customElements.define("lk-reliability", Reliability);
