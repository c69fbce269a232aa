/**
 * What all panels share. A panel teaches one thing; a subclass says
 *
 * - `static slug`, `heading`, `look`: its name in links, its title, one sentence on what to look at;
 * - `static formula`, where one formula is all of it: a function that makes it;
 * - `build(body)`: its elements, once;
 * - `operations(state)`: what it asks the server for, `{ name: operation }`;
 * - `show(state, results, kernel)`: write the answers, `{ name: result }`, into its elements;
 * - `snippet(state)`: `{ python, shell }`, the lines that give the same numbers;
 * - `fewest`, where it needs other than one class to say anything.
 *
 * A panel never computes a number.
 */

import { freshId, h, setText } from "../core/dom.js";
import { store } from "../core/store.js";
import { announce } from "../core/status.js";
import { undefinedBecause } from "../core/undefined.js";
import "../parts/presets.js";

export class Panel extends HTMLElement {
    static fewest = 1;

    connectedCallback() {
        if (this.body) return;
        const { slug, heading, look, formula } = this.constructor;
        const title = freshId("panel");
        this.body = h("div", { class: "panel-body" });
        this.notice = h("p", { class: "notice", hidden: true });
        this.empty = h("div", { class: "empty", hidden: true }, h("p", {}, EMPTY), h("lk-presets"));
        this.foot = this.#code();
        this.section = h(
            "section",
            { class: `panel panel-${slug}`, "aria-labelledby": title },
            h(
                "header",
                { class: "panel-head" },
                h(
                    "span",
                    { class: "panel-number", "aria-hidden": "true" },
                    this.dataset.number ?? "",
                ),
                h("h2", { id: title, tabindex: "-1" }, heading),
                h("p", { class: "look" }, look),
                formula
                    ? h(
                          "div",
                          {
                              class: "panel-formula",
                              role: "group",
                              tabindex: "0",
                              "aria-label": "Formula",
                          },
                          formula(),
                      )
                    : null,
                h("span", { class: "stale-mark" }, "stale: the server does not answer"),
            ),
            this.notice,
            this.empty,
            this.body,
            this.foot,
        );
        this.append(this.section);
        this.build(this.body);
    }

    /** Whether the panel has something to show for `state`. */
    ready(state) {
        return state.classes.length >= this.constructor.fewest;
    }

    /** Take a reply: `results` has the answers of `operations`. */
    render(state, results, kernel) {
        const ready = this.ready(state);
        this.body.hidden = !ready;
        this.empty.hidden = ready;
        this.foot.hidden = !ready;
        this.undefined = this.constructor.fewest ? undefinedBecause(state.classes) : "";
        this.tell("");
        if (!ready) return;
        this.show(state, results, kernel);
        if (!this.code.hidden) this.#writeCode(state);
    }

    /** Say `text` above the body; that the softmax is not defined goes before all else. */
    tell(text) {
        const said = this.undefined || text;
        this.notice.hidden = said === "";
        setText(this.notice, said);
    }

    operations() {
        return {};
    }

    #code() {
        const id = freshId("code");
        this.toggle = h(
            "button",
            { class: "tool", type: "button", "aria-expanded": "false", "aria-controls": id },
            "Show code",
        );
        this.code = h("div", { id, class: "code", hidden: true });
        this.toggle.onclick = () => {
            this.code.hidden = !this.code.hidden;
            this.toggle.setAttribute("aria-expanded", String(!this.code.hidden));
            setText(this.toggle, this.code.hidden ? "Show code" : "Hide code");
            this.#writeCode(store.state);
        };
        return h("footer", { class: "panel-foot" }, this.toggle, this.code);
    }

    #writeCode(state) {
        const { python, shell } = this.snippet(state);
        this.code.replaceChildren(
            block("Python", python, this.constructor.heading),
            ...(shell ? [block("Shell", shell, this.constructor.heading)] : []),
        );
    }
}

const EMPTY = "There are no classes. Add one, paste scores, or take an example:";

function block(language, text, heading) {
    const copy = async () => {
        await navigator.clipboard.writeText(text);
        announce(`${language} lines copied`);
    };
    return h(
        "div",
        { class: "code-block" },
        h(
            "div",
            { class: "code-head" },
            h("span", {}, language),
            h(
                "button",
                {
                    class: "tool",
                    type: "button",
                    onclick: copy,
                    "aria-label": `Copy the ${language} lines`,
                },
                "Copy",
            ),
        ),
        h(
            "pre",
            { tabindex: "0", role: "region", "aria-label": `${language} lines: ${heading}` },
            h("code", { "data-language": language.toLowerCase() }, text),
        ),
    );
}
