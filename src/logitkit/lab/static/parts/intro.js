/** `<lk-intro>`: what the page is about, in a sentence and a formula. */

import { h } from "../core/dom.js";
import { softmaxFormula } from "../core/formulas.js";

export class Intro extends HTMLElement {
    connectedCallback() {
        if (this.firstChild) return;
        this.append(
            h(
                "div",
                { class: "intro" },
                h("h1", {}, "From scores to probabilities"),
                h(
                    "p",
                    { class: "intro-lead" },
                    "A model gives each class a score. Softmax turns the scores into probabilities that sum to one. ",
                    "Move any number on this page: all the others are computed again, by the library's own kernels, as you look.",
                ),
                h("p", { class: "intro-formula" }, softmaxFormula()),
            ),
        );
    }
}

customElements.define("lk-intro", Intro);
