/** The Python and shell lines that give the numbers on screen. */

import { label } from "./state.js";
import { python } from "./numbers.js";

/** A number as it stands in Python lines. */
export const value = (one) => python(one).replace(/inf|nan/, "np.$&");

/** The lines that make the scores of `state`, and what they need. */
export function scores(state, { dtype = state.dtype, imports = [] } = {}) {
    const type = dtype === "bfloat16" ? "ml_dtypes.bfloat16" : `np.${dtype}`;
    const needed = [
        "numpy as np",
        "logitkit",
        ...imports,
        ...(dtype === "bfloat16" ? ["ml_dtypes"] : []),
    ];
    const list = state.classes.map((row) => value(row.logit)).join(", ");
    return [
        ...needed.sort().map((name) => `import ${name}`),
        "",
        `logits = np.array([${list}], dtype=${type})`,
    ].join("\n");
}

/** `, temperature=0.5`, or nothing at 1. */
export const temperature = (state) =>
    state.temperature === 1 ? "" : `, temperature=${value(state.temperature)}`;

/** The names as a Python list. */
export const names = (state) => JSON.stringify(state.classes.map(label));

/** The scores as arguments of a command. */
export const numbers = (state) => state.classes.map((row) => python(row.logit)).join(" ");

/** `--labels …`, where the names can be told apart by commas. */
export function labels(state) {
    const list = state.classes.map(label);
    if (list.some((name) => name.includes(","))) return "";
    return ` --labels ${quote(list.join(","))}`;
}

/** `-T 0.5`, or nothing at 1. */
export const heat = (state) => (state.temperature === 1 ? "" : ` -T ${python(state.temperature)}`);

/** A word as the shell reads it back. */
export const quote = (text) =>
    /^[\w.,@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** A command in the dtype of `state`. */
export const inDtype = (state, command) => `${command} --dtype ${state.dtype}`;

/** The worked calculation of the scores. */
export const explain = (state) =>
    inDtype(state, `logitkit explain ${numbers(state)}${labels(state)}${heat(state)}`);
