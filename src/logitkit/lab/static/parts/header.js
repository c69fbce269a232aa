/** `<lk-header>`: the name, the panels, sharing and the theme. */

import { h, set, setText } from "../core/dom.js";
import { announce } from "../core/status.js";
import { store } from "../core/store.js";

const THEMES = ["system", "light", "dark"];
const KEY = "logitkit-theme";

export class Header extends HTMLElement {
    connectedCallback() {
        if (this.nav) return;
        this.nav = h("ol", { class: "nav" });
        this.theme = h("button", { type: "button", class: "tool", onclick: () => this.#turn() });
        this.share = h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#copy() },
            "Copy link",
        );
        this.append(
            h(
                "header",
                { class: "top" },
                h("a", { class: "brand", href: "./" }, "logitkit ", h("span", {}, "lab")),
                h("nav", { "aria-label": "Panels" }, this.nav),
                h("div", { class: "top-tools" }, this.share, this.theme),
            ),
        );
        this.#apply(localStorage.getItem(KEY) ?? "system");
    }

    /** List the panels; `go(slug)` is called for the chosen one. */
    list(panels, go) {
        const items = panels.map(({ dataset: { slug, number }, constructor: { heading } }) => {
            const anchor = h(
                "a",
                { href: `#v=1&p=${slug}`, "data-slug": slug, title: heading },
                number,
                h("span", { class: "visually-hidden" }, ` ${heading}`),
            );
            anchor.onclick = (event) => {
                event.preventDefault();
                go(slug);
            };
            return h("li", {}, anchor);
        });
        this.nav.replaceChildren(...items);
    }

    /** Mark the panel that is being read. */
    current(slug) {
        for (const anchor of this.nav.querySelectorAll("a")) {
            set(anchor, { "aria-current": anchor.dataset.slug === slug ? "true" : null });
        }
    }

    #turn() {
        const next = THEMES[(THEMES.indexOf(this.chosen) + 1) % THEMES.length];
        localStorage.setItem(KEY, next);
        this.#apply(next);
    }

    #apply(theme) {
        this.chosen = THEMES.includes(theme) ? theme : "system";
        set(document.documentElement, {
            "data-theme": this.chosen === "system" ? null : this.chosen,
        });
        setText(this.theme, `Theme: ${this.chosen}`);
    }

    async #copy() {
        const href = await store.href();
        try {
            await navigator.clipboard.writeText(href);
            announce("Link copied");
            setText(this.share, "Copied");
            setTimeout(() => setText(this.share, "Copy link"), 1500);
        } catch {
            history.replaceState(null, "", href);
            announce("The link stands in the address bar");
        }
    }
}

customElements.define("lk-header", Header);
