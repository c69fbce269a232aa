/** `<lk-presets>`: examples that show one thing each. */

import { h } from "../core/dom.js";
import { announce } from "../core/status.js";
import { FRUIT } from "../core/state.js";
import { store } from "../core/store.js";
import { replace } from "../rail/edits.js";

const named = (names, logits) => names.map((name, i) => ({ name, logit: logits[i] }));

/** Each example: what it is called, what it shows, what it sets. */
const EXAMPLES = [
    { name: "Fruit", shows: "four classes, one leads", rows: () => FRUIT, target: 1 },
    {
        name: "A tie",
        shows: "equal scores share equally",
        rows: () => named(["left", "right", "neither"], [2, 2, -1]),
    },
    { name: "One class", shows: "the answer is always 1", rows: () => named(["alone"], [0.7]) },
    {
        name: "Uniform",
        shows: "the level of the scores does not matter",
        rows: () => named(["a", "b", "c", "d", "e"], [3, 3, 3, 3, 3]),
    },
    {
        name: "Masked",
        shows: "a score of −∞ rules a class out",
        rows: () => named(["allowed", "ruled out", "allowed too"], [1, -Infinity, 0.5]),
    },
    {
        name: "Huge scores",
        shows: "where the naive formula overflows",
        rows: () => named(["a", "b", "c"], [1000, 1001, 1002]),
    },
    {
        name: "A handwritten 5",
        shows: "the ten scores of a network that is in doubt",
        rows: digit,
        target: 5,
    },
];

async function digit() {
    const response = await fetch("data/digit_five.json");
    const { logits } = await response.json();
    return logits.map((logit, i) => ({ name: String(i), logit }));
}

export class Presets extends HTMLElement {
    connectedCallback() {
        if (this.firstChild) return;
        const chips = EXAMPLES.map((example) =>
            h(
                "li",
                {},
                h(
                    "button",
                    {
                        type: "button",
                        class: "chip",
                        title: example.shows,
                        onclick: () => this.#take(example),
                    },
                    example.name,
                ),
            ),
        );
        this.append(h("ul", { class: "chips", "aria-label": "Examples" }, ...chips));
    }

    async #take({ name, shows, rows, target = 0 }) {
        store.set({ ...replace(await rows()), target });
        announce(`Example ${name}: ${shows}`);
    }
}

customElements.define("lk-presets", Presets);
