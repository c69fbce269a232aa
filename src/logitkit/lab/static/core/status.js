/** The one live region: the last message, half a second after the last change. */

const QUIET = 500;

let region = null;
let timer = 0;

/** Name the element with role=status. */
export function attach(element) {
    region = element;
}

/** Say `message` to screen readers once no newer one has come for half a second. */
export function announce(message) {
    clearTimeout(timer);
    timer = setTimeout(() => {
        if (region && region.textContent !== message) region.textContent = message;
    }, QUIET);
}
