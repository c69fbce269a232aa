/** Edits of the classes: each returns what to set, and changes nothing itself. */

import { MOST_CLASSES } from "../core/state.js";

const at = (state, index, patch) =>
    state.classes.map((row, i) => (i === index ? { ...row, ...patch } : row));

export const rename = (state, index, name) => at(state, index, { name });

export const score = (state, index, logit) => at(state, index, { logit });

export function duplicate(state, index) {
    const rows = [...state.classes];
    rows.splice(index + 1, 0, { ...rows[index] });
    return rows.slice(0, MOST_CLASSES);
}

/** Move a class; the true class stays the one that it was. */
export function move(state, from, to) {
    const order = state.classes.map((_, i) => i);
    order.splice(to, 0, order.splice(from, 1)[0]);
    const target = Math.max(0, order.indexOf(state.target));
    return { classes: order.map((i) => state.classes[i]), target };
}

export function remove(state, index) {
    const classes = state.classes.filter((_, i) => i !== index);
    const target = state.target > index ? state.target - 1 : state.target;
    return { classes, target: Math.max(0, Math.min(target, classes.length - 1)) };
}

/** Take other classes; what pointed at one of the old ones points at the first. */
export const replace = (classes) => ({ classes, target: 0, row: 0, column: 0, step: 0 });
