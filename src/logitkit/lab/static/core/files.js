/** Files that the user saves: CSV of a table, SVG of a chart. */

import { s, set } from "./dom.js";
import { exact } from "./numbers.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = 16;

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
    const body = Array.from({ length: rows.length }, (_, i) => line(rows.at(i).map(cellText)));
    return `${[line(columns), ...body].join("\r\n")}\r\n`;
}

const cellText = (cell) =>
    typeof cell?.value === "number" ? exact(cell.value) : String(cell?.text ?? cell);

const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const PAINT = [
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "paint-order",
    "opacity",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
    "dominant-baseline",
    "visibility",
];

/** Write the charts of a figure, each where it stands, as one file that needs no style sheet. */
export function svg(figure) {
    const charts = [...figure.querySelectorAll("svg.chart")];
    const boxes = charts.map((chart) => chart.getBoundingClientRect());
    const left = Math.min(...boxes.map((box) => box.left)) - MARGIN;
    const top = Math.min(...boxes.map((box) => box.top)) - MARGIN;
    const width = Math.max(...boxes.map((box) => box.right)) - left + MARGIN;
    const height = Math.max(...boxes.map((box) => box.bottom)) - top + MARGIN;
    const titles = [...figure.querySelectorAll("h3")].map((title) => {
        const box = title.getBoundingClientRect();
        return s(
            "text",
            {
                x: box.left - left,
                y: box.bottom - top - 4,
                ...paint(title),
                fill: getComputedStyle(title).color,
            },
            title.textContent,
        );
    });
    const background = s("rect", { width, height, fill: getComputedStyle(figure).backgroundColor });
    const parts = charts.map((chart, i) =>
        set(plain(chart), { x: boxes[i].left - left, y: boxes[i].top - top }),
    );
    const file = s(
        "svg",
        { xmlns: NAMESPACE, width, height, viewBox: `0 0 ${width} ${height}` },
        background,
        ...titles,
        ...parts,
    );
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(file)}\n`;
}

/** Copy a chart with what the style sheet gives it written into its attributes. */
function plain(chart) {
    const copy = chart.cloneNode(true);
    const originals = [chart, ...chart.querySelectorAll("*")];
    [copy, ...copy.querySelectorAll("*")].forEach((element, index) => {
        set(element, { ...paint(originals[index]), class: null, tabindex: null });
    });
    return copy;
}

function paint(element) {
    const style = getComputedStyle(element);
    return Object.fromEntries(PAINT.map((name) => [name, style.getPropertyValue(name)]));
}
