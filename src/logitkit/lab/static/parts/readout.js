/** `<lk-readout>`: a few single numbers with their names: { name, value, text, note, tone }. */

import { h, set, setText, sync } from "../core/dom.js";
import { exact } from "../core/numbers.js";

export class Readout extends HTMLElement {
    connectedCallback() {
        this.list ??= this.appendChild(h("dl", { class: "readout" }));
    }

    update(items) {
        const create = () =>
            h(
                "div",
                {},
                h("dt"),
                h("dd", { class: "readout-value" }),
                h("dd", { class: "readout-note" }),
            );
        sync(this.list, items, create, (box, item) => {
            const [name, value, note] = box.children;
            setText(name, item.name);
            setText(value, item.text);
            setText(note, item.note ?? "");
            set(box, { class: item.tone ? `is-${item.tone}` : null });
            set(value, { "data-value": typeof item.value === "number" ? exact(item.value) : null });
        });
    }
}

customElements.define("lk-readout", Readout);
