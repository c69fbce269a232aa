/** Why scores have no softmax: the rules of the library's contract in words, for the panels to say. */

import { label } from "./state.js";

/** Return a sentence, or "" where the softmax of the classes is defined. */
export function undefinedBecause(classes) {
    const nan = classes.findIndex((row) => Number.isNaN(row.logit));
    if (nan >= 0)
        return `The score of ${label(classes[nan], nan)} is NaN, and so is every probability: a missing number is never hidden.`;
    const top = classes.findIndex((row) => row.logit === Infinity);
    if (top >= 0)
        return `The score of ${label(classes[top], top)} is +∞. Then ∞ − ∞ has no value, and every probability is NaN.`;
    if (classes.length && classes.every((row) => row.logit === -Infinity)) {
        return "Every score is −∞: no class is possible, and 0 / 0 has no value. Every probability is NaN.";
    }
    return "";
}
