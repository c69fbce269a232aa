/**
 * The page's only source of numbers: `POST /api/v1/compute`.
 *
 * Nothing is debounced. One request is in flight; what is asked meanwhile replaces what waited, so
 * the newest state wins. A reply that a newer one has overtaken before the next frame is dropped.
 * Where the server does not answer, the last question is asked again until it does.
 *
 * Events: `reply` ({ state, results, kernel, roundTrip }), `refused` (a sentence), `lost`, `found`.
 */

import { toApi } from "./numbers.js";

const PATIENCE = 10_000; // milliseconds; a computation of this page takes a few
const RETRY = 1000;

export class Engine extends EventTarget {
    #url;
    #next = null;
    #busy = false;
    #lost = false;
    #frame = 0;
    // The answers on screen, by the text of their operation: what has not changed is not asked again.
    #known = new Map();
    #cost = null;

    constructor(url = "api/v1/compute") {
        super();
        this.#url = url;
    }

    /** Ask for the operations of a state: a map of ids to operations, equal ones are sent once. */
    ask(state, operations) {
        this.#next = { state, operations };
        if (!this.#busy) this.#send();
    }

    async #send() {
        this.#busy = true;
        while (this.#next) {
            const question = this.#next;
            this.#next = null;
            try {
                await this.#exchange(question);
            } catch {
                this.#lose();
                await new Promise((resolve) => setTimeout(resolve, RETRY));
                this.#next ??= question;
            }
        }
        this.#busy = false;
    }

    async #exchange({ state, operations }) {
        const texts = new Map([...operations].map(([id, operation]) => [id, encode(operation)]));
        const missing = [...new Set(texts.values())].filter((text) => !this.#known.has(text));
        if (missing.length) await this.#fetch(missing);
        if (missing.some((text) => !this.#known.has(text))) return;
        this.#known = new Map([...texts.values()].map((text) => [text, this.#known.get(text)]));
        const results = new Map([...texts].map(([id, text]) => [id, this.#known.get(text)]));
        this.#deliver({ state, results, ...this.#cost });
    }

    async #fetch(texts) {
        const start = performance.now();
        const response = await fetch(this.#url, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: `{"operations":[${texts.join(",")}]}`,
            signal: AbortSignal.timeout(PATIENCE),
        });
        if (response.status >= 500) throw new Error(`status ${response.status}`);
        const answer = await response.json();
        const roundTrip = performance.now() - start;
        this.#find();
        if (!response.ok) {
            this.#emit("refused", problem(answer));
            return;
        }
        texts.forEach((text, place) => this.#known.set(text, answer.results[place]));
        this.#cost = { kernel: answer.kernel, microseconds: answer.microseconds, roundTrip };
    }

    // Where a newer question waits, its reply may come before the next frame: then only that is shown.
    #deliver(reply) {
        cancelAnimationFrame(this.#frame);
        if (!this.#next) this.#emit("reply", reply);
        else this.#frame = requestAnimationFrame(() => this.#emit("reply", reply));
    }

    #lose() {
        if (!this.#lost) this.#emit("lost");
        this.#lost = true;
    }

    #find() {
        if (this.#lost) this.#emit("found");
        this.#lost = false;
    }

    #emit(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}

const encode = (operation) =>
    JSON.stringify(operation, (_, value) => (typeof value === "number" ? toApi(value) : value));

/** Return the sentence of an `application/problem+json` answer. */
export function problem(answer) {
    const first = answer.errors?.[0];
    return first?.detail ?? answer.detail ?? answer.title ?? "the server refused the request";
}
