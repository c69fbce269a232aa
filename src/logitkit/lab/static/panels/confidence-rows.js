/** `<lk-confidence-rows>`: the rows of one bin, a bounded list in the order of the file. */

import { rows as load } from "../core/datasets.js";
import { freshId, h, set, setText } from "../core/dom.js";
import { decimals, fromApi } from "../core/numbers.js";
import { announce } from "../core/status.js";
import { fill } from "../parts/figure.js";

const COLUMNS = ["Row", "Predicted", "Confidence", "Label", "Right?"];

export class ConfidenceRows extends HTMLElement {
    #asked = 0;

    connectedCallback() {
        if (this.table) return;
        const id = freshId("rows");
        this.heading = h("p", { id, class: "rows-title" });
        this.table = h("table", {}, h("thead"), h("tbody"));
        this.region = h(
            "div",
            { class: "rows-table", tabindex: "0", role: "region", "aria-labelledby": id },
            this.table,
        );
        this.append(this.heading, this.region);
        this.clear();
    }

    /** Show nothing; a list that is on its way is dropped. */
    clear() {
        this.#asked += 1;
        this.hidden = true;
    }

    /** List the rows of a bin of `data`, the summary of a file. */
    async list(data, bin) {
        this.#asked += 1;
        const asked = this.#asked;
        const found = await load(data.id, data.bins.length, bin);
        if (asked !== this.#asked) return;
        const title = sentence(found);
        const name = (index) => data.class_names?.[index] ?? String(index);
        setText(this.heading, title);
        this.hidden = false;
        this.region.hidden = !found.rows.length;
        this.region.scrollTop = 0;
        fill(
            this.table,
            COLUMNS,
            found.rows.map((row) => [
                { text: row.row, value: row.row },
                { text: name(row.predicted), value: row.predicted },
                { text: decimals(fromApi(row.confidence)), value: fromApi(row.confidence) },
                { text: name(row.label), value: row.label },
                { text: row.right ? "✓ right" : "✗ wrong", class: row.right ? "" : "is-wrong" },
            ]),
        );
        set(this, { "data-bin": bin });
        announce(title);
    }
}

function sentence({ lower, upper, count, rows }) {
    const range = `confidence ${decimals(fromApi(lower), 3)} to ${decimals(fromApi(upper), 3)}`;
    if (!count) return `No row has a ${range}`;
    if (count === 1) return `The one row of ${range}`;
    return rows.length < count
        ? `The first ${rows.length} of the ${count} rows of ${range}`
        : `All ${count} rows of ${range}`;
}

customElements.define("lk-confidence-rows", ConfidenceRows);
