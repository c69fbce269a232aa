/** `<lk-banner>`: what the whole page has to say: a lost server, a damaged link, a refused question. */

import { h, setText } from "../core/dom.js";
import { announce } from "../core/status.js";

export class Banner extends HTMLElement {
    #messages = new Map();

    connectedCallback() {
        if (this.list) return;
        this.list = h("ul", { class: "banners" });
        this.append(h("section", { "aria-label": "Notices" }, this.list));
    }

    /** Show `text` under `kind`; an empty one takes it away. */
    say(kind, text, { closable = false } = {}) {
        const present = this.#messages.get(kind);
        if (!text) {
            present?.remove();
            this.#messages.delete(kind);
            return;
        }
        const item =
            present ?? this.list.appendChild(h("li", { class: `banner is-${kind}` }, h("span")));
        if (!present && closable) {
            const close = () => this.say(kind, "");
            item.append(h("button", { type: "button", class: "tool", onclick: close }, "Close"));
        }
        setText(item.firstChild, text);
        this.#messages.set(kind, item);
        announce(text);
    }
}

customElements.define("lk-banner", Banner);
