/* Drags of the temperature slider, and what comes of them. */
{
  const frame = () => new Promise(requestAnimationFrame);
  /** Wait for the task that follows a frame: style, layout and paint are done then. */
  const painted = () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
  const change = (target) =>
    new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        observer.disconnect();
        resolve();
      });
      observer.observe(target, { childList: true, characterData: true, attributes: true, subtree: true });
    });
  /** Return the milliseconds of work of one step, and those until its second frame. */
  const step = async (range, target, place) => {
    const changed = change(target);
    range.value = place;
    const start = performance.now();
    range.dispatchEvent(new Event("input", { bubbles: true }));
    await changed;
    const written = performance.now() - start;
    await frame();
    const beat = performance.now();
    await painted();
    const drawn = performance.now() - beat;
    await frame();
    return [written + drawn, performance.now() - start];
  };
  /**
   * Return the steps of a drag, and those of a slider whose handler writes one text.
   *
   * Work is from the `input` event to the change of the DOM (request, kernel and answer are in it),
   * and of the next frame its style, layout and paint. The wait for the display, which takes a frame
   * every 16.7 ms whatever the page does, is left out; it is in the second number, up to the second
   * frame after the change.
   */
  lab.drag = async (events) => {
    const slider = document.querySelector("lk-rail input[type=range]");
    const table = document.querySelector("#panel-probabilities .figure-table tbody");
    const empty = document.body.appendChild(document.createElement("input"));
    const note = document.body.appendChild(document.createElement("p"));
    Object.assign(empty, { type: "range", min: -2, max: 2, step: 0.01 });
    empty.oninput = () => {
      note.textContent = empty.value;
    };
    const steps = async (range, target) => {
      const took = [];
      for (let i = 0; i < events; i += 1) {
        const place = ((i * 37) % 301) / 100 - 1.5; // never twice the same in a row
        took.push(await step(range, target, place));
      }
      return took;
    };
    const page = await steps(slider, table);
    const nothing = await steps(empty, note);
    empty.remove();
    note.remove();
    return [page, nothing];
  };
}
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
