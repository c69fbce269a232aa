/** Panel: the derivative as a matrix, and one score nudged. */

import { colour } from "../core/colours.js";
import { h, setText } from "../core/dom.js";
import { block, frac, mi, mn, mo, mtext, row, sub } from "../core/formulas.js";
import { fromApi, number } from "../core/numbers.js";
import * as snippets from "../core/snippets.js";
import { label, question, within } from "../core/state.js";
import { store } from "../core/store.js";
import { niceDomain } from "../charts/scale.js";
import { Panel } from "./panel.js";
import "../charts/bars.js";
import "../charts/heat.js";
import { lazy } from "../parts/figure.js";
import "../parts/slider.js";

const MOST_ASKED = 512;
const MOST_CELLS = 64; // a row
const MOST_BESIDE = 16; // with the formula beside the matrix
const MOST_BARS = 16;

export class Derivative extends Panel {
    static slug = "derivative";
    static heading = "The derivative: who gains, who pays";
    static look =
        "Each column says what happens when one score rises: that class gains, all others pay, and the changes sum to zero.";

    build(body) {
        this.heat = h("lk-heat");
        this.formula = h("div", {
            class: "cell-formula",
            role: "group",
            tabindex: "0",
            "aria-label": "Formula of the chosen cell",
        });
        this.says = h("p", { class: "cell-says" });
        this.beside = h(
            "div",
            { class: "beside" },
            this.heat,
            h("div", { class: "cell-words" }, this.formula, this.says),
        );
        this.matrix = h("lk-figure");
        this.nudge = h("lk-slider", { class: "wide-control" });
        this.bars = h("lk-bars");
        this.change = h("lk-figure");
        body.append(this.matrix, this.change);
        this.matrix.setup({
            name: "Jacobian of softmax",
            charts: [this.beside],
            file: "jacobian",
        });
        this.change.setup({
            name: "Nudge a score",
            charts: [this.nudge, this.bars],
            file: "nudge",
        });
        this.nudge.setup({
            label: "Added to the score",
            low: -5,
            high: 5,
            step: 0.05,
            input: (nudge) => store.set({ nudge }, { commit: false }),
            change: () => store.commit(),
        });
    }

    operations(state) {
        const count = state.classes.length;
        if (count > MOST_ASKED) return {};
        return {
            jacobian: { op: "jacobian", ...question(state) },
            nudge: {
                op: "nudge",
                ...question(state),
                index: within(state.column, count),
                delta: state.nudge,
            },
        };
    }

    show(state, { jacobian, nudge }) {
        const count = state.classes.length;
        this.body.hidden = count > MOST_ASKED;
        this.tell(this.#remark(state, count));
        if (count > MOST_ASKED) return;
        // The matrix has every cell: the one that is chosen now is shown, not that of the question.
        const { row, column } = store.state;
        this.#draw({ ...state, row, column }, jacobian);
        this.#explain({ ...state, row, column }, jacobian);
        this.#compare(state, nudge);
    }

    #remark(state, count) {
        if (count > MOST_ASKED)
            return `The matrix of ${count} classes has ${count * count} cells; choose at most ${MOST_ASKED} classes.`;
        if (state.temperature === 0)
            return "At temperature 0 the probabilities jump: there is no derivative to speak of.";
        return "";
    }

