/** The Python and shell lines that give the numbers on screen. */

import { label } from "./state.js";
import { python } from "./numbers.js";

const literal = (value) => python(value).replace(/inf|nan/, "np.$&");

/** The lines that make the scores of `state`, and what they need. */
export function scores(state, { dtype = state.dtype, imports = [] } = {}) {
  const type = dtype === "bfloat16" ? "ml_dtypes.bfloat16" : `np.${dtype}`;
  const needed = ["numpy as np", "logitkit", ...imports, ...(dtype === "bfloat16" ? ["ml_dtypes"] : [])];
  const list = state.classes.map((row) => literal(row.logit)).join(", ");
  return [...needed.sort().map((name) => `import ${name}`), "", `logits = np.array([${list}], dtype=${type})`].join("\n");
}

/** `, temperature=0.5`, or nothing at 1. */
export const temperature = (state) =>
  state.temperature === 1 ? "" : `, temperature=${literal(state.temperature)}`;

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

const quote = (text) => (/^[\w.,@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** `--dtype float32`; the command line has no bfloat16. */
export const dtype = (state) => (state.dtype === "bfloat16" ? "" : ` --dtype ${state.dtype}`);
