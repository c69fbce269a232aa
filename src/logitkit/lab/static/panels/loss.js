/** Panel: cross-entropy: the loss, its gradient, and the naive logarithm. */

import { colour } from "../core/colours.js";
import { h, set, setText, sync } from "../core/dom.js";
import { block, mi, mn, mo, mtext, sub, sum } from "../core/formulas.js";
import { decimals, fromApi, number } from "../core/numbers.js";
import * as snippets from "../core/snippets.js";
import { label, question, within } from "../core/state.js";
import { store } from "../core/store.js";
import { niceDomain } from "../charts/scale.js";
import { score } from "../rail/edits.js";
import { Panel } from "./panel.js";
import "../charts/bars.js";
import "../parts/figure.js";
import "../parts/slider.js";

const MOST = 16;
const BELOW = [5, 20, 110, 2000];

export class Loss extends Panel {
    static slug = "loss";
    static heading = "Cross-entropy: the price of being wrong";
    static look =
        "The gradient is the probabilities minus the truth: it pulls the true class up exactly as hard as it pushes the others down.";

    build(body) {
        this.formula = h("div", {
            class: "loss-formula",
            role: "group",
            tabindex: "0",
            "aria-label": "Formula of the loss",
        });
        this.shares = h("lk-bars");
        this.gradient = h("lk-bars");
        this.figure = h("lk-figure");
        this.smoothing = h("lk-slider", { class: "wide-control" });
        this.target = h("select", { class: "field select", id: "loss-target" });
        this.target.addEventListener("change", () =>
            store.set({ target: Number(this.target.value) }),
        );
        this.naive = h("div", { class: "verdict" });
        const chips = BELOW.map((by) =>
            h(
                "li",
                {},
                h(
                    "button",
                    {
                        type: "button",
                        class: "chip",
                        "aria-label": `Put the score of the true class ${by} below the largest of the others`,
                        onclick: () => this.#sink(by),
                    },
                    `−${by}`,
                ),
            ),
        );
        body.append(this.figure);
        this.figure.setup({
            name: "Loss and gradient",
            charts: [
                h(
                    "div",
                    { class: "loss-controls" },
                    h(
                        "div",
                        { class: "control" },
                        h("label", { class: "control-label", for: "loss-target" }, "True class"),
                        this.target,
                    ),
                    this.smoothing,
                ),
                this.formula,
                h(
                    "div",
                    { class: "pair" },
                    h(
                        "div",
                        {},
                        h("h3", {}, "Probabilities, and the truth as a line"),
                        this.shares,
                    ),
                    h("div", {}, h("h3", {}, "Gradient of the loss in each score"), this.gradient),
                ),
                h(
                    "div",
                    { class: "loss-naive" },
                    h("p", { class: "hint" }, "Put the true class below the others by"),
                    h("ul", { class: "chips", "aria-label": "How far" }, ...chips),
                ),
                this.naive,
            ],
            file: "cross-entropy",
        });
        this.smoothing.setup({
            label: "Label smoothing",
            low: 0,
            high: 1,
            step: 0.01,
            input: (smoothing) => store.set({ smoothing }, { commit: false }),
            change: () => store.commit(),
        });
    }

    operations(state) {
        const target = within(state.target, state.classes.length);
        const { logits, dtype } = question(state);
        return {
            loss: { op: "cross_entropy", logits, dtype, target, label_smoothing: state.smoothing },
        };
    }

    show(state, { loss }) {
        const names = state.classes.map(label);
        const target = within(state.target, names.length);
        this.smoothing.update(state.smoothing);
        sync(
            this.target,
            names,
            (i) => h("option", { value: i }),
            (option, name) => setText(option, name),
        );
        this.target.value = String(target);
        this.#formula(state, loss, names[target], target);
        this.#charts(names, loss);
        this.#naive(state, loss);
        const columns = ["probabilities", "target_distribution", "gradient", "log_probabilities"];
        this.figure.update({
            summary: `If ${names[target]} is true, the loss is ${number(fromApi(loss.loss))} nats.${state.temperature === 1 ? "" : " The temperature is 1 here: a loss is taken of the scores as they are."}`,
            columns: ["Class", "Probability", "Truth", "Gradient", "Log-probability"],
            rows: names.map((name, i) => [
                { text: name, index: i },
                ...columns.map((key) => ({
                    text: decimals(fromApi(loss[key][i])),
                    value: fromApi(loss[key][i]),
                })),
            ]),
        });
    }

