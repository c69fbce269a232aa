/** `<lk-paste>`: a dialog that reads scores from text and shows at once what it understood. */

import { freshId, h, set, setText } from "../core/dom.js";
import { number } from "../core/numbers.js";
import { readPasted } from "../core/paste.js";
import { MOST_CLASSES } from "../core/state.js";
import { announce } from "../core/status.js";
import { store } from "../core/store.js";
import { replace } from "./edits.js";

const SAMPLE = "apple, 1.5\norange, 2.2\nbanana, -0.3";

export class Paste extends HTMLElement {
    connectedCallback() {
        if (this.dialog) return;
        const [id, hint, title] = [freshId("text"), freshId("hint"), freshId("title")];
        this.text = h("textarea", {
            id,
            class: "field area",
            rows: "8",
            spellcheck: "false",
            placeholder: SAMPLE,
            "aria-describedby": hint,
        });
        this.found = h("p", { class: "paste-found" });
        this.problems = h("ul", { class: "paste-problems" });
        this.use = h(
            "button",
            { type: "button", class: "button", onclick: () => this.#apply() },
            "Use these scores",
        );
        this.dialog = h(
            "dialog",
            { class: "dialog", "aria-labelledby": title },
            h("h2", { id: title, class: "dialog-title" }, "Paste scores"),
            h("label", { for: id, class: "control-label" }, "Text"),
            this.text,
            h(
                "p",
                { id: hint, class: "hint" },
                "CSV or TSV with names and scores, a JSON list or object, array([…]) of NumPy, or plain numbers.",
            ),
            this.found,
            this.problems,
            h(
                "div",
                { class: "dialog-actions" },
                h(
                    "button",
                    {
                        type: "button",
                        class: "button is-quiet",
                        onclick: () => this.dialog.close(),
                    },
                    "Cancel",
                ),
                this.use,
            ),
        );
        this.text.addEventListener("input", () => this.#preview());
        this.append(this.dialog);
    }

    open() {
        this.text.value = "";
        this.#preview();
        this.dialog.showModal();
        this.text.focus();
    }

    #preview() {
        const { classes, problems } = this.text.value.trim()
            ? readPasted(this.text.value)
            : { classes: [], problems: [] };
        this.classes = classes.slice(0, MOST_CLASSES);
        const few = this.classes.slice(0, 4).map((row) => `${row.name} ${number(row.logit)}`);
        const rest = this.classes.length > 4 ? ", …" : "";
        const most = classes.length > MOST_CLASSES ? `; the first ${MOST_CLASSES} are taken` : "";
        setText(
            this.found,
            classes.length ? `${classes.length} classes: ${few.join(", ")}${rest}${most}` : "",
        );
        this.problems.replaceChildren(...problems.slice(0, 5).map((text) => h("li", {}, text)));
        set(this.use, { disabled: this.classes.length === 0 });
    }

    #apply() {
        this.dialog.close();
        store.set(replace(this.classes));
        announce(`${this.classes.length} classes pasted`);
    }
}

customElements.define("lk-paste", Paste);
