/** Panel: the calculation, step by step; what a number was made of is marked with it. */

import { colour } from "../core/colours.js";
import { h, set, setText } from "../core/dom.js";
import { fromApi, number } from "../core/numbers.js";
import * as snippets from "../core/snippets.js";
import { label, question } from "../core/state.js";
import { store } from "../core/store.js";
import { niceDomain } from "../charts/scale.js";
import { Panel } from "./panel.js";
import { STEPS, formulaOf, saysOf } from "./worked-steps.js";
import "../charts/bars.js";
import "../parts/figure.js";
import "../parts/slider.js";
import "./worked-table.js";

const PACE = 1800; // milliseconds a step while it plays
const MOST = 12;

export class Worked extends Panel {
    static slug = "worked";
    static heading = "The calculation, step by step";
    static look =
        "Follow one class from left to right: only the division by the sum lets the classes know of each other.";

    #playing = 0;

    build(body) {
        this.tabs = STEPS.map((step, i) =>
            h(
                "li",
                {},
                h(
                    "button",
                    { type: "button", class: "step-tab", onclick: () => this.#go(i) },
                    h("span", { class: "step-number", "aria-hidden": "true" }, String(i + 1)),
                    step.name,
                ),
            ),
        );
        this.back = h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#go(store.state.step - 1) },
            "Back",
        );
        this.next = h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#go(store.state.step + 1) },
            "Next",
        );
        this.play = h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#toggle() },
            "Play",
        );
        this.says = h("p", { class: "worked-says" });
        this.formula = h("div", {
            class: "worked-formula",
            role: "group",
            tabindex: "0",
            "aria-label": "Formula of this step",
        });
        this.chart = h("lk-bars");
        this.chartTitle = h("h3");
        this.table = h("lk-worked-table");
        this.figure = h("lk-figure");
        this.digits = h("lk-slider", { class: "compact" });
        body.append(
            h("ol", { class: "step-tabs", "aria-label": "Steps" }, ...this.tabs),
            h("div", { class: "worked-tools" }, this.back, this.play, this.next, this.digits),
            this.figure,
        );
        this.figure.setup({
            name: "The worked calculation",
            charts: [
                h(
                    "div",
                    { class: "worked-now" },
                    h("div", {}, this.says, this.formula),
                    h("div", {}, this.chartTitle, this.chart),
                ),
                this.table,
            ],
            file: "worked",
        });
        this.digits.setup({
            label: "Digits",
            low: 2,
            high: 17,
            step: 1,
            hint: "a whole number from 2 to 17",
            accepts: (value) => Number.isInteger(value) && value >= 2 && value <= 17,
            input: (digits) => store.set({ digits }, { commit: false }),
            change: () => store.commit(),
        });
        this.table.addEventListener("aim", ({ detail }) => this.#aim(detail));
    }

    operations(state) {
        return { steps: { op: "steps", ...question(state), labels: state.classes.map(label) } };
    }

    show(state, { steps }) {
        this.answer = steps;
        this.digits.update(state.digits);
        this.tabs.forEach((tab, i) =>
            set(tab.firstChild, { "aria-current": i === state.step ? "step" : null }),
        );
        set(this.back, { disabled: state.step === 0 });
        set(this.next, { disabled: state.step === STEPS.length - 1 });
        this.table.show(state, steps);
        this.#explain(state, steps);
        const format = (value) => number(fromApi(value), state.digits);
        this.figure.update({
            summary: `The columns between are worked in float64; the probabilities are those of the kernel in ${state.dtype}.`,
            columns: ["Class", ...STEPS.filter((step) => step.field).map((step) => step.name)],
            rows: steps.steps.map((one, index) => [
                { text: one.label, index },
                ...STEPS.filter((step) => step.field).map((step) => ({
                    text: format(one[step.field]),
                    value: fromApi(one[step.field]) ?? undefined,
                })),
            ]),
        });
    }

    #explain(state, steps) {
        const index = Math.min(this.aimed ?? state.row, steps.steps.length - 1);
        const format = (value) => number(fromApi(value), state.digits);
        const context = { step: state.step, one: steps.steps[index], steps, state, format };
        setText(this.says, saysOf(context));
        this.formula.replaceChildren(formulaOf(context));
        const step = STEPS[state.step];
        const field = step.field ?? "exponential";
        setText(this.chartTitle, step.chart);
        const rows = steps.steps.slice(0, MOST).map((one, i) => ({
            index: i,
            label: one.label,
            color: colour(i),
            value: fromApi(one[field]) ?? 0,
            text: format(one[field]),
        }));
        const domain =
            field === "probability" || field === "exponential"
                ? [0, 1]
                : niceDomain(rows.map((row) => row.value));
        this.chart.data = { name: step.chart, domain, rows };
    }

    #aim(index) {
        this.aimed = index;
        if (this.answer) this.#explain(store.state, this.answer);
    }

    #go(step) {
        this.#stop();
        store.set({ step: Math.min(Math.max(step, 0), STEPS.length - 1) });
    }

    #toggle() {
        if (this.#playing) {
            this.#stop();
            return;
        }
        if (store.state.step === STEPS.length - 1) store.set({ step: 0 }, { commit: false });
        this.#playing = setInterval(() => this.#advance(), PACE);
        setText(this.play, "Pause");
    }

    #advance() {
        store.set({ step: store.state.step + 1 }, { commit: false });
        if (store.state.step === STEPS.length - 1) this.#stop();
    }

    #stop() {
        clearInterval(this.#playing);
        if (this.#playing) store.commit();
        this.#playing = 0;
        setText(this.play, "Play");
    }

    snippet(state) {
        return {
            python: `${snippets.scores(state)}\nprint(logitkit.explain(logits, labels=${snippets.names(state)}${snippets.temperature(state)}))`,
            shell: snippets.explain(state),
        };
    }
}

customElements.define("lk-panel-worked", Worked);
