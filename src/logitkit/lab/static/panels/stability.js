/** Panel: the same scores in four data types, computed in three ways. */

import { colour } from "../core/colours.js";
import { h, setAttribute, setText, sync } from "../core/dom.js";
import { shiftFormula } from "../core/formulas.js";
import { decimals, fromApi, number, percent } from "../core/numbers.js";
import * as snippets from "../core/snippets.js";
import { DTYPES, label } from "../core/state.js";
import { store } from "../core/store.js";
import { Panel } from "./panel.js";
import "../charts/trials.js";
import { lazy } from "../parts/figure.js";
import "../parts/slider.js";

const WAYS = [
    { key: "naive", name: "Naive" },
    { key: "shifted", name: "Shifted" },
    { key: "library", name: "logitkit" },
];
const SHIFTS = [0, 10, 85, 700, 1000];
const MOST = 24;
/** A score that is stored so far from what it was changes its probability by a hundredth. */
const COARSE = 0.01;

export class Stability extends Panel {
    static slug = "stability";
    static heading = "Where the naive formula breaks";
    static look =
        "Add the same amount to all scores: the true answer stays as it is, but the naive formula overflows, first in the smallest type.";

    static formula = shiftFormula;

    build(body) {
        this.shift = h("lk-slider", { class: "wide-control" });
        this.chart = h("lk-trials");
        this.figure = h("lk-figure");
        this.causes = h("ul", { class: "causes" });
        const chips = SHIFTS.map((shift) =>
            h(
                "li",
                {},
                h(
                    "button",
                    {
                        type: "button",
                        class: "chip",
                        "aria-label": `Add ${shift} to all scores`,
                        onclick: () => store.set({ shift }),
                    },
                    `+${shift}`,
                ),
            ),
        );
        body.append(this.figure);
        this.figure.setup({
            name: "Three ways in four data types",
            charts: [
                this.shift,
                h("ul", { class: "chips", "aria-label": "Amounts to add" }, ...chips),
                this.chart,
                this.causes,
            ],
            file: "stability",
        });
        this.shift.setup({
            label: "Added to all scores",
            low: -1000,
            high: 1000,
            step: 1,
            accepts: (value) => Math.abs(value) <= 1e5,
            hint: "a number from -100000 to 100000",
            input: (shift) => store.set({ shift }, { commit: false }),
            change: () => store.commit(),
        });
    }

    operations(state) {
        const logits = state.classes.map((row) => row.logit + state.shift);
        const labels = state.classes.map(label);
        return {
            trials: {
                op: "stability",
                logits,
                temperature: state.temperature,
                labels,
                dtypes: DTYPES,
            },
        };
    }

    show(state, { trials: { trials } }) {
        this.shift.update(state.shift);
        this.chart.data = {
            name: "Probabilities by data type and way",
            columns: WAYS.map((way) => way.name),
            rows: trials.map((trial) => ({
                label: trial.dtype,
                note: `exp(x) up to ${number(fromApi(trial.exp_range[1]), 4)}`,
                cells: WAYS.map((way) => cell(state, trial, way)),
            })),
        };
        this.#tell(state, trials);
        this.figure.update({
            summary: `${summary(trials)} Shifted means that the largest score is subtracted first.`,
            columns: [
                "Class",
                ...trials.flatMap((trial) => WAYS.map((way) => `${trial.dtype} ${way.name}`)),
            ],
            rows: lazy(state.classes.length, (index) => [
                { text: label(state.classes[index], index), index },
                ...trials.flatMap((trial) =>
                    WAYS.map((way) => {
                        const value = fromApi(trial[way.key][index]);
                        return { text: decimals(value), value };
                    }),
                ),
            ]),
        });
    }

