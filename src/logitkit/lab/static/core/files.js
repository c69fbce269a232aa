/** Files that the user saves: CSV of a table, SVG of a chart. */

import { exact } from "./numbers.js";

/** Save `text` under `name`. */
export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Write a table, `{ columns, rows }`, as CSV with the full values. */
export function csv({ columns, rows }) {
  const line = (cells) => cells.map(quote).join(",");
  const body = rows.map((row) => line(row.map((cell) => cellText(cell))));
  return `${[line(columns), ...body].join("\r\n")}\r\n`;
}

const cellText = (cell) => (typeof cell?.value === "number" ? exact(cell.value) : String(cell?.text ?? cell));

const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const PAINT = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap",
  "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "text-anchor",
  "dominant-baseline", "visibility",
];

/** Write a chart as a file that looks the same without the page's style sheet. */
export function svg(chart) {
  const copy = chart.cloneNode(true);
  const originals = [chart, ...chart.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, index) => {
    const style = getComputedStyle(originals[index]);
    for (const name of PAINT) element.setAttribute(name, style.getPropertyValue(name));
    for (const name of ["class", "tabindex"]) element.removeAttribute(name);
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  ground.setAttribute("width", "100%");
  ground.setAttribute("height", "100%");
  ground.setAttribute("fill", getComputedStyle(chart.closest("figure")).backgroundColor);
  copy.prepend(ground);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}
