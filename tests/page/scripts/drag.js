/* Drags of the temperature slider, and what comes of them. */
/**
 * Return the milliseconds of each of `events` steps, of the page and of a handler that does nothing.
 *
 * They go from the `input` event to the second animation frame after the change of the DOM: event,
 * request, kernel, answer, DOM, style, layout, paint.
 */
lab.drag = async (events) => {
  const frame = () => new Promise(requestAnimationFrame);
  const measure = async (range, target, place) => {
    const changed = new Promise((resolve) => {
      const observer = new MutationObserver(() => { observer.disconnect(); resolve(); });
      observer.observe(target, { childList: true, characterData: true, attributes: true, subtree: true });
    });
    range.value = place;
    const start = performance.now();
    range.dispatchEvent(new Event("input", { bubbles: true }));
    await changed;
    await frame();
    await frame();
    return performance.now() - start;
  };
  const slider = document.querySelector("lk-rail input[type=range]");
  const table = document.querySelector("#panel-probabilities .figure-table tbody");
  const empty = document.body.appendChild(document.createElement("input"));
  const note = document.body.appendChild(document.createElement("p"));
  Object.assign(empty, { type: "range", min: -2, max: 2, step: 0.01 });
  empty.oninput = () => { note.textContent = empty.value; };
  const page = [];
  const nothing = [];
  for (let i = 0; i < events; i += 1) {
    const place = 1.5 * Math.sin(i / 7 + 0.1);
    page.push(await measure(slider, table, place));
    nothing.push(await measure(empty, note, place));
  }
  empty.remove();
  note.remove();
  return [page, nothing];
};
/**
 * Drag from the lowest temperature to the highest; return each top probability that was shown.
 * It goes down: an answer that is shown out of order would let it rise.
 */
lab.heatUp = async (events) => {
  const slider = document.querySelector("lk-rail input[type=range]");
  const cell = document.querySelector("#panel-probabilities .figure-table tbody tr:nth-child(2) td:nth-child(3)");
  const seen = [];
  const observer = new MutationObserver(() => seen.push(Number(cell.dataset.value)));
  slider.value = -2;
  slider.dispatchEvent(new Event("input"));
  await lab.settle();
  observer.observe(cell, { attributes: true });
  for (let i = 1; i <= events; i += 1) {
    slider.value = -2 + (4 * i) / events;
    slider.dispatchEvent(new Event("input"));
    await new Promise((resolve) => setTimeout(resolve, (i * 7) % 23));
  }
  await lab.settle();
  return seen;
};