    #tell(state, trials) {
        const create = () =>
            h(
                "li",
                { class: "cause" },
                h("span", { class: "cause-type" }),
                h("span", { class: "cause-step" }),
                h("span"),
            );
        sync(
            this.causes,
            trials.flatMap((trial) => remarks(state, trial, trials.at(-1))),
            create,
            (item, remark) => {
                setAttribute(item, "class", `cause${remark.failed ? " is-failed" : ""}`);
                setText(item.children[0], remark.dtype);
                setText(item.children[1], remark.step);
                setText(item.children[2], remark.text);
            },
        );
    }

    snippet(state) {
        const added = state.shift ? ` + ${state.shift}` : "";
        const shifted = {
            ...state,
            classes: state.classes.map((row) => ({ ...row, logit: row.logit + state.shift })),
        };
        const command = `logitkit stability ${snippets.numbers(shifted)}${snippets.labels(state)}${snippets.heat(state)}`;
        return {
            python: [
                ...(state.dtype === "bfloat16" ? ["import ml_dtypes"] : []),
                snippets.scores(state, { dtype: "float64" }) + added,
                `x = logits.astype(${state.dtype === "bfloat16" ? "ml_dtypes.bfloat16" : `np.${state.dtype}`})`,
                `e = np.exp(x${state.temperature === 1 ? "" : ` / x.dtype.type(${snippets.value(state.temperature)})`})`,
                "naive = e / e.sum(dtype=x.dtype)",
                `library = logitkit.softmax(x${snippets.temperature(state)})`,
                "print(naive, library)",
            ].join("\n"),
            shell: `${command}\n${command} --dtype bfloat16`,
        };
    }
}

/** What is to be said of a dtype: why the naive way fails, and what it makes of the scores. */
function remarks(state, trial, widest) {
    const said = [];
    if (trial.failing_step !== null) {
        said.push({
            dtype: trial.dtype,
            failed: true,
            step: `✗ ${trial.failing_step}`,
            text: trial.failure,
        });
    }
    const stored = trial.logits.map(fromApi);
    const given = widest.logits.map(fromApi);
    const off = stored.map((score, i) => Math.abs(score - given[i]));
    const worst = off.indexOf(Math.max(...off.filter(Number.isFinite)));
    if (worst >= 0 && off[worst] >= COARSE) {
        const text = `the scores are rounded before any way begins: ${label(state.classes[worst], worst)} ${number(given[worst], 8)} is stored as ${number(stored[worst], 8)}`;
        said.push({ dtype: trial.dtype, failed: false, step: "≈ coarse", text });
    }
    return said;
}

const undefinedIn = ({ library }) => library.some((p) => Number.isNaN(fromApi(p)));

/** What made a NaN: the step that failed; a score that did not fit hits every way. */
function reason(trial, way) {
    if (way.key === "naive" && trial.failing_step) return `: ${trial.failing_step}`;
    if (!undefinedIn(trial)) return "";
    return trial.failing_step === "cast" ? ": cast" : ": undefined";
}

function cell(state, trial, way) {
    const values = trial[way.key].map(fromApi);
    const fails = values.some(Number.isNaN);
    const lost = way.key === "naive" && trial.failing_step !== null;
    const best = values.indexOf(Math.max(...values));
    const name = best < 0 ? "" : label(state.classes[best], best);
    const text = fails
        ? `NaN${reason(trial, way)}`
        : values.some((p) => p > 0)
          ? `${name} ${percent(values[best])}`
          : "all 0";
    return {
        parts: fails
            ? null
            : values.slice(0, MOST).map((share, index) => ({ share, index, color: colour(index) })),
        text,
        description: `${trial.dtype}, ${way.name}: ${text}${lost ? `; ${trial.failure}` : ""}`,
    };
}

function summary(trials) {
    const lost = trials.filter(undefinedIn).map((trial) => trial.dtype);
    if (lost.length === trials.length)
        return "The softmax of these scores is not defined, in no type and in no way.";
    const failed = trials
        .filter((trial) => trial.failing_step !== null)
        .map((trial) => trial.dtype);
    if (!failed.length) return "All three ways agree in all four types.";
    const naive = `The naive formula fails in ${failed.join(", ")}`;
    return lost.length
        ? `${naive}. In ${lost.join(", ")} the scores themselves do not fit, and no way can help.`
        : `${naive}; the library's kernels do not.`;
}

customElements.define("lk-panel-stability", Stability);
