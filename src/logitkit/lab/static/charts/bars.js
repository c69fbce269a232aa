/**
 * `<lk-bars>`: one horizontal bar a class, from zero to its value.
 *
 * data: { name, rows: [{ label, value, text, color, index, marker? }], domain, edit?, ticks? }. A marker
 * is a second value, drawn as a line across the bar.
 * With `edit: { step, input(index, value), change() }` the bars are sliders: they can be dragged,
 * and each is in the tab order.
 */

import { s, set, setAttribute, setText, sync } from "../core/dom.js";
import { plain } from "../core/numbers.js";
import { Chart } from "./chart.js";
import { linear } from "./scale.js";

const ROW = 36;
const BAR = 20;
const AXIS = 22;
const CHARACTER = 7.6;

export class Bars extends Chart {
    #drag = null;

    connectedCallback() {
        super.connectedCallback();
        if (this.body) return;
        this.axis = this.svg.appendChild(s("g", { class: "axis", "aria-hidden": "true" }));
        this.body = this.svg.appendChild(s("g"));
        this.svg.addEventListener("pointerdown", (event) => this.#grab(event));
        this.svg.addEventListener("pointermove", (event) => this.#move(event));
        for (const end of ["pointerup", "pointercancel"]) {
            this.svg.addEventListener(end, () => this.#release());
        }
        this.svg.addEventListener("keydown", (event) => this.#key(event));
    }

    draw(data) {
        const width = this.frame(
            data.rows.length * ROW + (data.ticks === false ? 4 : AXIS),
            data.name,
        );
        const longest = Math.max(...data.rows.map((row) => row.label.length), 3);
        const left = Math.min(longest * CHARACTER + 18, width * (width < 260 ? 0.42 : 0.32));
        const right =
            width - Math.max(...data.rows.map((row) => row.text.length), 4) * CHARACTER - 14;
        const domain = this.#drag?.domain ?? data.domain;
        this.scale = linear(domain, [left, Math.max(right, left + 40)]);
        this.fits = Math.floor((left - 16) / CHARACTER);
        this.#drawAxis(data, domain);
        sync(
            this.body,
            data.rows,
            () => this.#create(),
            (group, row, place) => this.#update(group, row, place),
        );
        this.svg.classList.toggle("is-editable", Boolean(data.edit));
    }

    #drawAxis(data, domain) {
        const bottom = data.rows.length * ROW;
        const room = this.scale(domain[1]) - this.scale(domain[0]);
        const marks =
            data.ticks === false
                ? [0]
                : this.scale.ticks(Math.max(2, Math.min(6, Math.floor(room / 60))));
        sync(
            this.axis,
            marks,
            () => s("g", {}, s("line"), s("text", { "text-anchor": "middle" })),
            (group, value) => {
                const x = this.scale(value);
                set(group.children[0], {
                    x1: x,
                    x2: x,
                    y1: 2,
                    y2: bottom,
                    class: value === 0 ? "zero" : "grid",
                });
                set(group.children[1], {
                    x,
                    y: bottom + 16,
                    text: data.ticks === false ? "" : tickText(value),
                });
            },
        );
    }

    #create() {
        return s(
            "g",
            { class: "bar", "data-mark": "", tabindex: "-1" },
            s("rect", { class: "hit" }),
            s("text", { class: "label", "aria-hidden": "true" }),
            s("rect", { class: "mark", rx: 3 }),
            s("line", { class: "marker" }),
            s("circle", { class: "handle", r: 7 }),
            s("text", { class: "value", "aria-hidden": "true" }),
        );
    }

    #update(group, row, place) {
        const { edit, domain } = this.data;
        const [hit, label, bar, marker, handle, value] = group.children;
        const middle = place * ROW + ROW / 2;
        const shown = Number.isFinite(row.value)
            ? row.value
            : row.value > 0
              ? domain[1]
              : row.value < 0
                ? domain[0]
                : 0;
        const zero = this.scale(Math.min(Math.max(0, domain[0]), domain[1]));
        const end = this.scale(shown);
        setAttribute(
            group,
            "class",
            `bar ${row.color ?? ""}${Number.isFinite(row.value) ? "" : " is-limit"}`,
        );
        set(group, { "data-class": row.index, ...this.#names(row, edit) });
        set(hit, { x: 0, y: middle - ROW / 2, width: this.svg.getAttribute("width"), height: ROW });
        set(label, {
            x: 4,
            y: middle,
            "dominant-baseline": "central",
            text: clip(row.label, this.fits),
        });
        const length = Math.abs(end - zero);
        set(bar, {
            x: Math.min(zero, end),
            y: middle - BAR / 2,
            width: Math.max(length, 0),
            height: BAR,
        });
        set(handle, {
            cx: end,
            cy: middle,
            visibility: edit && Number.isFinite(row.value) ? null : "hidden",
        });
        const gap = edit ? 14 : 8;
        const marked = Number.isFinite(row.marker) ? this.scale(row.marker) : zero;
        const hidden = Number.isFinite(row.marker) ? null : "hidden";
        set(marker, {
            x1: marked,
            x2: marked,
            y1: middle - 14,
            y2: middle + 14,
            visibility: hidden,
        });
        // The text of a negative bar stands at its end too, where there is room.
        const before = Math.min(end, marked) - gap;
        const leftwards = end < zero && before - row.text.length * CHARACTER > this.scale.range[0];
        const x = leftwards ? before : Math.max(zero, end, marked) + gap;
        set(value, {
            x,
            y: middle,
            "dominant-baseline": "central",
            "text-anchor": leftwards ? "end" : null,
        });
        setText(value, row.text);
    }

    #names(row, edit) {
        const label = row.description ?? `${row.label}: ${row.text}`;
        if (!edit) return { role: "img", "aria-label": label };
        const [low, high] = this.data.domain;
        return {
            role: "slider",
            tabindex: "0",
            "aria-label": row.label,
            "aria-valuemin": plain(low),
            "aria-valuemax": plain(high),
            "aria-valuenow": plain(
                Number.isFinite(row.value) ? row.value : row.value > 0 ? high : low,
            ),
            "aria-valuetext": row.text,
        };
    }

    #grab(event) {
        const { edit, domain, rows } = this.data;
        const group = event.target.closest(".bar");
        if (!edit || !group || event.button > 0) return;
        const place = [...this.body.children].indexOf(group);
        if (event.offsetX < this.scale(domain[0]) - 16) return;
        // The axis stands still during a drag: otherwise the bar runs from the pointer.
        this.#drag = { index: rows[place].index, domain };
        this.svg.setPointerCapture(event.pointerId);
        group.focus();
        this.#move(event);
        event.preventDefault();
    }

    #move(event) {
        if (!this.#drag) return;
        const { index, domain } = this.#drag;
        const { step, input } = this.data.edit;
        const x = event.clientX - this.svg.getBoundingClientRect().left;
        const value = Math.min(Math.max(this.scale.invert(x), domain[0]), domain[1]);
        input(index, Number((Math.round(value / step) * step).toPrecision(10)));
    }

    #release() {
        if (!this.#drag) return;
        this.#drag = null;
        this.data.edit.change();
        this.data = this.data;
    }

    #key(event) {
        const { edit, rows } = this.data;
        const place = [...this.body.children].indexOf(event.target);
        if (!edit || place < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
        const { step } = edit;
        const row = rows[place];
        const by = {
            ArrowRight: 10,
            ArrowUp: 10,
            ArrowLeft: -10,
            ArrowDown: -10,
            PageUp: 100,
            PageDown: -100,
        }[event.key];
        const to = { Home: this.data.domain[0], End: this.data.domain[1] }[event.key];
        if (by === undefined && to === undefined) return;
        event.preventDefault();
        const value = to ?? (Number.isFinite(row.value) ? row.value : 0) + by * step;
        edit.input(row.index, Number(value.toPrecision(10)));
        edit.change();
    }
}

const tickText = (value) => String(value).replace("-", "\u2212");

/** Shorten a label to what fits; the name of the mark has it whole. */
export const clip = (label, fits) =>
    label.length > fits ? `${label.slice(0, Math.max(1, fits - 1))}…` : label;

customElements.define("lk-bars", Bars);
