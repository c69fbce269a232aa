/**
 * A class that is pointed at or focused is marked wherever it stands: elements of one class share
 * `data-class`. Nothing is dimmed that has to be read.
 */

let shown = null;

export function watch(root) {
    const follow = (event) => mark(event.target.closest?.("[data-class]")?.dataset.class ?? null);
    root.addEventListener("pointerover", follow);
    root.addEventListener("focusin", follow);
    root.addEventListener("pointerleave", () => mark(null));
}

function mark(index) {
    if (index === shown) return;
    for (const element of document.querySelectorAll(".is-linked"))
        element.classList.remove("is-linked");
    shown = index;
    if (index === null) return;
    for (const element of document.querySelectorAll(`[data-class="${CSS.escape(index)}"]`)) {
        element.classList.add("is-linked");
    }
}
