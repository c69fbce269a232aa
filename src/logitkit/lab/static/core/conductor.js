/**
 * Which panels are computed when.
 *
 * Panels in the window follow every change. The others are brought up to date when nothing has
 * changed for a moment, so that a page that is scrolled or printed shows no old number.
 */

import { question } from "./state.js";

export const SHARED = "shared softmax";
const QUIET = 150; // milliseconds without a change

export class Conductor {
    #store;
    #engine;
    #panels;
    #visible = new Set();
    #shown = new Map();
    #timer = 0;
    #ready = () => {};

    constructor(store, engine, panels) {
        this.#store = store;
        this.#engine = engine;
        this.#panels = panels;
        store.addEventListener("change", () => this.ask());
        engine.addEventListener("reply", ({ detail }) => this.#show(detail));
    }

    /** Compute all panels, then follow which are in the window. Resolves when all are there. */
    start() {
        const observer = new IntersectionObserver((entries) => {
            for (const { target, isIntersecting } of entries) {
                if (isIntersecting) this.#visible.add(target);
                else this.#visible.delete(target);
            }
            if (this.#shown.size && this.#behind([...this.#visible]).length) this.ask();
        });
        for (const panel of this.#panels) observer.observe(panel);
        const ready = new Promise((resolve) => {
            this.#ready = resolve;
        });
        this.#request(this.#panels);
        return ready;
    }

    /** Ask for what the panels in the window need. */
    ask() {
        this.#request([...this.#visible]);
    }

    #request(panels) {
        clearTimeout(this.#timer);
        const { state } = this.#store;
        const operations = new Map();
        if (state.classes.length) operations.set(SHARED, { op: "softmax", ...question(state) });
        for (const panel of panels) {
            for (const [id, operation] of this.#operations(panel, state))
                operations.set(id, operation);
        }
        if (operations.size) this.#engine.ask(state, operations);
        else this.#show({ state, results: new Map(), kernel: null });
    }

    #operations(panel, state) {
        if (!panel.ready(state)) return [];
        return Object.entries(panel.operations(state)).map(([name, operation]) => [
            `${panel.dataset.slug} ${name}`,
            operation,
        ]);
    }

    #show({ state, results, kernel }) {
        // An answer on its way when the last class was removed has nothing to say any more.
        if (state.classes.length && !this.#store.state.classes.length) return;
        for (const panel of this.#panels) {
            const names = this.#operations(panel, state).map(([id]) => id);
            // A panel that was not asked for waits for a later reply.
            if (this.#shown.get(panel) === state || names.some((id) => !results.has(id))) continue;
            const prefix = `${panel.dataset.slug} `.length;
            panel.render(
                state,
                Object.fromEntries(names.map((id) => [id.slice(prefix), results.get(id)])),
                kernel,
            );
            this.#shown.set(panel, state);
        }
        this.#catchUp();
    }

    #behind(panels) {
        return panels.filter((panel) => this.#shown.get(panel) !== this.#store.state);
    }

    #catchUp() {
        clearTimeout(this.#timer);
        if (!this.#behind(this.#panels).length) {
            this.#ready();
            return;
        }
        this.#timer = setTimeout(() => this.#request(this.#panels), QUIET);
    }
}
