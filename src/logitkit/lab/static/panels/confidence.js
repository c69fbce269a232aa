/** Panel: how sure a model is in the user's own file, and how often it is right then. */

import { upload, list, summary as load } from "../core/datasets.js";
import { h, setText } from "../core/dom.js";
import { decimals, fromApi, number, percent } from "../core/numbers.js";
import { announce } from "../core/status.js";
import { store } from "../core/store.js";
import { lines } from "./confidence-code.js";
import { Panel } from "./panel.js";
import "./confidence-rows.js";
import "../charts/reliability.js";
import "../parts/dropzone.js";
import "../parts/figure.js";
import "../parts/readout.js";
import "../parts/slider.js";

/** What the server says of scores that it took for probabilities; the panel asks then. */
const GUESSED = "look like probabilities";

export class Confidence extends Panel {
    static slug = "confidence";
    static fewest = 0;
    static heading = "Is it right when it is sure?";
    static look =
        "Drop your own scores and labels: where the points lie below the diagonal, the model promises more than it keeps.";

    #file = null;
    #data = null;
    #bins = 0;
    #chosen = null;

    build(body) {
        this.drop = h("lk-dropzone");
        this.drop.addEventListener("file", ({ detail }) => this.#read(detail));
        this.kinds = h("div", { class: "notice is-question", hidden: true });
        this.bins = h("lk-slider", { class: "wide-control" });
        this.chart = h("lk-reliability");
        this.says = h("p", { class: "bin-says" });
        this.rows = h("lk-confidence-rows");
        this.figure = h("lk-figure", { hidden: true });
        this.readout = h("lk-readout", { hidden: true });
        body.append(this.drop, this.kinds, this.figure, this.readout);
        this.figure.setup({
            name: "Accuracy against confidence",
            charts: [this.bins, this.chart, this.says, this.rows],
            file: "confidence",
        });
        this.bins.setup({
            label: "Bins",
            low: 2,
            high: 50,
            step: 1,
            hint: "a whole number from 2 to 50",
            accepts: (value) => Number.isInteger(value) && value >= 2 && value <= 50,
            input: (bins) => store.set({ bins }, { commit: false }),
            change: () => store.commit(),
        });
        this.#find();
    }

    // The file that `logitkit lab FILE` was started on is there already.
    async #find() {
        try {
            const known = await list();
            if (known.length) this.#take(await load(known.at(-1).id, store.state.bins));
        } catch {
            // Nothing is lost: the drop zone says what to do, and a lost server has its banner.
        }
    }

    async #read(file, kind = "auto") {
        this.drop.busy(`Reading ${file.name} …`);
        try {
            const data = await upload(file, { bins: store.state.bins, kind });
            this.#file = file;
            this.#take(data);
            announce(this.#sentence());
        } catch (error) {
            this.#fail(error.message);
        }
    }

