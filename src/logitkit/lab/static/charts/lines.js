/**
 * `<lk-lines>`: curves over one axis, with a cursor that can be moved.
 *
 * data: { name, x: { domain, log, label, tick }, y: { domain, label }, series: [{ label, color,
 * index, points: [[x, y], …], at }], cursor: { value, text, input(x), change() } }. `at` is the
 * value at the cursor: a dot stands there. The cursor is a slider.
 */

import { freshId, s, set, sync } from "../core/dom.js";
import { plain } from "../core/numbers.js";
import { clip } from "./bars.js";
import { Chart } from "./chart.js";
import { linear, logarithmic, spread } from "./scale.js";

const TOP = 14;
const BOTTOM = 44;
const LEFT = 40;

export class Lines extends Chart {
    #dragging = false;

    connectedCallback() {
        super.connectedCallback();
        if (this.curves) return;
        this.grid = this.svg.appendChild(s("g", { class: "axis", "aria-hidden": "true" }));
        this.titles = this.svg.appendChild(s("g", { class: "axis-title", "aria-hidden": "true" }));
        const clip = freshId("clip");
        this.window = s("rect");
        this.svg.append(s("clipPath", { id: clip }, this.window));
        this.curves = this.svg.appendChild(
            s("g", { class: "curves", "clip-path": `url(#${clip})` }),
        );
        this.dots = this.svg.appendChild(s("g", { class: "dots", "aria-hidden": "true" }));
        this.names = this.svg.appendChild(s("g", { class: "curve-names", "aria-hidden": "true" }));
        this.cursor = this.svg.appendChild(
            s("g", { class: "cursor" }, s("rect", { class: "hit" }), s("line"), s("path")),
        );
        this.svg.addEventListener("pointerdown", (event) => this.#grab(event));
        this.svg.addEventListener("pointermove", (event) => this.#move(event));
        for (const end of ["pointerup", "pointercancel"]) {
            this.svg.addEventListener(end, () => this.#release());
        }
        this.cursor.addEventListener("keydown", (event) => this.data.cursor?.key(event));
    }

    draw(data) {
        const height = data.height ?? 320;
        const width = this.frame(height, data.name);
        const named = Math.min(...[15, Math.max(0, ...data.series.map((one) => one.label.length))]);
        this.right = width - (width < 420 ? Math.min(named, 9) : named) * 7.2 - 18;
        this.x = (data.x.log ? logarithmic : linear)(data.x.domain, [LEFT, this.right]);
        this.y = linear(data.y.domain, [height - BOTTOM, TOP]);
        set(this.window, {
            x: LEFT,
            y: TOP - 3,
            width: this.right - LEFT,
            height: height - BOTTOM - TOP + 6,
        });
        this.#drawAxes(data, height);
        this.#drawCurves(data, height);
        this.#drawCursor(data, height);
    }

    #drawAxes(data, height) {
        const across = this.y.ticks(4).map((value) => ({ value, at: this.y(value), axis: "y" }));
        const along = this.x
            .ticks(Math.floor(this.right / 80))
            .map((value) => ({ value, at: this.x(value), axis: "x" }));
        sync(
            this.grid,
            [...across, ...along],
            () => s("g", {}, s("line"), s("text")),
            (group, tick) => {
                const [line, text] = group.children;
                if (tick.axis === "y") {
                    set(line, {
                        x1: LEFT,
                        x2: this.right,
                        y1: tick.at,
                        y2: tick.at,
                        class: tick.value === 0 ? "zero" : "grid",
                    });
                    set(text, {
                        x: LEFT - 8,
                        y: tick.at,
                        "text-anchor": "end",
                        "dominant-baseline": "central",
                    });
                } else {
                    set(line, {
                        x1: tick.at,
                        x2: tick.at,
                        y1: height - BOTTOM,
                        y2: height - BOTTOM + 5,
                        class: "zero",
                    });
                    set(text, {
                        x: tick.at,
                        y: height - BOTTOM + 18,
                        "text-anchor": "middle",
                        "dominant-baseline": null,
                    });
                }
                set(text, {
                    text: (data[tick.axis].tick ?? String)(tick.value).replace("-", "\u2212"),
                });
            },
        );
        const titles = [
            {
                x: (LEFT + this.right) / 2,
                y: height - 6,
                text: data.x.label,
                "text-anchor": "middle",
            },
        ];
        sync(
            this.titles,
            titles,
            () => s("text"),
            (text, title) => set(text, title),
        );
    }

    #drawCurves(data, height) {
        sync(
            this.curves,
            data.series,
            () => s("path", { role: "img" }),
            (path, one) => {
                set(path, {
                    class: `curve ${one.color ?? ""}`,
                    d: curve(one.points.map(([x, y]) => [this.x(x), this.y(y)])),
                    "data-class": one.index,
                    "aria-label": one.description ?? one.label,
                });
            },
        );
        const last = data.series.map((one) => one.points.at(-1)[1]);
        const ends = last.map((value) => this.y(Number.isFinite(value) ? value : data.y.domain[0]));
        const places = spread(ends, 15, TOP + 4, height - BOTTOM);
        const fits = Math.floor((this.svg.viewBox.baseVal.width - this.right - 10) / 7.2);
        sync(
            this.names,
            data.series,
            () => s("text", { "dominant-baseline": "central" }),
            (text, one, i) => {
                set(text, {
                    x: this.right + 8,
                    y: places[i],
                    class: `curve-name ${one.color ?? ""}`,
                });
                set(text, { "data-class": one.index, text: clip(one.label, fits) });
            },
        );
        const marked = data.series.filter((one) => Number.isFinite(one.at) && this.#within(data));
        sync(
            this.dots,
            marked,
            () => s("circle", { r: 4.5 }),
            (dot, one) => {
                const place = this.#cursorPlace(data);
                set(dot, {
                    cx: place,
                    cy: this.y(one.at),
                    class: `dot ${one.color ?? ""}`,
                    "data-class": one.index,
                });
            },
        );
    }

    #within(data) {
        return data.cursor && !Number.isNaN(data.cursor.value);
    }

    // A cursor outside the axis, as at the limits 0 and infinity, stands at its end.
    #cursorPlace(data) {
        const [low, high] = data.x.domain;
        return this.x(Math.min(Math.max(data.cursor.value, low), high));
    }

