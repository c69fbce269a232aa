/**
 * What all charts share: an SVG as wide as its place, drawn again when that or the data change.
 *
 * A chart draws `this.data`; it knows nothing of states or of the server. Its SVG is a group of
 * marks with names. One of them is in the tab order; arrow keys move to the others.
 */

import { s, set } from "../core/dom.js";

const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) target.resize();
});

export class Chart extends HTMLElement {
    #data = null;
    width = 0;

    connectedCallback() {
        this.svg ??= this.appendChild(s("svg", { class: "chart", role: "group" }));
        this.svg.onkeydown = (event) => this.#walk(event);
        observer.observe(this);
    }

    disconnectedCallback() {
        observer.unobserve(this);
    }

    get data() {
        return this.#data;
    }

    set data(data) {
        this.#data = data;
        this.width ||= this.clientWidth;
        this.#redraw();
    }

    resize() {
        if (this.clientWidth === this.width) return;
        this.width = this.clientWidth;
        this.#redraw();
    }

    /** Set the size of the drawing and its name. */
    frame(height, name) {
        const width = Math.max(this.width, 160);
        set(this.svg, { width, height, viewBox: `0 0 ${width} ${height}`, "aria-label": name });
        return width;
    }

    /** The marks that the arrow keys visit; charts with others than a list say what is next. */
    get marks() {
        return [...this.svg.querySelectorAll("[data-mark]")];
    }

    /** Return the mark that `key` leads to from the mark number `index`, or undefined. */
    neighbour(key, index, marks) {
        const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[key];
        if (step) return marks[index + step];
        return { Home: marks[0], End: marks.at(-1) }[key];
    }

    #redraw() {
        if (!this.#data || !this.isConnected || this.width === 0) return;
        this.draw(this.#data);
        const marks = this.marks;
        if (marks.length && !marks.some((mark) => mark.getAttribute("tabindex") === "0")) {
            marks[0].setAttribute("tabindex", "0");
        }
    }

    #walk(event) {
        const marks = this.marks;
        const index = marks.indexOf(event.target);
        if (index < 0 || event.defaultPrevented) return;
        const next = this.neighbour(event.key, index, marks);
        if (!next) return;
        event.preventDefault();
        for (const mark of marks) mark.setAttribute("tabindex", mark === next ? "0" : "-1");
        next.focus();
    }
}