    #fail(message) {
        const kept = this.#data ? ` Below is still ${this.#data.name}.` : "";
        this.drop.fail(`${message}.${kept}`.replace("..", "."));
        announce(message);
    }

    #take(data) {
        this.#data = data;
        this.#bins = data.bins.length;
        this.drop.done(`${data.name}: ${data.rows} rows of ${data.classes} classes`);
        this.#choose(null);
    }

    // One request at a time: the reply asks again where the bins have moved on.
    async #rebin(bins) {
        if (this.rebinning) return;
        this.rebinning = true;
        try {
            this.#data = await load(this.#data.id, bins);
            this.#bins = bins;
        } catch (error) {
            this.#bins = bins;
            this.#fail(error.message);
        }
        this.rebinning = false;
        this.#choose(null);
    }

    // The bin that is chosen again is closed.
    async #choose(bin) {
        this.#chosen = bin === this.#chosen ? null : bin;
        if (this.#chosen === null) this.rows.clear();
        this.render(store.state);
        try {
            if (this.#chosen !== null) await this.rows.list(this.#data, bin);
        } catch (error) {
            this.#fail(error.message);
        }
    }

    show(state) {
        this.bins.update(state.bins);
        const data = this.#data;
        this.figure.hidden = !data;
        this.readout.hidden = !data;
        this.toggle.hidden = !data;
        if (!data) return;
        if (this.#bins !== state.bins) this.#rebin(state.bins);
        this.#draw(data);
        this.#ask(data);
        this.readout.update([
            {
                name: "Accuracy",
                value: fromApi(data.accuracy),
                text: percent(fromApi(data.accuracy)),
                note: `between ${data.accuracy_interval.map((p) => percent(fromApi(p))).join(" and ")}, with 95 % confidence`,
            },
            {
                name: "Mean confidence",
                value: fromApi(data.mean_confidence),
                text: percent(fromApi(data.mean_confidence)),
                note: "what the model promises",
            },
            {
                name: "Rows",
                value: data.rows,
                text: String(data.rows),
                note: `${data.classes} classes, ${data.dtype}; ${data.scores_from}, ${data.labels_from}`,
            },
        ]);
    }

    #draw(data) {
        const bins = data.bins.map((bin) => ({
            lower: fromApi(bin.lower),
            upper: fromApi(bin.upper),
            count: bin.count,
            right: bin.right,
            accuracy: fromApi(bin.accuracy),
            interval: bin.interval?.map(fromApi),
            mean: fromApi(bin.mean_confidence),
            enough: bin.enough,
            description: describe(bin, data.few),
        }));
        this.chart.data = {
            name: "Accuracy of the rows in each bin of confidence, and how many there are",
            bins,
            accuracy: fromApi(data.accuracy),
            confidence: fromApi(data.mean_confidence),
            select: (index) => setText(this.says, bins[index].description),
            chosen: this.#chosen,
            choose: (index) => this.#choose(index),
        };
        if (!this.says.textContent)
            setText(
                this.says,
                "Point at a bin, or move with the arrow keys, to read it; a click or Enter lists its rows.",
            );
        const cell = (value) => ({ text: decimals(value), value: value ?? undefined });
        this.figure.update({
            summary: [
                this.#sentence(),
                ...data.notes.filter((note) => !note.includes(GUESSED)).map(sentence),
            ].join(" "),
            columns: [
                "Confidence from",
                "to",
                "Rows",
                "Right",
                "Accuracy",
                "95 % from",
                "to",
                "Mean confidence",
            ],
            rows: bins.map((bin) => [
                { text: decimals(bin.lower, 3), value: bin.lower },
                { text: decimals(bin.upper, 3), value: bin.upper },
                { text: bin.count, value: bin.count },
                { text: bin.right, value: bin.right },
                cell(bin.accuracy),
                cell(bin.interval?.[0]),
                cell(bin.interval?.[1]),
                cell(bin.mean),
            ]),
        });
    }

    #sentence() {
        const {
            accuracy,
            mean_confidence: mean,
            accuracy_interval: [low, high],
        } = this.#data;
        const verdict =
            fromApi(mean) > fromApi(high)
                ? "it is overconfident"
                : fromApi(mean) < fromApi(low)
                  ? "it is less sure than it could be"
                  : "the two agree, as far as so many rows can tell";
        return `It says ${percent(fromApi(mean))} and is right in ${percent(fromApi(accuracy))}: ${verdict}.`;
    }

    // Probabilities where logits were asked for cannot be told apart for sure: the user decides.
    #ask(data) {
        const asked = this.#file && data.notes.some((note) => note.includes(GUESSED));
        this.kinds.hidden = !asked;
        if (!asked) return;
        const read = h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#read(this.#file, "logits") },
            "They are logits",
        );
        this.kinds.replaceChildren(
            h("span", {}, "The scores look like probabilities, and were taken as such."),
            read,
        );
    }

    snippet(state) {
        return lines(this.#data, state.bins, this.#chosen);
    }
}

function describe(bin, few) {
    const range = `confidence ${number(fromApi(bin.lower), 3)} to ${number(fromApi(bin.upper), 3)}`;
    if (!bin.count) return `${range}: no rows`;
    const interval = bin.interval.map((p) => percent(fromApi(p))).join(" to ");
    const warning = bin.enough ? "" : `; fewer than ${few} rows are too few to judge`;
    return `${range}: ${bin.right} of ${bin.count} rows right, ${percent(fromApi(bin.accuracy))} (95 %: ${interval})${warning}`;
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

customElements.define("lk-panel-confidence", Confidence);
