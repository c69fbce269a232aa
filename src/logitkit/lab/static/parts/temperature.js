/** `<lk-temperature>`: the temperature on a logarithmic slider, with its exact limits. */

import { h, set } from "../core/dom.js";
import { number, percent } from "../core/numbers.js";
import { label } from "../core/state.js";
import { store } from "../core/store.js";
import "./slider.js";

export class TemperatureControl extends HTMLElement {
    connectedCallback() {
        if (this.slider) return;
        this.zero = this.#limit(0, "0", "Temperature 0: the largest score takes all");
        this.infinite = this.#limit(Infinity, "∞", "Temperature infinity: all equal");
        this.slider = h("lk-slider");
        this.append(this.slider);
        this.slider.setup({
            label: "Temperature",
            low: 0.01,
            high: 100,
            log: true,
            accepts: (value) => value >= 0,
            hint: "0, a positive number or inf",
            before: [this.zero],
            after: [this.infinite],
            input: (temperature) => store.set({ temperature }, { commit: false }),
            change: () => store.commit(),
        });
    }

    #limit(value, text, name) {
        const press = () =>
            store.set({ temperature: store.state.temperature === value ? 1 : value });
        return h(
            "button",
            { type: "button", class: "limit", "aria-label": name, title: name, onclick: press },
            text,
        );
    }

    /** Show the temperature of `state`; `probabilities` of the last reply are told with it. */
    update(state, probabilities) {
        const t = state.temperature;
        set(this.zero, { "aria-pressed": String(t === 0) });
        set(this.infinite, { "aria-pressed": String(t === Infinity) });
        this.slider.update(t, `${number(t, 3)}: ${effect(t)}${leader(state, probabilities)}`);
    }
}

function effect(t) {
    if (t === 0) return "the largest score takes all";
    if (t === Infinity) return "all equal";
    return t < 1 ? "sharper" : t > 1 ? "flatter" : "as the scores are";
}

function leader(state, probabilities) {
    if (!probabilities?.length || probabilities.length !== state.classes.length) return "";
    const best = probabilities.indexOf(Math.max(...probabilities));
    return best < 0 ? "" : `; ${label(state.classes[best], best)} ${percent(probabilities[best])}`;
}

customElements.define("lk-temperature", TemperatureControl);
