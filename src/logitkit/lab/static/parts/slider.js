/**
 * `<lk-slider>`: a native slider paired with a field for the exact number.
 *
 * setup: { label, low, high, step, log?, places?, input(value), change(), accepts?(value), hint? }.
 * With `log` the slider moves by powers of ten. What the field cannot read is marked, said, and
 * changes nothing.
 */

import { freshId, h, set, setText } from "../core/dom.js";
import { editable, parse } from "../core/numbers.js";

export class Slider extends HTMLElement {
    setup(options) {
        this.options = options;
        const id = freshId("slider");
        const { low, high, step, log, label } = options;
        const bounds = log ? [Math.log10(low), Math.log10(high)] : [low, high];
        this.range = h("input", {
            type: "range",
            id,
            min: bounds[0],
            max: bounds[1],
            step: log ? 0.01 : step,
            class: "range",
        });
        this.field = h("input", {
            type: "text",
            inputmode: "decimal",
            class: "field number",
            autocomplete: "off",
            spellcheck: "false",
            "aria-label": `${label}, exact`,
            "aria-describedby": `${id}-error`,
        });
        this.error = h("p", { class: "field-error", id: `${id}-error`, hidden: true });
        this.range.addEventListener("input", () => options.input(this.#fromRange()));
        this.range.addEventListener("change", () => options.change());
        this.field.addEventListener("input", () => this.#typed());
        this.field.addEventListener("change", () => this.#settle());
        this.field.addEventListener("keydown", (event) => this.#step(event));
        this.append(
            h(
                "div",
                { class: "slider-head" },
                h("label", { for: id, class: "control-label" }, label),
                this.field,
            ),
            h(
                "div",
                { class: "slider-body" },
                ...(options.before ?? []),
                this.range,
                ...(options.after ?? []),
            ),
            this.error,
        );
        return this;
    }

    /** Show `value`; `text` is what a screen reader says of it. */
    update(value, text) {
        const { log, low, high } = this.options;
        const inside = Math.min(Math.max(value, low), high);
        const place = String(log ? Math.log10(inside) : inside);
        if (this.value !== value || document.activeElement !== this.range) this.range.value = place;
        this.value = value;
        set(this.range, { "aria-valuetext": text ?? editable(value) });
        if (document.activeElement !== this.field || !this.typing) this.#write();
        const [from, to] = [Number(this.range.min), Number(this.range.max)];
        this.range.style.setProperty(
            "--filled",
            `${(100 * (Number(this.range.value) - from)) / (to - from)}%`,
        );
    }

    #fromRange() {
        const place = Number(this.range.value);
        return this.options.log ? Number((10 ** place).toPrecision(3)) : place;
    }

    #accepts(value) {
        const { accepts, low, high } = this.options;
        return accepts ? accepts(value) : value >= low && value <= high;
    }

    #typed() {
        this.typing = true; // what is being typed stays, what stands follows Back and Undo
        const value = parse(this.field.value);
        const fine = value !== null && this.#accepts(value);
        const { low, high, hint } = this.options;
        const wanted = hint ?? `a number from ${low} to ${high}`;
        this.#complain(
            fine ? "" : `“${this.field.value}” is not ${wanted}; ${editable(this.value)} is kept.`,
        );
        if (fine) this.options.input(value);
    }

    #settle() {
        this.typing = false;
        this.#complain("");
        this.#write();
        this.options.change();
    }

    #step(event) {
        const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (!direction) return;
        event.preventDefault();
        const { log, low, high, step } = this.options;
        const start = Math.min(Math.max(this.value, low), high);
        const next = log ? start * 10 ** (0.05 * direction) : start + step * direction;
        const value = Math.min(Math.max(Number(next.toPrecision(log ? 3 : 10)), low), high);
        this.options.input(value);
        this.field.value = editable(value);
        this.options.change();
    }

    #write() {
        const text = editable(this.value);
        if (this.field.value !== text) this.field.value = text;
    }

    #complain(text) {
        this.error.hidden = !text;
        setText(this.error, text);
        set(this.field, { "aria-invalid": text ? "true" : null });
    }
}

customElements.define("lk-slider", Slider);