    #drawCursor(data, height) {
        const [hit, line, grip] = this.cursor.children;
        set(this.cursor, { visibility: data.cursor ? null : "hidden" });
        if (!data.cursor) return;
        const place = this.#cursorPlace(data);
        const foot = height - BOTTOM;
        set(hit, { x: place - 14, y: TOP, width: 28, height: foot - TOP + 14 });
        set(line, { x1: place, x2: place, y1: TOP, y2: foot });
        set(grip, { d: `M${place} ${foot - 5}l6 7v5h-12v-5z` });
        const [low, high] = data.x.domain;
        set(this.cursor, {
            role: "slider",
            tabindex: "0",
            "aria-label": data.cursor.label,
            "aria-valuemin": plain(low),
            "aria-valuemax": plain(high),
            "aria-valuenow": plain(Math.min(Math.max(data.cursor.value, low), high)),
            "aria-valuetext": data.cursor.text,
        });
    }

    #grab(event) {
        if (!this.data?.cursor || event.button > 0) return;
        if (event.offsetX < LEFT - 16 || event.offsetX > this.right + 16) return;
        this.#dragging = true;
        this.svg.setPointerCapture(event.pointerId);
        this.#move(event);
    }

    #move(event) {
        if (!this.#dragging) return;
        const [low, high] = this.data.x.domain;
        const x = event.clientX - this.svg.getBoundingClientRect().left;
        const value = Math.min(Math.max(this.x.invert(x), low), high);
        this.data.cursor.input(Number(value.toPrecision(3)));
    }

    #release() {
        if (!this.#dragging) return;
        this.#dragging = false;
        this.data.cursor.change();
    }
}

/** A path through the points that are numbers; it is interrupted at the others. */
function curve(points) {
    let pen = "M";
    return points
        .map(([x, y]) => {
            if (!Number.isFinite(x) || !Number.isFinite(y)) {
                pen = "M";
                return "";
            }
            const part = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
            pen = "L";
            return part;
        })
        .join("");
}

customElements.define("lk-lines", Lines);
