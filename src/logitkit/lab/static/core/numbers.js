/** Numbers as people read them, and back. Nothing here computes: it rounds for display. */

const MINUS = "\u2212";
const SUPERSCRIPTS = { "-": "\u207b", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].entries()) };

/** Read a number of the API, in which non-finite ones are strings. */
export const fromApi = (value) => (value === null || value === undefined ? null : Number(value));

/** Write a number for the API. */
export const toApi = (value) => (Number.isFinite(value) ? value : String(value));

/** The full value, for `data-value` and CSV: the shortest digits that give the same number. */
export const exact = (value) => (Object.is(value, -0) ? "-0" : String(value));

/** Write `value` with `digits` significant digits, and powers of ten where they are shorter. */
export function number(value, digits = 4) {
    if (value === null || value === undefined) return "–";
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
    if (value === 0) return Object.is(value, -0) ? `${MINUS}0` : "0";
    const size = Math.abs(value);
    if (size >= 10 ** digits && size < 1e7) return value.toFixed(0).replace("-", MINUS);
    if (size >= 1e-4 && size < 1e7) return trim(value.toPrecision(digits), digits);
    return power(value, digits);
}

/** Write `value` with a fixed number of decimals, for columns that line up. */
export function decimals(value, places = 4) {
    if (!Number.isFinite(value) || (value !== 0 && Math.abs(value) < 0.5 * 10 ** -places)) {
        return number(value, 3);
    }
    if (Math.abs(value) >= 1e6) return power(value, 4);
    return value.toFixed(places).replace("-", MINUS);
}

/** Write a probability as a percentage; what is not 0 or 1 never looks like it. */
export function percent(p) {
    if (!Number.isFinite(p)) return number(p);
    if (p === 0 || p === 1) return `${100 * p} %`;
    for (const places of [1, 2, 3, 4, 5]) {
        const text = (100 * p).toFixed(places);
        if (Number(text) > 0 && Number(text) < 100 && (places > 1 || p > 0.001)) return `${text} %`;
    }
    return p > 0.5 ? "> 99.99999 %" : `${power(100 * p, 2)} %`;
}

function trim(text, digits) {
    const plain = text.includes("e") ? String(Number(text)) : text;
    const short = plain.includes(".") && digits > 6 ? plain.replace(/\.?0+$/, "") : plain;
    return short.replace("-", MINUS);
}

function power(value, digits) {
    const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 1)).split("e");
    const raised = [...exponent.replace("+", "")].map((c) => SUPERSCRIPTS[c]).join("");
    const front = mantissa.replace(/\.?0+$/, "").replace("-", MINUS);
    return front === "1" ? `10${raised}` : `${front}×10${raised}`;
}

const NAMED = { inf: Infinity, infinity: Infinity, "∞": Infinity, nan: NaN };

/** Read what a person typed: `1.5`, `−2e3`, `-inf`, `∞`, `nan`, `1,5`. Null where it is no number. */
export function parse(text) {
    const plain = text
        .trim()
        .toLowerCase()
        .replaceAll(MINUS, "-")
        .replace(/^(-?\d+),(\d+)$/, "$1.$2");
    const [, sign, word] = plain.match(/^([+-]?)(.*)$/);
    if (word in NAMED) return sign === "-" ? -NAMED[word] : NAMED[word];
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain)) return null;
    const value = Number(plain);
    return Number.isFinite(value) ? value : null;
}

/** Write a number without an exponent, for attributes that allow none. */
export const plain = (value) =>
    value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 12 });

/** Write a number so that `parse` and a text field read it again. */
export function editable(value) {
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    return String(value);
}

/** Write a number as a Python literal; `inf` and `nan` are names that the code must have. */
export const python = (value) =>
    Number.isFinite(value)
        ? String(value)
        : Number.isNaN(value)
          ? "nan"
          : value > 0
            ? "inf"
            : "-inf";
