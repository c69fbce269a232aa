/**
 * `<lk-figure>`: a chart with its name, a sentence that sums it up, its table, and both as files.
 */

import { freshId, h, set, setText, sync } from "../core/dom.js";
import { csv, save, svg } from "../core/files.js";
import { exact } from "../core/numbers.js";

/** How many cells a table has on the page, open and closed; a file has all. */
const [MOST_OPEN, MOST_CLOSED] = [1600, 400];

export const lazy = (length, at) => ({ length, at });

export class Figure extends HTMLElement {
    /** Build the figure around `charts`: the elements that are drawn in it. */
    setup({ name, charts, file }) {
        const tableId = freshId("table");
        this.summary = h("span", { class: "figure-summary" });
        this.table = h(
            "table",
            {},
            h("caption", { class: "visually-hidden" }),
            h("thead"),
            h("tbody"),
        );
        this.rest = h("p", { class: "hint", hidden: true });
        this.region = h(
            "div",
            { id: tableId, class: "figure-table", hidden: true, tabindex: "0", role: "region" },
            this.table,
            this.rest,
        );
        set(this.region, { "aria-label": `${name}, as a table` });
        setText(this.table.caption, name);
        const toggle = h(
            "button",
            { class: "tool", type: "button", "aria-expanded": "false", "aria-controls": tableId },
            "Table",
        );
        toggle.onclick = () => {
            this.region.hidden = !this.region.hidden;
            set(toggle, { "aria-expanded": String(!this.region.hidden) });
            if (this.data) this.#fill();
        };
        const asCsv = () => save(`${file}.csv`, "text/csv", csv(this.data));
        const asSvg = () => save(`${file}.svg`, "image/svg+xml", svg(this.querySelector("figure")));
        const tools = h(
            "div",
            { class: "figure-tools", role: "group", "aria-label": `${name}: table and files` },
            toggle,
            h(
                "button",
                { class: "tool", type: "button", onclick: asCsv, "aria-label": "Save as CSV" },
                "CSV",
            ),
            h(
                "button",
                { class: "tool", type: "button", onclick: asSvg, "aria-label": "Save as SVG" },
                "SVG",
            ),
        );
        const caption = h(
            "figcaption",
            {},
            h("span", { class: "figure-name" }, name),
            this.summary,
        );
        this.append(
            h(
                "figure",
                {},
                h("div", { class: "figure-head" }, caption, tools),
                ...charts,
                this.region,
            ),
        );
        return this;
    }

    /**
     * Show the sentence and the table: columns are texts, cells texts or { value, text, index }. Long
     * tables give their rows as `lazy(length, at)`, so that only what is shown is written.
     */
    update({ summary, columns, rows }) {
        this.data = { columns, rows };
        setText(this.summary, summary);
        this.#fill();
    }

    #fill() {
        const { columns, rows } = this.data;
        const cells = this.region.hidden ? MOST_CLOSED : MOST_OPEN;
        const most = Math.max(1, Math.floor(cells / columns.length));
        fill(
            this.table,
            columns,
            Array.from({ length: Math.min(most, rows.length) }, (_, i) => rows.at(i)),
        );
        this.rest.hidden = rows.length <= most;
        setText(this.rest, `The first ${most} of ${rows.length} rows; the CSV file has all.`);
    }
}

/** Write a table; the first cell of a row is its head, numbers stand whole in `data-value`. */
export function fill(table, columns, rows) {
    const head = table.tHead.rows[0] ?? table.tHead.insertRow();
    sync(
        head,
        columns,
        () => h("th", { scope: "col" }),
        (cell, text) => setText(cell, text),
    );
    sync(
        table.tBodies[0],
        rows,
        () => h("tr"),
        (line, cells) => {
            sync(line, cells, (i) => (i === 0 ? h("th", { scope: "row" }) : h("td")), writeCell);
        },
    );
}

function writeCell(element, cell) {
    const plain = typeof cell === "object" && cell !== null ? cell : { text: cell };
    setText(element, plain.text);
    set(element, {
        "data-value": typeof plain.value === "number" ? exact(plain.value) : null,
        "data-class": plain.index,
        class: plain.class,
    });
}

customElements.define("lk-figure", Figure);
