/* Runs before the page's own modules: counts the questions in flight, and keeps what went wrong. */
window.lab = { flying: 0, most: 0, asked: [], answered: [], violations: [] };
addEventListener("securitypolicyviolation", (event) => {
  lab.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
const plainFetch = window.fetch;
window.fetch = async (resource, options) => {
  if (!String(resource).endsWith("/compute")) return plainFetch(resource, options);
  const number = lab.asked.push(options.body) - 1;
  lab.flying += 1;
  lab.most = Math.max(lab.most, lab.flying);
  try {
    const response = await plainFetch(resource, options);
    const text = await response.text();
    lab.answered.push(number);
    return new Response(text, response);
  } finally {
    lab.flying -= 1;
  }
};
/** Wait until nothing is asked and the frames after the last answer are drawn. */
lab.settle = async () => {
  for (let calm = 0; calm < 4; calm += 1) {
    await new Promise(requestAnimationFrame);
    if (lab.flying) calm = -1;
  }
};
/** Wait until the first answer is on the screen, or the page says that there is nothing to ask. */
lab.opened = async () => {
  const told = () => document.querySelector('[data-strip="library"]')?.textContent.endsWith("µs");
  while (!told() && !document.querySelector(".empty:not([hidden])")) await new Promise(requestAnimationFrame);
};
/** The tables of the page: per panel and table a head and rows of [text, data-value]. */
lab.tables = (slug) => [...document.querySelectorAll(`#panel-${slug} lk-figure`)].map((figure) => {
  const table = figure.querySelector(".figure-table table");
  const row = (line) => [...line.cells].map((cell) => [cell.textContent, cell.dataset.value ?? null]);
  return { columns: row(table.tHead.rows[0]).map(([text]) => text), rows: [...table.tBodies[0].rows].map(row) };
});
/** The single numbers of a panel: { name: [text, data-value] }. */
lab.readouts = (slug) => Object.fromEntries(
  [...document.querySelectorAll(`#panel-${slug} .readout > div`)].map((box) => [
    box.querySelector("dt").textContent,
    [box.querySelector(".readout-value").textContent, box.querySelector(".readout-value").dataset.value ?? null],
  ]),
);
/** All that a panel shows: its exact values, its texts, what its controls are set to. */
lab.shown = (slug) => {
  const panel = document.getElementById(`panel-${slug}`);
  return {
    values: [...panel.querySelectorAll("[data-value]")].map((element) => element.dataset.value),
    texts: [...panel.querySelectorAll("td, dt, dd, .figure-summary, .notice, svg text")].map((element) => element.textContent),
    controls: [...panel.querySelectorAll("input:not([type=file]), select")].map((element) => element.value),
  };
};
