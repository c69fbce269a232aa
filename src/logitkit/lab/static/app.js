/** The page: it joins the store, the engine, the rail and the panels. */

import { h, set } from "./core/dom.js";
import { Engine } from "./core/engine.js";
import { watch } from "./core/highlight.js";
import { fromApi, number } from "./core/numbers.js";
import { attach, announce } from "./core/status.js";
import { label, question } from "./core/state.js";
import { store } from "./core/store.js";
import { PANELS } from "./panels/registry.js";
import "./parts/banner.js";
import "./parts/header.js";
import "./parts/intro.js";
import "./rail/rail.js";

const SHARED = "shared softmax";
const parameters = new URLSearchParams(location.search);
const embedded = parameters.get("embed") === "1";
const main = document.querySelector("main");
const header = document.querySelector("lk-header");
const banner = document.querySelector("lk-banner");
const rail = document.querySelector("lk-rail");
const engine = new Engine();
const visible = new Set();
let shown = "";

/** The panels of this page: all, or those that an embedding page names. */
function chosen() {
  const wanted = parameters.get("panel")?.split(",");
  const some = embedded && wanted ? PANELS.filter((panel) => wanted.includes(panel.slug)) : PANELS;
  return some.length ? some : PANELS;
}

const panels = chosen().map((panel, index) =>
  h(panel.tag, { id: `panel-${panel.slug}`, "data-slug": panel.slug, "data-number": index + 1 }),
);

function ask() {
  const { state } = store;
  rail.update(state, probabilities);
  const operations = new Map();
  if (state.classes.length) {
    operations.set(SHARED, { op: "softmax", ...question(state) });
    for (const panel of visible) {
      if (!panel.ready(state)) continue;
      for (const [name, operation] of Object.entries(panel.operations(state))) {
        operations.set(`${panel.dataset.slug} ${name}`, operation);
      }
    }
    engine.ask(state, operations);
  }
  for (const panel of visible) {
    if (!panel.ready(state) || !operations.size) panel.render(state, {}, null);
  }
}

let probabilities = [];

function show({ state, results, kernel, roundTrip, microseconds }) {
  const answer = results.get(SHARED);
  probabilities = answer.probabilities.map(fromApi);
  rail.temperature.update(store.state, probabilities);
  rail.strip.update({ kernel, dtype: state.dtype, microseconds, roundTrip });
  for (const panel of visible) {
    const prefix = `${panel.dataset.slug} `;
    const own = [...results].filter(([id]) => id.startsWith(prefix));
    const names = Object.keys(panel.ready(state) ? panel.operations(state) : {});
    // A panel that came into view after the question waits for the next reply.
    if (own.length < names.length) continue;
    panel.render(state, Object.fromEntries(own.map(([id, result]) => [id.slice(prefix.length), result])), kernel);
  }
  tell(state);
}

/** Say to screen readers what has changed; the first answer is read on the page. */
function tell(state) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const text = best < 0
    ? "The softmax of these scores is not defined"
    : `${label(state.classes[best], best)} is most likely: ${number(100 * probabilities[best], 3)} percent`;
  if (shown && text !== shown) announce(text);
  shown = text;
}

function follow() {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) visible.add(target);
        else visible.delete(target);
      }
      ask();
    },
    { rootMargin: "200px 0px" },
  );
  const reading = new IntersectionObserver(
    (entries) => {
      const entry = entries.find(({ isIntersecting }) => isIntersecting);
      if (entry) header.current(entry.target.dataset.slug);
    },
    { rootMargin: "-30% 0px -60% 0px" },
  );
  for (const panel of panels) {
    observer.observe(panel);
    reading.observe(panel);
  }
}

function go(slug) {
  const panel = panels.find((one) => one.dataset.slug === slug);
  if (!panel) return;
  panel.scrollIntoView({ block: "start" });
  panel.querySelector("h2").focus({ preventScroll: true });
}

async function start() {
  attach(document.querySelector("#status"));
  set(document.documentElement, { "data-embed": embedded ? "1" : null });
  main.append(...(embedded ? [] : [h("lk-intro")]), ...panels);
  header.list(panels.map((panel) => panel.constructor).map(({ slug, heading }, i) => ({ slug, heading, number: i + 1 })), (slug) => {
    store.set({ panel: slug });
    go(slug);
  });
  document.querySelector(".skip").onclick = (event) => {
    event.preventDefault();
    main.focus();
  };
  watch(document.documentElement);
  engine.addEventListener("reply", ({ detail }) => {
    set(document.documentElement, { "data-stale": null });
    banner.say("refused", "");
    show(detail);
  });
  engine.addEventListener("refused", ({ detail }) => banner.say("refused", `The server refused this: ${detail}`));
  engine.addEventListener("lost", () => {
    set(document.documentElement, { "data-stale": "1" });
    banner.say("lost", "The server does not answer. The numbers below are from before it went; it is asked again every second.");
  });
  engine.addEventListener("found", () => {
    set(document.documentElement, { "data-stale": null });
    banner.say("lost", "");
    announce("The server answers again");
  });
  store.addEventListener("link", ({ detail: problems }) => {
    const text = problems.length ? `Not all of the link could be read: ${problems.join("; ")}. The defaults stand there.` : "";
    banner.say("link", text, { closable: true });
  });
  await store.start();
  store.addEventListener("change", ask);
  follow();
  ask();
  go(store.state.panel);
}

start();
