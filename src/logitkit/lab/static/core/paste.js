/**
 * Scores out of pasted text: CSV, TSV, JSON, the repr of a NumPy array, or plain numbers.
 *
 * Returns the classes and a sentence for each cell that is no number; the others are kept.
 */

import { parse } from "./numbers.js";

const NUMBERED = (logits) => logits.map((logit, index) => ({ name: `class ${index}`, logit }));

export function readPasted(text) {
    const plain = text.trim();
    if (plain === "") return { classes: [], problems: ["nothing was pasted"] };
    return readJson(plain) ?? readArray(plain) ?? readTable(plain);
}

function readJson(text) {
    let value;
    try {
        value = JSON.parse(
            text.replace(/\b-?(NaN|Infinity)\b/g, (word) => `"${word}"`).replaceAll('-"', '"-'),
        );
    } catch {
        return null;
    }
    if (typeof value === "number") return { classes: NUMBERED([value]), problems: [] };
    if (typeof value !== "object" || value === null) return null;
    const pairs = Array.isArray(value) ? value.flat(8).map(fromItem) : Object.entries(value);
    return collect(pairs);
}

function fromItem(item, index) {
    if (typeof item !== "object" || item === null) return [`class ${index}`, item];
    const score = item.logit ?? item.score ?? item.value;
    return [String(item.name ?? item.label ?? `class ${index}`), score];
}

function readArray(text) {
    const inside =
        text.match(/^(?:np\.|numpy\.|jnp\.|torch\.)?(?:array|tensor)\(([^]*)\)$/)?.[1] ?? text;
    const list = inside.match(/^\s*\[([^]*)\]\s*(?:,\s*\w+=[^[\]]*)*$/)?.[1];
    if (list === undefined) return null;
    const cells = list.split(/[\s,[\]]+/).filter(Boolean);
    return collect(cells.map((cell, index) => [`class ${index}`, cell]));
}

/** Lines of name and score, or of numbers; a head line is passed over. */
function readTable(text) {
    const separator = text.includes("\t") ? "\t" : text.includes(";") ? ";" : ",";
    const lines = text.split(/\r?\n/).filter((line) => line.trim());
    const rows = lines.map((line) => cellsOf(line, separator));
    const numeric = (cell) => parse(cell) !== null;
    if (
        rows.length === 2 &&
        rows[0].length > 1 &&
        !rows[0].some(numeric) &&
        rows[1].some(numeric)
    ) {
        return collect(rows[0].map((name, column) => [name, rows[1][column] ?? ""]));
    }
    if (rows.every((row) => row.every(numeric))) {
        return collect(rows.flat().map((cell, index) => [`class ${index}`, cell]));
    }
    if (rows.length > 1 && !rows[0].some(numeric) && rows[1].some(numeric)) rows.shift();
    return collect(
        rows.map((row, index) => (row.length < 2 ? [`class ${index}`, row[0]] : pairOf(row))),
    );
}

// The score is the last cell of a line that is a number; the name the first that is none.
function pairOf(row) {
    const score = row.findLast((cell) => parse(cell) !== null) ?? row.at(-1);
    return [row.find((cell) => cell !== score) ?? row[0], score];
}

function cellsOf(line, separator) {
    const plain =
        separator === "," && !line.includes(",") ? line.trim().split(/\s+/) : line.split(separator);
    return plain.map((cell) =>
        cell
            .trim()
            .replace(/^"(.*)"$/, "$1")
            .replaceAll('""', '"'),
    );
}

function collect(pairs) {
    const classes = [];
    const problems = [];
    for (const [name, cell] of pairs) {
        const logit = typeof cell === "number" ? cell : parse(String(cell ?? ""));
        if (logit === null)
            problems.push(`${name}: “${String(cell ?? "").slice(0, 30)}” is not a number`);
        else classes.push({ name: name.slice(0, 60), logit });
    }
    return { classes, problems };
}