    // Of many classes the most likely are drawn: their cells are the ones that are not nearly 0.
    #shown(state, probabilities) {
        const order = probabilities.map((_, i) => i);
        if (order.length <= MOST_CELLS) return order;
        const chosen = new Set([
            within(state.row, order.length),
            within(state.column, order.length),
        ]);
        const rest = order
            .filter((i) => !chosen.has(i))
            .sort((a, b) => probabilities[b] - probabilities[a]);
        return [...chosen, ...rest].slice(0, MOST_CELLS).sort((a, b) => a - b);
    }

    #draw(state, jacobian) {
        const names = state.classes.map(label);
        const probabilities = jacobian.probabilities.map(fromApi);
        const shown = this.#shown(state, probabilities);
        const value = (i, j) => fromApi(jacobian.jacobian[i][j]);
        this.beside.classList.toggle("is-many", names.length > MOST_BESIDE);
        this.heat.data = {
            name: "How each probability (row) moves with each score (column)",
            labels: shown.map((i) => names[i]),
            values: shown.map((i) => shown.map((j) => value(i, j))),
            text: (one) => number(one, 2),
            describe: (i, j) =>
                `probability of ${names[shown[i]]} over score of ${names[shown[j]]}: ${number(value(shown[i], shown[j]))}`,
            row: shown.indexOf(within(state.row, names.length)),
            column: shown.indexOf(within(state.column, names.length)),
            preview: (i, j) => {
                this.looked = i === null ? null : [shown[i], shown[j]];
                this.#explain(state, jacobian);
            },
            select: (i, j) => {
                if (shown[i] === store.state.row && shown[j] === store.state.column) return;
                store.set({ row: shown[i], column: shown[j] }, { commit: false });
            },
        };
        const sums = jacobian.row_sums?.map(fromApi);
        const many =
            names.length > MOST_CELLS
                ? ` ${MOST_CELLS} of ${names.length} classes are drawn, the table has all.`
                : "";
        this.matrix.update({
            summary: `Rows are probabilities, columns are scores. Blue is a gain, amber a loss.${many}`,
            columns: ["Probability", ...names, ...(sums ? ["Sum"] : [])],
            rows: lazy(names.length, (i) => [
                { text: names[i], index: i },
                ...names.map((_, j) => ({ text: number(value(i, j)), value: value(i, j) })),
                ...(sums ? [{ text: number(sums[i], 2), value: sums[i] }] : []),
            ]),
        });
    }

    #explain(state, jacobian) {
        const names = state.classes.map(label);
        const [i, j] = (this.looked ?? [state.row, state.column]).map((k) =>
            within(k, names.length),
        );
        const p = (k) => mn(number(fromApi(jacobian.probabilities[k])));
        const cell = fromApi(jacobian.jacobian[i][j]);
        const numerator =
            i === j
                ? [p(i), mo("·"), mo("("), mn("1"), mo("−"), p(i), mo(")")]
                : [mo("−"), p(i), mo("·"), p(j)];
        const over =
            state.temperature === 1
                ? row(...numerator)
                : frac(row(...numerator), mn(number(state.temperature, 3)));
        const left = frac(
            row(mo("∂"), sub(mi("p"), mtext(names[i], { class: "term-name" }))),
            row(mo("∂"), sub(mi("z"), mtext(names[j], { class: "term-name" }))),
        );
        const words = `derivative of the probability of ${names[i]} by the score of ${names[j]}: ${number(cell)}`;
        const result = mn(number(cell), { "data-value": String(cell), class: "result" });
        this.formula.replaceChildren(
            block(words, left, mo("="), symbols(i === j, state.temperature)),
            block(`${words}, with numbers`, mo("="), over, mo("="), result),
        );
        const effect = i === j ? "rises" : "falls";
        setText(
            this.says,
            cell === 0 || Number.isNaN(cell)
                ? `The probability of ${names[i]} does not move with the score of ${names[j]}.`
                : `When the score of ${names[j]} rises a little, the probability of ${names[i]} ${effect} by ${number(Math.abs(cell))} for each unit.`,
        );
    }

    #compare(state, nudge) {
        const names = state.classes.map(label);
        const index = within(state.column, names.length);
        this.nudge.update(state.nudge, `${number(state.nudge)} on the score of ${names[index]}`);
        const rows = names.map((name, i) => ({
            index: i,
            label: name,
            color: colour(i),
            value: fromApi(nudge.true_change[i]),
            marker: fromApi(nudge.predicted_change[i]),
            text: number(fromApi(nudge.true_change[i]), 3),
        }));
        // Of many classes those that move most are drawn.
        const drawn =
            rows.length > MOST_BARS
                ? [...rows].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, MOST_BARS)
                : rows;
        this.bars.data = {
            name: "True change of each probability, with the predicted one as a line",
            domain: niceDomain(
                drawn.flatMap((one) => [one.value, one.marker]),
                [-0.1, 0.1],
            ),
            rows: drawn.map((one) => ({
                ...one,
                description: `${one.label}: ${one.text}, predicted ${number(one.marker, 3)}`,
            })),
        };
        this.change.update({
            summary: `The score of ${names[index]}, the column that is chosen above, moves by ${number(state.nudge)}. Bars are the true changes, lines what the derivative predicts: close for a small nudge, far for a large one.`,
            columns: ["Class", "Before", "After", "True change", "Predicted"],
            rows: rows.map((one, i) => [
                { text: one.label, index: i },
                ...[
                    nudge.probabilities[i],
                    nudge.nudged_probabilities[i],
                    nudge.true_change[i],
                    nudge.predicted_change[i],
                ].map((v) => ({
                    text: number(fromApi(v)),
                    value: fromApi(v),
                })),
            ]),
        });
    }

    snippet(state) {
        const index = within(state.column, state.classes.length);
        const t = snippets.temperature(state);
        return {
            python: [
                snippets.scores(state),
                `p = logitkit.softmax(logits${t})`,
                `print(logitkit.softmax_jacobian(p${t}))`,
                "nudge = np.zeros_like(logits)",
                `nudge[${index}] = ${state.nudge}`,
                `print(logitkit.softmax_jvp(p, nudge${t}))          # predicted`,
                `print(logitkit.softmax(logits + nudge${t}) - p)   # true`,
            ].join("\n"),
            shell: snippets.inDtype(
                state,
                `logitkit jacobian ${snippets.numbers(state)}${snippets.labels(state)}${snippets.heat(state)}`,
            ),
        };
    }
}

/** p_i (1 − p_i) on the diagonal, −p_i p_j beside it, over T where that is not 1. */
function symbols(diagonal, temperature) {
    const p = (index) => sub(mi("p"), mi(index));
    const top = diagonal
        ? row(p("i"), mo("("), mn("1"), mo("−"), p("i"), mo(")"))
        : row(mo("−"), p("i"), p("j"));
    return temperature === 1 ? top : frac(top, mi("T"));
}

customElements.define("lk-panel-derivative", Derivative);
