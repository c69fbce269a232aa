/** The steps of the worked calculation: their names, their words, their formulas with numbers. */

import { frac, inline, mi, mn, mo, row, sub, sup, mtext } from "../core/formulas.js";
import { fromApi } from "../core/numbers.js";

/** `field` names the column of the answer; the sum has none: it is one number for all. */
export const STEPS = [
    { name: "Score", chart: "Scores", field: "logit" },
    { name: "Divide by T", chart: "Scores divided by T", field: "scaled" },
    { name: "Subtract the largest", chart: "Distance to the largest", field: "shifted" },
    { name: "Exponentiate", chart: "Exponentials", field: "exponential" },
    { name: "Add up", chart: "What is added up" },
    { name: "Divide by the sum", chart: "Probabilities", field: "probability" },
];

/** One sentence on the step, for the class that is aimed at. */
export function saysOf({ step, one, steps, state, format }) {
    const t = state.temperature;
    return [
        () => `The model gave ${one.label} the score ${format(one.logit)}.`,
        () =>
            t === 0
                ? "At temperature 0 nothing is divided: the largest score takes all."
                : t === Infinity
                  ? "At an infinite temperature all finite scores become 0."
                  : t === 1
                    ? "At temperature 1 the scores stay as they are."
                    : `Every score is divided by ${format(t)}: distances become ${t < 1 ? "larger" : "smaller"}.`,
        () =>
            "The largest score is subtracted from all. The result is the same, and the largest exponent is 0, so nothing can overflow.",
        () => "The exponential makes every number positive and turns distances into ratios.",
        () => `All ${steps.steps.length} exponentials are added up: ${format(steps.stable.total)}.`,
        () => `The share of ${one.label} is its exponential, divided by the sum.`,
    ][step]();
}

/** The formula of the step with the numbers of the class that is aimed at. */
export function formulaOf({ step, one, steps, state, format }) {
    const name = mtext(one.label, { class: "term-name" });
    const value = (field) => mn(format(one[field]), { "data-value": String(fromApi(one[field])) });
    const z = sub(mi("z"), name);
    const t = state.temperature;
    const limit = t === 0 || t === Infinity;
    const largest = row(mi("max"), mo("("), mi("z"), mo("/"), mi("T"), mo(")"));
    const builders = [
        () => [z, mo("="), value("logit")],
        () =>
            limit
                ? [frac(z.cloneNode(true), mi("T")), mo("→"), value(t === 0 ? "shifted" : "scaled")]
                : [
                      frac(z.cloneNode(true), mi("T")),
                      mo("="),
                      frac(value("logit"), mn(format(t))),
                      mo("="),
                      value("scaled"),
                  ],
        () => [frac(z.cloneNode(true), mi("T")), mo("−"), largest, mo("="), value("shifted")],
        () => [sup(mi("e"), value("shifted")), mo("="), value("exponential")],
        () => [...terms(steps, format), mo("="), mn(format(steps.stable.total))],
        () => [
            sub(mi("p"), name),
            mo("="),
            frac(value("exponential"), mn(format(steps.stable.total))),
            mo("="),
            value("probability"),
        ],
    ];
    return inline(...builders[step]());
}

function terms(steps, format) {
    const all = steps.stable.exponentials;
    const shown = all.length > 5 ? [...all.slice(0, 3), null, all.at(-1)] : all;
    return shown.flatMap((value, i) => [
        ...(i ? [mo("+")] : []),
        value === null ? mo("⋯") : mn(format(value)),
    ]);
}
