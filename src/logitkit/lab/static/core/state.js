/**
 * What the page can be set to: each field with its default, its range and its form in a link.
 *
 * A state is a frozen object; a change makes a new one. Every field is read back by `read`, which
 * throws a sentence where the text is not one of the field's values.
 */

import { editable, parse } from "./numbers.js";

export const DTYPES = ["float16", "bfloat16", "float32", "float64"];
export const MOST_CLASSES = 1000;
const LONGEST_NAME = 60;

export const FRUIT = [
    { name: "apple", logit: 1.5 },
    { name: "orange", logit: 2.2 },
    { name: "banana", logit: -0.3 },
    { name: "avocado", logit: 0.8 },
];

/** A field that is a number between two others; `whole` ones are integers. */
function numeric(key, initial, low, high, { whole = false } = {}) {
    return {
        key,
        initial,
        accepts: (value) =>
            typeof value === "number" &&
            value >= low &&
            value <= high &&
            (!whole || Number.isInteger(value)),
        range: `${whole ? "a whole number" : "a number"} from ${low} to ${high}`,
        write: editable,
        read: parse,
    };
}

function choice(key, initial, values) {
    return {
        key,
        initial,
        accepts: (value) => values.includes(value),
        range: `one of ${values.join(", ")}`,
        write: String,
        read: String,
    };
}

const classes = {
    key: "c",
    initial: FRUIT,
    accepts: (rows) =>
        Array.isArray(rows) &&
        rows.length <= MOST_CLASSES &&
        rows.every((row) => typeof row.name === "string" && typeof row.logit === "number"),
    range: `at most ${MOST_CLASSES} pairs name:score`,
    write: (rows) =>
        rows.map((row) => `${encodeURIComponent(row.name)}:${editable(row.logit)}`).join(","),
    read: (text) => (text === "" ? [] : text.split(",").map(readClass)),
};

function readClass(pair) {
    const [name, score, ...rest] = pair.split(":");
    const logit = score === undefined || rest.length ? null : parse(score);
    if (logit === null) throw new Error(`“${pair.slice(0, 40)}” is not name:score`);
    return { name: decodeURIComponent(name).slice(0, LONGEST_NAME), logit };
}

/** The fields by name. Ranges are those that the controls have. */
export const FIELDS = {
    classes,
    temperature: numeric("t", 1, 0, Infinity),
    dtype: choice("d", "float32", DTYPES),
    target: numeric("y", 1, 0, MOST_CLASSES - 1, { whole: true }),
    step: numeric("s", 0, 0, 5, { whole: true }),
    digits: numeric("g", 4, 2, 17, { whole: true }),
    shift: numeric("k", 0, -1e5, 1e5),
    row: numeric("i", 1, 0, MOST_CLASSES - 1, { whole: true }),
    column: numeric("j", 1, 0, MOST_CLASSES - 1, { whole: true }),
    nudge: numeric("n", 0.5, -5, 5),
    smoothing: numeric("e", 0, 0, 1),
    bins: numeric("b", 15, 2, 50, { whole: true }),
    panel: {
        key: "p",
        initial: "",
        accepts: (value) => /^[a-z]*$/.test(value),
        range: "the name of a panel",
        write: String,
        read: String,
    },
};

export const DEFAULTS = Object.freeze(
    Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.initial])),
);

/** Return `state` with `patch`; a value that its field does not accept is an error of the caller. */
export function change(state, patch) {
    for (const [name, value] of Object.entries(patch)) {
        if (!FIELDS[name]?.accepts(value)) {
            throw new RangeError(`${name} is ${value}; accepted is ${FIELDS[name]?.range}`);
        }
    }
    return Object.freeze({ ...state, ...patch });
}

/** Return the index of a class that is surely there, or -1 where there are none. */
export const within = (index, count) => Math.min(index, count - 1);

/** What every operation on the scores is given. */
export const question = ({ classes: rows, dtype, temperature }) => ({
    logits: rows.map((row) => row.logit),
    dtype,
    temperature,
});

/** The name of a class as shown: what was typed, or its number. */
export const label = (row, index) => row.name || `class ${index}`;
