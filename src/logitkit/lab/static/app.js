/** The page: it joins the store, the engine, the rail and the panels. */

import { Conductor, SHARED } from "./core/conductor.js";
import { h, set } from "./core/dom.js";
import { Engine } from "./core/engine.js";
import { watch } from "./core/highlight.js";
import { fromApi, percent } from "./core/numbers.js";
import { announce, attach } from "./core/status.js";
import { label } from "./core/state.js";
import { store } from "./core/store.js";
import { PANELS } from "./panels/registry.js";
import "./parts/banner.js";
import "./parts/header.js";
import "./parts/intro.js";
import "./rail/rail.js";

const root = document.documentElement;
const main = document.querySelector("main");
const header = document.querySelector("lk-header");
const banner = document.querySelector("lk-banner");
const rail = document.querySelector("lk-rail");
const parameters = new URLSearchParams(location.search);
const embedded = parameters.get("embed") === "1";

/** The panels of this page: all, or those that an embedding page names. */
function chosen() {
    const wanted = parameters.get("panel")?.split(",") ?? [];
    const some = embedded ? PANELS.filter((panel) => wanted.includes(panel.slug)) : PANELS;
    return some.length ? some : PANELS;
}

const panels = chosen().map(({ slug, tag }, index) =>
    h(tag, { id: `panel-${slug}`, "data-slug": slug, "data-number": index + 1 }),
);

let probabilities = [];
let said = "";
let opened = "";

function build() {
    attach(document.querySelector("#status"));
    set(root, { "data-embed": embedded ? "1" : null });
    const head = embedded ? h("h1", { class: "visually-hidden" }, "logitkit lab") : h("lk-intro");
    main.append(head, ...panels);
    header.list(panels, (slug) => {
        store.set({ panel: slug });
        go(slug);
    });
    document.querySelector(".skip").onclick = (event) => {
        event.preventDefault();
        main.focus();
    };
    watch(root);
    const reading = new IntersectionObserver(
        (entries) => {
            const entry = entries.find(({ isIntersecting }) => isIntersecting);
            if (entry) header.current(entry.target.dataset.slug);
        },
        { rootMargin: "-30% 0px -60% 0px" },
    );
    for (const panel of panels) reading.observe(panel);
}

function go(slug, behavior = "auto") {
    opened = slug;
    const panel = panels.find((one) => one.dataset.slug === slug);
    if (!panel) return;
    panel.scrollIntoView({ block: "start", behavior });
    panel.querySelector("h2").focus({ preventScroll: true });
}

function listen(engine) {
    engine.addEventListener("reply", ({ detail }) => {
        banner.say("refused", "");
        show(detail);
    });
    engine.addEventListener("refused", ({ detail }) => {
        banner.say("refused", `The server refused this: ${detail}`);
    });
    engine.addEventListener("lost", () => {
        set(root, { "data-stale": "1" });
        banner.say(
            "lost",
            "The server does not answer. The numbers below are from before it went; it is asked again every second.",
        );
    });
    engine.addEventListener("found", () => {
        set(root, { "data-stale": null });
        banner.say("lost", "");
        announce("The server answers again");
    });
    store.addEventListener("link", ({ detail: problems }) => {
        const text = problems.length
            ? `Not all of the link could be read: ${problems.join("; ")}. The defaults stand there.`
            : "";
        banner.say("link", text, { closable: true });
    });
    store.addEventListener("change", () => rail.update(store.state, probabilities));
}

function show({ state, results, kernel, roundTrip, microseconds }) {
    probabilities = results.get(SHARED).probabilities.map(fromApi);
    rail.update(store.state, probabilities);
    rail.strip.update({ kernel, dtype: state.dtype, microseconds, roundTrip });
    tell(state);
}

/** Say to screen readers what has changed; the first answer is read on the page. */
function tell(state) {
    const best = probabilities.indexOf(Math.max(...probabilities));
    const text =
        best < 0
            ? "The softmax of these scores is not defined"
            : `${label(state.classes[best], best)} is most likely: ${percent(probabilities[best])}`;
    if (said && text !== said) announce(text);
    said = text;
}

async function start() {
    const engine = new Engine();
    build();
    listen(engine);
    await store.start();
    await new Conductor(store, engine, panels).start();
    go(store.state.panel, "instant");
    // Back, Forward and an edited address may name another panel.
    store.addEventListener("link", () => {
        if (store.state.panel !== opened) go(store.state.panel);
    });
}

start();
