/**
 * The one state of the page, its history and the address bar.
 *
 * `set` with `commit: false` is a step of a drag: the link follows by replaceState. A commit makes
 * a new entry, so that Back returns to the state before the drag; for this the entry that the drag
 * has overwritten is first written back.
 */

import * as link from "./link.js";
import { change, DEFAULTS } from "./state.js";

const MOST_UNDO = 100;
// Browsers refuse more than about 200 replaceState calls in 10 seconds.
const LINK_INTERVAL = 120;

class Store extends EventTarget {
    state = DEFAULTS;
    #committed = DEFAULTS;
    #undo = [];
    #kept = [];
    #timer = 0;
    #writes = Promise.resolve();

    /** Read the link, and follow Back, Forward and edited fragments. */
    async start() {
        await this.#follow();
        addEventListener("popstate", () => this.#follow());
    }

    get canUndo() {
        return this.#undo.length > 0;
    }

    /** Change fields; `commit` where the user has let go. */
    set(patch, { commit = true } = {}) {
        const next = change(this.state, patch);
        if (link.write(next) !== link.write(this.state)) {
            this.state = next;
            this.#tell();
        }
        if (commit) this.commit();
        else this.#timer ||= setTimeout(() => this.#replace(this.state), LINK_INTERVAL);
    }

    /** End a drag: the state becomes an entry of the history. */
    commit() {
        if (link.write(this.state) === link.write(this.#committed)) return;
        this.#undo = [...this.#undo, this.#committed].slice(-MOST_UNDO);
        this.#replace(this.#committed);
        this.#committed = this.state;
        this.#address("pushState", this.state);
        this.#tell();
    }

    /** Return to the state before the last commit. */
    undo() {
        const previous = this.#undo.pop();
        if (!previous) return;
        this.state = previous;
        this.#committed = previous;
        this.#address("pushState", previous);
        this.#tell();
    }

    /** The full link of the present state. */
    async href() {
        return new URL(`#${await link.pack(link.write(this.state, this.#kept))}`, location.href)
            .href;
    }

    #tell() {
        this.dispatchEvent(new Event("change"));
    }

    #replace(state) {
        clearTimeout(this.#timer);
        this.#timer = 0;
        this.#address("replaceState", state);
    }

    // Packing takes a moment: writes go one after another, in their order.
    #address(method, state) {
        const fragment = link.write(state, this.#kept);
        this.#writes = this.#writes.then(async () => {
            history[method](null, "", `#${await link.pack(fragment)}`);
        });
    }

    async #follow() {
        let result;
        try {
            result = link.read(await link.unpack(location.hash));
        } catch (error) {
            result = { state: DEFAULTS, kept: [], problems: [error.message] };
        }
        this.state = result.state;
        this.#committed = result.state;
        this.#kept = result.kept;
        this.dispatchEvent(new CustomEvent("link", { detail: result.problems }));
        this.#tell();
    }
}

/** The page's store. */
export const store = new Store();