    #formula(state, loss, name, target) {
        const value = fromApi(loss.loss);
        const result = mn(number(value), { "data-value": String(value), class: "loss-value" });
        const p = mn(number(fromApi(loss.probabilities[target])));
        const log = (inside) => [mo("−"), mi("log"), mo("("), inside, mo(")")];
        const single = log(sub(mi("p"), mtext(name, { class: "term-name" })));
        const smooth = [mo("−"), sum("i"), sub(mi("y"), mi("i")), mi("log"), sub(mi("p"), mi("i"))];
        const numbers = state.smoothing ? [] : [...log(p), mo("=")];
        this.formula.replaceChildren(
            block(
                "the loss is minus the logarithm of what the true class got",
                mi("L"),
                mo("="),
                ...(state.smoothing ? smooth : single),
            ),
            block(`that is ${number(value)} nats`, mo("="), ...numbers, result),
        );
    }

    #charts(names, loss) {
        const rows = (key, text) =>
            names.slice(0, MOST).map((name, i) => ({
                index: i,
                label: name,
                color: colour(i),
                value: fromApi(loss[key][i]),
                text: text(fromApi(loss[key][i])),
            }));
        this.shares.data = {
            name: "Probabilities, with the target as a line",
            domain: [0, 1],
            rows: rows("probabilities", (p) => decimals(p, 3)).map((one, i) => ({
                ...one,
                marker: fromApi(loss.target_distribution[i]),
            })),
        };
        const gradient = rows("gradient", (g) => decimals(g, 3));
        this.gradient.data = {
            name: "Gradient of the loss in each score",
            domain: niceDomain(
                gradient.map((one) => one.value),
                [-1, 1],
            ),
            rows: gradient,
        };
    }

    #naive(state, loss) {
        const { failure } = loss.naive;
        set(this.naive, { class: `verdict${failure ? " is-bad" : ""}` });
        const item = (name, value, note) =>
            h(
                "div",
                {},
                h("dt", {}, name),
                h("dd", { class: "readout-value", "data-value": String(value) }, number(value)),
                h("dd", { class: "readout-note" }, note),
            );
        const naive = fromApi(loss.naive.loss);
        const fine = state.smoothing
            ? "without label smoothing"
            : "the logarithm of the softmax, as it is written";
        this.naive.replaceChildren(
            h(
                "dl",
                { class: "readout" },
                item("Naive: log after softmax", naive, failure ? `✗ ${failure}` : fine),
                item(
                    "logitkit: log-softmax",
                    fromApi(loss.loss),
                    "the logarithm is taken inside, so no probability has to survive",
                ),
            ),
        );
    }

    // Below the largest of the others: how far is what the naive logarithm depends on.
    #sink(by) {
        const { state } = store;
        const target = within(state.target, state.classes.length);
        const others = state.classes
            .filter((_, i) => i !== target)
            .map((one) => one.logit)
            .filter(Number.isFinite);
        store.set({
            classes: score(state, target, (others.length ? Math.max(...others) : 0) - by),
        });
    }

    snippet(state) {
        const target = within(state.target, state.classes.length);
        const smooth = state.smoothing ? `, label_smoothing=${state.smoothing}` : "";
        const lines = [
            snippets.scores(state),
            `loss, gradient = logitkit.cross_entropy_with_grad(logits, ${target}${smooth})`,
            "print(loss, gradient)",
        ];
        const smoothing = state.smoothing ? ` --label-smoothing ${state.smoothing}` : "";
        const command = `logitkit loss ${snippets.numbers(state)}${snippets.labels(state)} --target ${target}${smoothing}`;
        return { python: lines.join("\n"), shell: snippets.inDtype(state, command) };
    }
}

customElements.define("lk-panel-loss", Loss);
