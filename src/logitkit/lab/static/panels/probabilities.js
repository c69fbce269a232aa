/** Panel: scores and the probabilities that they become. */

import { colour } from "../core/colours.js";
import { h } from "../core/dom.js";
import { decimals, editable, fromApi, number, percent } from "../core/numbers.js";
import * as snippets from "../core/snippets.js";
import { label, question } from "../core/state.js";
import { store } from "../core/store.js";
import { niceDomain } from "../charts/scale.js";
import { score } from "../rail/edits.js";
import { Panel } from "./panel.js";
import "../charts/bars.js";
import "../charts/stack.js";
import "../parts/figure.js";
import "../parts/readout.js";

const MOST = 24;

export class Probabilities extends Panel {
    static slug = "probabilities";
    static heading = "Scores become probabilities";
    static look =
        "Drag a score: its own probability moves, and so do all the others, for they share a whole of one.";

    build(body) {
        this.stack = h("lk-stack");
        this.scores = h("lk-bars");
        this.shares = h("lk-bars");
        this.figure = h("lk-figure");
        this.readout = h("lk-readout");
        const charts = h(
            "div",
            { class: "pair" },
            h("div", {}, h("h3", {}, "Scores"), this.scores),
            h("div", {}, h("h3", {}, "Probabilities"), this.shares),
        );
        body.append(h("lk-presets"), this.figure, this.readout);
        this.figure.setup({
            name: "Scores and probabilities",
            charts: [this.stack, charts],
            file: "probabilities",
        });
    }

    operations(state) {
        return {
            softmax: { op: "softmax", ...question(state) },
            steps: { op: "steps", ...question(state), labels: state.classes.map(label) },
        };
    }

    show(state, { softmax, steps }) {
        const rows = state.classes.map((row, index) => ({
            index,
            label: label(row, index),
            color: colour(index),
            logit: row.logit,
            probability: fromApi(softmax.probabilities[index]),
            rank: steps.steps[index].rank,
        }));
        this.#charts(rows);
        this.figure.update({
            summary: sentence(steps.sentence, rows.length),
            columns: ["Class", "Score", "Probability", "Percent", "Rank"],
            rows: rows.map((row) => [
                { text: row.label, index: row.index },
                { text: number(row.logit, 6), value: row.logit },
                { text: decimals(row.probability, 6), value: row.probability },
                percent(row.probability),
                row.rank ?? "–",
            ]),
        });
        const sum = fromApi(softmax.sum);
        this.readout.update([
            {
                name: "Sum of the probabilities",
                value: sum,
                text: number(sum, 8),
                note: distance(softmax, state.dtype),
            },
            {
                name: "Entropy",
                value: fromApi(softmax.entropy),
                text: number(fromApi(softmax.entropy)),
                note: "nats",
            },
            {
                name: "Perplexity",
                value: fromApi(softmax.perplexity),
                text: number(fromApi(softmax.perplexity)),
                note: "classes, as if equally likely",
            },
        ]);
        this.tell(remarks(steps.notes));
    }

    #charts(rows) {
        const some = rows.slice(0, MOST);
        const edit = {
            step: 0.01,
            input: (index, logit) =>
                store.set({ classes: score(store.state, index, logit) }, { commit: false }),
            change: () => store.commit(),
        };
        const domain = niceDomain(
            some.map((row) => row.logit),
            [-3, 3],
        );
        this.stack.data = {
            name: "The probabilities as shares of one",
            rows: rows.map((row) => ({ ...row, value: row.probability })),
        };
        this.scores.data = {
            name: "Scores, each can be dragged",
            domain,
            edit,
            rows: some.map((row) => ({ ...row, value: row.logit, text: short(row.logit) })),
        };
        this.shares.data = {
            name: "Probabilities",
            domain: [0, 1],
            rows: some.map((row) => ({
                ...row,
                value: row.probability,
                text: percent(row.probability),
            })),
        };
    }

    snippet(state) {
        return {
            python: `${snippets.scores(state)}\nprint(logitkit.softmax(logits${snippets.temperature(state)}))`,
            shell: snippets.explain(state),
        };
    }
}

function sentence(text, count) {
    const first = text.replace(
        /^(most likely|softmax)/,
        (words) => words[0].toUpperCase() + words.slice(1),
    );
    return count > MOST
        ? `${first}. The first ${MOST} of ${count} classes are drawn, the table has all.`
        : `${first}.`;
}

// What is said of the two ways to compute belongs to another panel.
function remarks(notes) {
    return notes
        .filter((note) => !/^(naive|stable):/.test(note))
        .map((note) => `${note}.`)
        .join(" ");
}

// As it was typed, where that is short.
function short(logit) {
    const typed = editable(logit);
    return typed.length > 7 || !Number.isFinite(logit)
        ? number(logit, 5)
        : typed.replace("-", "\u2212");
}

function distance({ sum_ulps: ulps }, dtype) {
    if (ulps === null || ulps === undefined || Number.isNaN(fromApi(ulps))) return dtype;
    const size = fromApi(ulps);
    return size === 0 ? `exactly 1, in ${dtype}` : `${number(size, 3)} ULP of ${dtype} from 1`;
}

customElements.define("lk-panel-probabilities", Probabilities);
