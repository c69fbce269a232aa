/** Panel: the probabilities over the temperature. */

import { colour } from "../core/colours.js";
import { h } from "../core/dom.js";
import { decimals, fromApi, number, percent } from "../core/numbers.js";
import * as snippets from "../core/snippets.js";
import { label, question } from "../core/state.js";
import { store } from "../core/store.js";
import { Panel } from "./panel.js";
import "../charts/lines.js";
import "../parts/figure.js";
import "../parts/readout.js";
import "../parts/temperature.js";

const [LOW, HIGH] = [0.01, 100];
/** Where the curves are computed: evenly on the logarithmic axis, coarser for many classes. */
const [FINE, COARSE] = [121, 61].map((points) =>
    Array.from({ length: points }, (_, i) =>
        Number((LOW * (HIGH / LOW) ** (i / (points - 1))).toPrecision(6)),
    ),
);
/** The rows of the table, the limits among them. */
const LISTED = [0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, Infinity];
const MOST = 8;

export class Temperature extends Panel {
    static slug = "temperature";
    static heading = "Temperature: from sure to undecided";
    static look =
        "Move the temperature: cold makes the leader take all, heat makes all equal, and the order never changes.";

    build(body) {
        this.control = h("lk-temperature", { class: "wide-control" });
        this.chart = h("lk-lines");
        this.figure = h("lk-figure");
        this.readout = h("lk-readout");
        body.append(this.figure, this.readout);
        this.figure.setup({
            name: "Probability over temperature",
            charts: [this.control, this.chart],
            file: "temperature",
        });
    }

    operations(state) {
        const { logits, dtype } = question(state);
        const sweep = (temperatures) => ({ op: "temperature_sweep", logits, dtype, temperatures });
        return {
            curves: sweep(logits.length > 16 ? COARSE : FINE),
            listed: sweep(LISTED),
            now: sweep([state.temperature]),
        };
    }

    show(state, { curves, listed, now }) {
        const probabilities = now.probabilities[0].map(fromApi);
        this.control.update(state, probabilities);
        this.#draw(state, curves, probabilities);
        this.#tabulate(state, listed, now);
        const best = probabilities.indexOf(Math.max(...probabilities));
        const entropy = fromApi(now.entropy[0]);
        const perplexity = fromApi(now.perplexity?.[0]);
        this.readout.update([
            best < 0
                ? {
                      name: "Most likely",
                      text: "NaN",
                      value: NaN,
                      note: "the softmax of these scores is not defined",
                  }
                : {
                      name: `Most likely: ${label(state.classes[best], best)}`,
                      text: percent(probabilities[best]),
                      value: probabilities[best],
                      note: `at temperature ${number(state.temperature, 3)}`,
                  },
            { name: "Entropy", text: number(entropy), value: entropy, note: "nats: 0 is certain" },
            {
                name: "Perplexity",
                text: number(perplexity),
                value: perplexity,
                note: `of at most ${state.classes.length} classes`,
            },
        ]);
        this.tell(ties(state, probabilities));
    }

    #draw(state, curves, probabilities) {
        const order = probabilities.map((_, i) => i);
        if (order.length > MOST) order.sort((a, b) => probabilities[b] - probabilities[a]);
        const series = order.slice(0, MOST).map((index) => ({
            index,
            label: label(state.classes[index], index),
            color: colour(index),
            at: probabilities[index],
            points: curves.temperatures.map((t, i) => [
                fromApi(t),
                fromApi(curves.probabilities[i][index]),
            ]),
            description: `${label(state.classes[index], index)}: ${percent(probabilities[index])} at temperature ${number(state.temperature, 3)}`,
        }));
        const move = (temperature) => store.set({ temperature }, { commit: false });
        this.chart.data = {
            name: "Probability of each class over the temperature, from 0.01 to 100",
            x: { domain: [LOW, HIGH], log: true, label: "temperature T", tick: String },
            y: { domain: [0, 1] },
            series,
            cursor: {
                value: state.temperature,
                label: "Temperature",
                text: `${number(state.temperature, 3)}`,
                input: move,
                change: () => store.commit(),
                key: (event) => step(event, state.temperature),
            },
        };
    }

    #tabulate(state, listed, now) {
        const line = (sweep, i, mark) => [
            {
                text: `${mark}${number(fromApi(sweep.temperatures[i]), 3)}`,
                value: fromApi(sweep.temperatures[i]),
            },
            { text: decimals(fromApi(sweep.entropy[i])), value: fromApi(sweep.entropy[i]) },
            ...sweep.probabilities[i].map((p) => ({
                text: decimals(fromApi(p)),
                value: fromApi(p),
            })),
        ];
        const many =
            state.classes.length > MOST
                ? ` The ${MOST} most likely of ${state.classes.length} classes are drawn, the table has all.`
                : "";
        this.figure.update({
            summary: `From certainty at the left to 1/${state.classes.length} each at the right.${many}`,
            columns: ["Temperature", "Entropy", ...state.classes.map(label)],
            rows: [
                line(now, 0, "now: "),
                ...listed.temperatures.map((_, i) => line(listed, i, "")),
            ],
        });
    }

    snippet(state) {
        const sweep = [...new Set([...LISTED, state.temperature])].sort((a, b) => a - b);
        const list = sweep.map((t) => (t === Infinity ? "np.inf" : t)).join(", ");
        const shell = sweep.map((t) => (t === Infinity ? "inf" : t)).join(",");
        return {
            python: `${snippets.scores(state)}\ntemperatures = np.array([${list}])\nscores = np.broadcast_to(logits, (len(temperatures), len(logits)))\nprint(logitkit.softmax(scores, temperature=temperatures))\nprint(logitkit.entropy(scores, temperature=temperatures))`,
            shell: snippets.inDtype(
                state,
                `logitkit temperature ${snippets.numbers(state)}${snippets.labels(state)} --sweep ${shell}`,
            ),
        };
    }
}

/** The cursor's keys: a twentieth of a power of ten, with page keys half of one. */
function step(event, temperature) {
    const by = {
        ArrowRight: 0.05,
        ArrowUp: 0.05,
        ArrowLeft: -0.05,
        ArrowDown: -0.05,
        PageUp: 0.5,
        PageDown: -0.5,
    }[event.key];
    const to = { Home: LOW, End: HIGH }[event.key];
    if (by === undefined && to === undefined) return;
    event.preventDefault();
    const start = Math.min(Math.max(temperature, LOW), HIGH);
    const next = Math.min(Math.max(to ?? Number((start * 10 ** by).toPrecision(3)), LOW), HIGH);
    store.set({ temperature: next });
}

function ties(state, probabilities) {
    if (state.temperature !== 0 || !probabilities.length) return "";
    const scores = state.classes.map((row) => row.logit);
    const largest = Math.max(...scores);
    const count = scores.filter((one) => one === largest).length;
    if (count < 2) return "";
    return `${count} classes have the largest score. At the limit 0 the first of them takes all; near 0 they share.`;
}

customElements.define("lk-panel-temperature", Temperature);
