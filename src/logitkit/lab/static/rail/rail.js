/** `<lk-rail>`: what all panels share: scores, temperature, dtype, true class; and who computed. */

import { freshId, h, set, setText, sync } from "../core/dom.js";
import { DTYPES, label, within } from "../core/state.js";
import { store } from "../core/store.js";
import "../parts/temperature.js";
import "./scores.js";
import "./strip.js";

const SHORT = { float16: "f16", bfloat16: "bf16", float32: "f32", float64: "f64" };

export class Rail extends HTMLElement {
    connectedCallback() {
        if (this.scores) return;
        this.scores = h("lk-scores");
        this.temperature = h("lk-temperature");
        this.strip = h("lk-strip");
        this.target = h("select", { id: freshId("target"), class: "field select" });
        this.target.addEventListener("change", () =>
            store.set({ target: Number(this.target.value) }),
        );
        set(this.scores, { id: freshId("scores") });
        this.sheet = h(
            "button",
            {
                type: "button",
                class: "sheet-toggle",
                "aria-expanded": "false",
                "aria-controls": this.scores.id,
            },
            "Edit scores",
        );
        this.sheet.onclick = () => this.#open(this.sheet.getAttribute("aria-expanded") !== "true");
        this.addEventListener("keydown", (event) => {
            // What lies on top of the sheet is closed first, by the browser.
            const over = this.querySelector(":popover-open, dialog[open]");
            if (event.key === "Escape" && !over && !event.defaultPrevented) this.#open(false);
        });
        this.append(
            h(
                "aside",
                { class: "rail", "aria-label": "Scores and settings" },
                this.scores,
                h("div", { class: "rail-bar" }, this.temperature, this.sheet),
                h("div", { class: "rail-rest" }, this.#dtypes(), this.#targets(), this.strip),
            ),
        );
    }

    /** Show `state`, and the probabilities of the last reply beside the temperature. */
    update(state, probabilities) {
        this.scores.update(state);
        this.temperature.update(state, probabilities);
        for (const radio of this.radios) radio.checked = radio.value === state.dtype;
        const names = state.classes.map(label);
        sync(
            this.target,
            names,
            (i) => h("option", { value: i }),
            (option, name) => setText(option, name),
        );
        this.target.value = String(within(state.target, names.length));
        set(this.target, { disabled: names.length === 0 });
    }

    #open(open) {
        set(this.sheet, { "aria-expanded": String(open) });
        setText(this.sheet, open ? "Done" : "Edit scores");
        this.classList.toggle("is-open", open);
    }

    #dtypes() {
        const name = freshId("dtype");
        this.radios = DTYPES.map((value) => {
            const radio = h("input", { type: "radio", name, value, class: "visually-hidden" });
            radio.addEventListener("change", () => store.set({ dtype: value }));
            return radio;
        });
        const choices = this.radios.map((radio) =>
            h(
                "label",
                { class: "segment", title: radio.value },
                radio,
                h(
                    "span",
                    {},
                    SHORT[radio.value],
                    h("span", { class: "visually-hidden" }, `, ${radio.value}`),
                ),
            ),
        );
        return h(
            "fieldset",
            { class: "segments" },
            h("legend", { class: "control-label" }, "Data type"),
            h("div", { class: "segment-row" }, ...choices),
        );
    }

    #targets() {
        return h(
            "div",
            { class: "control" },
            h("label", { for: this.target.id, class: "control-label" }, "True class"),
            this.target,
        );
    }
}

customElements.define("lk-rail", Rail);
