/** `<lk-dropzone>`: a place for one file, by dropping or by the file dialog. Event `file`. */

import { freshId, h, setText } from "../core/dom.js";

const ACCEPTED = ".npz,.npy,.csv,.tsv,.json,.jsonl";

export class Dropzone extends HTMLElement {
    connectedCallback() {
        if (this.zone) return;
        const id = freshId("file");
        this.input = h("input", { type: "file", id, accept: ACCEPTED, class: "visually-hidden" });
        this.state = h("span", { class: "drop-state" }, "Drop a file here, or choose one");
        this.zone = h(
            "label",
            { class: "drop", for: id },
            this.input,
            this.state,
            h(
                "span",
                { class: "hint" },
                "Scores and labels: .npz with the arrays logits and labels, or .csv, .tsv, .json, .jsonl, .npy with the label in the last column. It stays on this machine.",
            ),
        );
        this.append(this.zone);
        // A file that misses the zone would replace the page.
        for (const type of ["dragover", "drop"]) {
            document.addEventListener(type, (event) => event.preventDefault());
        }
        this.input.addEventListener("change", () => this.#give(this.input.files[0]));
        this.zone.addEventListener("dragover", (event) => {
            event.preventDefault();
            this.zone.classList.add("is-over");
        });
        this.zone.addEventListener("dragleave", () => this.zone.classList.remove("is-over"));
        this.zone.addEventListener("drop", (event) => {
            event.preventDefault();
            this.zone.classList.remove("is-over");
            this.#give(event.dataTransfer.files[0]);
        });
    }

    busy(text) {
        this.#say(text, "is-busy");
    }

    done(text) {
        this.#say(text, "is-done");
    }

    fail(text) {
        this.#say(text, "is-failed");
    }

    #say(text, state) {
        this.zone.className = `drop ${state}`;
        setText(this.state, text);
    }

    #give(file) {
        if (file) this.dispatchEvent(new CustomEvent("file", { detail: file }));
        this.input.value = "";
    }
}

customElements.define("lk-dropzone", Dropzone);
