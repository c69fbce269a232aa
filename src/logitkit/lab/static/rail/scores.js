/** `<lk-scores>`: the table of classes: name and score, edited in place. */

import { freshId, h, set, setText, sync } from "../core/dom.js";
import { editable, parse } from "../core/numbers.js";
import { readPasted } from "../core/paste.js";
import { label, MOST_CLASSES } from "../core/state.js";
import { announce } from "../core/status.js";
import { store } from "../core/store.js";
import { colour } from "../core/colours.js";
import * as edit from "./edits.js";
import "./paste.js";

const FEW = 40;

export class Scores extends HTMLElement {
    #all = false;

    connectedCallback() {
        if (this.list) return;
        const title = freshId("scores");
        this.list = h("ol", { class: "scores", "aria-labelledby": title });
        this.error = h("p", { class: "field-error", id: freshId("error"), hidden: true });
        this.more = h("button", {
            type: "button",
            class: "tool",
            hidden: true,
            onclick: () => this.#showAll(),
        });
        this.undo = h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#undo() },
            "Undo",
        );
        this.add = h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#add() },
            "Add a class",
        );
        this.dialog = h("lk-paste");
        this.menu = this.#makeMenu();
        this.append(
            h(
                "div",
                { class: "rail-head" },
                h("h2", { id: title, class: "rail-title" }, "Scores"),
                this.undo,
            ),
            this.list,
            this.error,
            this.more,
            h(
                "div",
                { class: "rail-actions" },
                this.add,
                h(
                    "button",
                    { type: "button", class: "tool", onclick: () => this.dialog.open() },
                    "Paste…",
                ),
            ),
            this.menu,
            this.dialog,
        );
        this.list.addEventListener("paste", (event) => this.#paste(event));
        this.list.addEventListener("keydown", (event) => this.#key(event));
    }

    update(state) {
        const rows = this.#all ? state.classes : state.classes.slice(0, FEW);
        const [focused, column] = this.#focused();
        sync(
            this.list,
            rows,
            (index) => this.#create(index),
            (item, row, index) => this.#write(item, row, index),
        );
        const hidden = state.classes.length - rows.length;
        this.more.hidden = hidden === 0;
        setText(this.more, `Show ${hidden} more`);
        set(this.undo, { disabled: !store.canUndo });
        if (focused >= rows.length) this.#focus(rows.length - 1, column);
    }

    /** The place of the field that has the focus: its class and its column, -1 for neither. */
    #focused() {
        const { activeElement } = document;
        const index = [...this.list.children].indexOf(activeElement?.closest("li.score"));
        return [index, index < 0 ? -1 : [...this.list.children[index].children].indexOf(activeElement)];
    }

    /** Move the focus to a field, or to where a class is added when there is none. */
    #focus(index, column) {
        (this.list.children[index]?.children[Math.max(column, 1)] ?? this.add).focus();
    }

    #create(index) {
        const name = h("input", {
            type: "text",
            class: "field name",
            maxlength: "60",
            autocomplete: "off",
            spellcheck: "false",
        });
        const score = h("input", {
            type: "text",
            inputmode: "decimal",
            class: "field number",
            autocomplete: "off",
            spellcheck: "false",
        });
        const more = h(
            "button",
            { type: "button", class: "dots", popovertarget: this.menu.id },
            h("span", { "aria-hidden": "true" }, "⋯"),
        );
        more.addEventListener("click", () => this.#aim(index, more));
        name.addEventListener("input", () =>
            store.set({ classes: edit.rename(store.state, index, name.value) }, { commit: false }),
        );
        score.addEventListener("input", () => this.#typed(index, score));
        for (const field of [name, score])
            field.addEventListener("change", () => this.#settle(index));
        return h(
            "li",
            { class: "score" },
            h("span", { class: "swatch", "aria-hidden": "true" }),
            name,
            score,
            more,
        );
    }

    #write(item, row, index) {
        const [swatch, name, score, more] = item.children;
        set(item, { class: `score ${colour(index)}`, "data-class": index });
        set(swatch, { class: "swatch" });
        if (name.value !== row.name) name.value = row.name;
        set(name, { "aria-label": `Name of class ${index + 1}`, placeholder: `class ${index}` });
        const shown = parse(score.value);
        if (!Object.is(shown, row.logit) && !score.hasAttribute("aria-invalid"))
            score.value = editable(row.logit);
        set(score, { "aria-label": `Score of ${label(row, index)}` });
        set(more, { "aria-label": `Move, copy or remove ${label(row, index)}` });
    }

    #typed(index, field) {
        const logit = parse(field.value);
        const row = store.state.classes[index];
        const kept = `“${field.value}” is not a number; the results still use ${editable(row.logit)}.`;
        this.#complain(field, logit === null ? kept : "");
        if (logit !== null)
            store.set({ classes: edit.score(store.state, index, logit) }, { commit: false });
    }

    #complain(field, text) {
        set(field, {
            "aria-invalid": text ? "true" : null,
            "aria-describedby": text ? this.error.id : null,
        });
        this.error.hidden = !text;
        setText(this.error, text);
        if (text) announce(text);
    }

    // What is no number goes when the field is left; the last number stands again.
    #settle(index) {
        const field = this.list.children[index]?.children[2];
        if (field?.hasAttribute("aria-invalid")) {
            this.#complain(field, "");
            field.value = editable(store.state.classes[index].logit);
        }
        store.commit();
    }

    #key(event) {
        const index = [...this.list.children].indexOf(event.target.closest("li"));
        const direction = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
        if (!direction || index < 0) return;
        if (event.altKey && Math.abs(direction) === 1) {
            event.preventDefault();
            this.#move(index, -direction);
        } else if (event.target.classList.contains("number")) {
            event.preventDefault();
            const logit = Number(
                (store.state.classes[index].logit + direction / 10).toPrecision(12),
            );
            if (!Number.isFinite(logit)) return;
            this.#complain(event.target, "");
            store.set({ classes: edit.score(store.state, index, logit) });
        }
    }

    #move(index, by) {
        const to = index + by;
        if (to < 0 || to >= store.state.classes.length) return;
        const [, column] = this.#focused();
        store.set(edit.move(store.state, index, to));
        if (to < this.list.children.length) this.#focus(to, column);
        announce(`${label(store.state.classes[to], to)} is now number ${to + 1}`);
    }

    #add() {
        if (store.state.classes.length >= MOST_CLASSES)
            return announce(`${MOST_CLASSES} classes are the most`);
        const row = { name: "", logit: 0 };
        store.set({ classes: [...store.state.classes, row] });
        const last = store.state.classes.length - 1;
        if (last >= FEW) this.#showAll();
        this.list.children[last].children[1].focus();
        return undefined;
    }

    #undo() {
        const before = store.state.classes;
        store.undo();
        announce("undone");
        // While there is more to undo the button keeps the focus; then what came back gets it.
        if (!this.undo.disabled) return;
        const after = store.state.classes;
        const changed = after.findIndex((row, i) => row !== before[i]);
        this.#focus(Math.max(changed, 0), after[changed]?.name === before[changed]?.name ? 2 : 1);
    }

    #showAll() {
        this.#all = true;
        this.update(store.state);
    }

    #paste(event) {
        const text = event.clipboardData?.getData("text") ?? "";
        if (!/[\n\t[\]{}]|\d\s*[,;]\s*[-\d]/.test(text.trim())) return;
        const { classes, problems } = readPasted(text);
        if (classes.length < 2) return;
        event.preventDefault();
        store.set(edit.replace(classes.slice(0, MOST_CLASSES)));
        announce([`${classes.length} classes pasted`, ...problems].join(". "));
    }

    #makeMenu() {
        const item = (text, act) =>
            h(
                "button",
                { type: "button", class: "menu-item", onclick: () => this.#act(act) },
                text,
            );
        return h(
            "div",
            {
                id: freshId("menu"),
                class: "menu",
                popover: "auto",
                role: "group",
                "aria-label": "This class",
            },
            item("Move up", (i) => this.#move(i, -1)),
            item("Move down", (i) => this.#move(i, 1)),
            item("Duplicate", (i) => store.set({ classes: edit.duplicate(store.state, i) })),
            item("Remove", (i) => this.#remove(i)),
        );
    }

    #aim(index, button) {
        this.aimed = index;
        const box = button.getBoundingClientRect();
        const left = Math.max(8, Math.min(box.right - 150, innerWidth - 160));
        const top = Math.min(box.bottom + 4, innerHeight - 180);
        this.menu.style.setProperty("left", `${left}px`);
        this.menu.style.setProperty("top", `${Math.max(8, top)}px`);
    }

    #act(act) {
        this.menu.hidePopover();
        if (this.aimed < store.state.classes.length) act(this.aimed);
    }

    #remove(index) {
        const name = label(store.state.classes[index], index);
        store.set(edit.remove(store.state, index));
        const rest = this.list.children;
        (rest[Math.min(index, rest.length - 1)]?.children[3] ?? this.undo).focus();
        announce(`${name} removed`);
    }
}

customElements.define("lk-scores", Scores);
