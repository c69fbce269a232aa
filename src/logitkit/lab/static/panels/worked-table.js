/**
 * `<lk-worked-table>`: a row a class, a column a step. A number that is pointed at or focused is
 * marked together with the numbers that it was made of. Event `aim`: the class of that number.
 */

import { colour } from "../core/colours.js";
import { h, set, setText, sync } from "../core/dom.js";
import { exact, fromApi, number } from "../core/numbers.js";
import { STEPS } from "./worked-steps.js";

const FOLD = 12;
const SUM = 4;

export class WorkedTable extends HTMLElement {
    #unfolded = false;

    connectedCallback() {
        if (this.table) return;
        this.body = h("tbody");
        const heads = STEPS.map((step, i) =>
            h("th", { scope: "col", "data-column": i }, step.name),
        );
        this.table = h(
            "table",
            { class: "worked-table" },
            h(
                "caption",
                { class: "visually-hidden" },
                "Each step for each class; arrow keys move between the numbers",
            ),
            h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Class"), ...heads)),
            this.body,
        );
        this.more = h("button", {
            type: "button",
            class: "tool",
            hidden: true,
            onclick: () => this.#unfold(),
        });
        this.append(h("div", { class: "worked-scroll" }, this.table), this.more);
        this.table.addEventListener("pointerover", (event) => this.#aim(event.target));
        this.table.addEventListener("pointerleave", () => this.#mark(document.activeElement));
        this.table.addEventListener("focusin", (event) => this.#aim(event.target));
        this.table.addEventListener("keydown", (event) => this.#walk(event));
    }

    show(state, steps) {
        this.last = [state, steps];
        const rows = this.#unfolded ? steps.steps : steps.steps.slice(0, FOLD);
        sync(this.body, rows, create, (line, one, index) => {
            set(line, { class: colour(index), "data-class": index });
            setText(line.firstChild, one.label);
            STEPS.forEach((step, column) => {
                const cell = line.children[column + 1];
                if (!step.field) return;
                const value = fromApi(one[step.field]);
                this.#write(cell, value, state, column, index);
            });
        });
        this.#placeTotal(state, steps, rows.length);
        const hidden = steps.steps.length - rows.length;
        this.more.hidden = hidden === 0;
        setText(this.more, `Show ${hidden} more classes`);
        for (const head of this.table.tHead.querySelectorAll("[data-column]")) {
            const column = Number(head.dataset.column);
            set(head, {
                class: column > state.step ? "is-later" : column === state.step ? "is-now" : null,
            });
        }
        if (!this.table.querySelector('[tabindex="0"]'))
            this.body.querySelector(".step-cell")?.setAttribute("tabindex", "0");
    }

    #write(cell, value, state, column, row) {
        setText(cell, number(value, state.digits));
        const linked = cell.classList.contains("is-source") ? " is-source" : "";
        const when = column > state.step ? " is-later" : column === state.step ? " is-now" : "";
        set(cell, {
            "data-value": value === null ? null : exact(value),
            "data-column": column,
            "data-row": row,
        });
        set(cell, { class: `step-cell${when}${linked}` });
    }

    // The sum is one number beside all rows: a single cell that spans them.
    #placeTotal(state, steps, count) {
        const first = this.body.rows[0];
        if (!first) return;
        for (const line of this.body.rows)
            line.children[SUM + 1]?.classList.toggle("is-spanned", line !== first);
        const cell = first.children[SUM + 1];
        set(cell, { rowspan: count });
        this.#write(cell, fromApi(steps.stable.total), state, SUM, "sum");
        cell.classList.add("is-total");
    }

    #unfold() {
        this.#unfolded = true;
        this.show(...this.last);
        this.body.rows[FOLD]?.querySelector(".step-cell")?.focus();
    }

    #aim(target) {
        this.#mark(target);
        const row = target.closest?.(".step-cell")?.dataset.row;
        if (row && row !== "sum")
            this.dispatchEvent(new CustomEvent("aim", { detail: Number(row) }));
    }

    /** Mark what a number was made of: its left neighbour, all exponentials, or both kinds. */
    #mark(target) {
        for (const cell of this.table.querySelectorAll(".is-source"))
            cell.classList.remove("is-source");
        const cell = target?.closest?.(".step-cell");
        if (!cell || !this.contains(cell)) return;
        const column = Number(cell.dataset.column);
        const row = cell.dataset.row;
        const select = (where) => this.body.querySelectorAll(`.step-cell${where}`);
        const sources = {
            0: () => [],
            1: () => select(`[data-column="0"][data-row="${row}"]`),
            2: () => select('[data-column="1"]'),
            3: () => select(`[data-column="2"][data-row="${row}"]`),
            4: () => select('[data-column="3"]'),
            5: () => [
                ...select(`[data-column="3"][data-row="${row}"]`),
                ...select('[data-row="sum"]'),
            ],
        }[column]();
        for (const source of [cell, ...sources]) source.classList.add("is-source");
    }

    #walk(event) {
        const cell = event.target.closest(".step-cell");
        if (!cell) return;
        const line = cell.closest("tr");
        const columns = (row) => [...row.querySelectorAll(".step-cell:not(.is-spanned)")];
        const across = columns(line);
        const place = across.indexOf(cell);
        const vertical = (row) =>
            row?.querySelector(`.step-cell:not(.is-spanned)[data-column="${cell.dataset.column}"]`);
        const next = {
            ArrowRight: () => across[place + 1],
            ArrowLeft: () => across[place - 1],
            ArrowDown: () => vertical(line.nextElementSibling),
            ArrowUp: () => vertical(line.previousElementSibling),
            Home: () => across[0],
            End: () => across.at(-1),
        }[event.key]?.();
        if (!next) return;
        event.preventDefault();
        for (const other of this.table.querySelectorAll('[tabindex="0"]'))
            other.setAttribute("tabindex", "-1");
        next.setAttribute("tabindex", "0");
        next.focus();
    }
}

const create = () =>
    h(
        "tr",
        {},
        h("th", { scope: "row" }),
        ...STEPS.map(() => h("td", { class: "step-cell", tabindex: "-1" })),
    );

customElements.define("lk-worked-table", WorkedTable);
