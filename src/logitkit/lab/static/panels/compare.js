/** Panel: softmax beside the functions that it is mistaken for. */

import { colour } from "../core/colours.js";
import { h, set, setText } from "../core/dom.js";
import { decimals, fromApi, number } from "../core/numbers.js";
import * as snippets from "../core/snippets.js";
import { label, question } from "../core/state.js";
import { niceDomain } from "../charts/scale.js";
import { Panel } from "./panel.js";
import "../charts/bars.js";
import "../charts/lines.js";
import "../parts/figure.js";

const FUNCTIONS = [
    { key: "softmax", name: "softmax", says: "shares of one: exactly one class is right" },
    {
        key: "log_softmax",
        name: "log-softmax",
        says: "the logarithms of the shares, never above 0",
    },
    { key: "sigmoid", name: "sigmoid", says: "each class by itself: several may be right" },
    { key: "tanh", name: "tanh", says: "squeezed between −1 and 1" },
    { key: "relu", name: "ReLU", says: "negative scores become 0" },
    { key: "leaky_relu", name: "leaky ReLU", says: "negative scores become small" },
    { key: "silu", name: "SiLU", says: "a score times its sigmoid" },
];
const MOST = 10;

/** Where the functions of one number are drawn. */
const GRID = Array.from({ length: 97 }, (_, i) => -6 + i / 8);
const CURVES = FUNCTIONS.slice(2);

export class Compare extends Panel {
    static slug = "compare";
    static heading = "Only softmax shares";
    static look =
        "Change one score: in every other function only its own value moves, in softmax all do, for they sum to one.";

    build(body) {
        this.cards = FUNCTIONS.map((one) => {
            const chart = h("lk-bars");
            const sum = h("span", { class: "sum-value" });
            const badge = h("span", { class: "sum-badge" });
            const card = h(
                "div",
                { class: "function-card" },
                h("h3", {}, one.name),
                h("p", { class: "hint" }, one.says),
                chart,
                h("p", { class: "sum" }, "Sum ", sum, badge),
            );
            return { ...one, card, chart, sum, badge };
        });
        this.figure = h("lk-figure");
        this.curves = h("lk-lines");
        this.second = h("lk-figure");
        body.append(this.figure, this.second);
        this.figure.setup({
            name: "Seven functions of the same scores",
            charts: [h("div", { class: "function-cards" }, ...this.cards.map(({ card }) => card))],
            file: "compare",
        });
        this.second.setup({
            name: "The functions of one number",
            charts: [this.curves],
            file: "functions",
        });
    }

    operations(state) {
        const { logits, dtype } = question(state);
        return {
            values: { op: "activations", logits, dtype },
            curves: { op: "activations", logits: GRID, dtype: "float64" },
        };
    }

    show(state, { values: { functions }, curves }) {
        for (const card of this.cards) this.#card(state, card, functions[card.key]);
        const ones = FUNCTIONS.filter(({ key }) => functions[key].sums_to_one).map(
            ({ name }) => name,
        );
        this.figure.update({
            summary: ones.length
                ? `Here ${ones.join(" and ")} ${ones.length > 1 ? "sum" : "sums"} to one. The temperature is 1 for all.`
                : "None sums to one: the softmax of these scores is not defined.",
            columns: ["Class", ...FUNCTIONS.map(({ name }) => name)],
            rows: [
                ...state.classes.map((row, i) => [
                    { text: label(row, i), index: i },
                    ...FUNCTIONS.map(({ key }) => cell(functions[key].values[i])),
                ]),
                ["Sum", ...FUNCTIONS.map(({ key }) => cell(functions[key].sum))],
            ],
        });
        this.#curves(curves);
    }

    #card(state, { chart, sum, badge, name }, answer) {
        const rows = state.classes.slice(0, MOST).map((row, i) => ({
            index: i,
            label: label(row, i),
            color: colour(i),
            value: fromApi(answer.values[i]),
            text: decimals(fromApi(answer.values[i]), 3),
        }));
        chart.data = {
            name,
            rows,
            domain: niceDomain(
                rows.map((row) => row.value),
                [0, 1],
            ),
            ticks: false,
        };
        setText(sum, number(fromApi(answer.sum), 5));
        set(sum, { "data-value": String(fromApi(answer.sum)) });
        badge.replaceChildren(
            ...(answer.sums_to_one
                ? ["✓ sums to 1"]
                : [
                      h("span", { "aria-hidden": "true" }, "≠ 1"),
                      h("span", { class: "visually-hidden" }, "does not sum to 1"),
                  ]),
        );
        set(badge, { class: `sum-badge${answer.sums_to_one ? " is-one" : ""}` });
    }

    #curves({ functions, logits }) {
        if (this.drawn === functions) return;
        this.drawn = functions;
        const series = CURVES.map(({ key, name }, i) => ({
            label: name,
            color: `c${i} dash-${i}`,
            points: GRID.map((x, at) => [x, fromApi(functions[key].values[at])]),
        }));
        this.curves.data = {
            name: "sigmoid, tanh, ReLU, leaky ReLU and SiLU from −6 to 6",
            x: { domain: [-6, 6], label: "score" },
            y: { domain: [-1.2, 3] },
            series,
            height: 300,
        };
        this.second.update({
            summary:
                "Each of these looks at one score alone. Softmax has no such curve: it needs the whole row.",
            columns: ["Score", ...CURVES.map(({ name }) => name)],
            rows: GRID.map((x, at) => [
                { text: number(fromApi(logits[at])), value: x },
                ...CURVES.map(({ key }) => cell(functions[key].values[at])),
            ]).filter((_, i) => i % 4 === 0),
        });
    }

    snippet(state) {
        const calls = FUNCTIONS.map(({ key }) => `print("${key}", logitkit.${key}(logits))`);
        return {
            python: [snippets.scores(state), ...calls].join("\n"),
            shell: snippets.inDtype(
                state,
                `logitkit compare ${snippets.numbers(state)}${snippets.labels(state)}`,
            ),
        };
    }
}

const cell = (raw) => ({ text: decimals(fromApi(raw)), value: fromApi(raw) });

customElements.define("lk-panel-compare", Compare);
