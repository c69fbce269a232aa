/**
 * Small helpers to make and update elements.
 *
 * Styles are set by classes and attributes only: the page's Content-Security-Policy allows no
 * style attribute, so `style` is refused here at once and not in one browser later.
 */

const SVG = "http://www.w3.org/2000/svg";
const MATHML = "http://www.w3.org/1998/Math/MathML";

/** Set attributes; `on…` are listeners, false and null remove, true is the empty string. */
export function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
        if (name === "style") throw new Error("style attributes are refused: use a class");
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (name === "text") setText(element, value);
        else if (value === null || value === undefined || value === false)
            element.removeAttribute(name);
        else setAttribute(element, name, value === true ? "" : String(value));
    }
    return element;
}

/** Write an attribute only where it differs, so that an unchanged chart costs no layout. */
export function setAttribute(element, name, value) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Write a text only where it differs. */
export function setText(element, text) {
    const value = String(text);
    if (element.textContent !== value) element.textContent = value;
    return element;
}

function make(namespace) {
    return (tag, attributes = {}, ...children) => {
        const element = namespace
            ? document.createElementNS(namespace, tag)
            : document.createElement(tag);
        set(element, attributes);
        element.append(...children.flat().filter((child) => child !== null && child !== undefined));
        return element;
    };
}

/** Make an HTML element: `h("p", { class: "note" }, "text")`. */
export const h = make(null);
/** Make an SVG element. */
export const s = make(SVG);
/** Make a MathML element. */
export const m = make(MATHML);

/**
 * Bring the children of `parent` in step with `items`: missing ones are created, extra ones removed,
 * all updated. Children keep their place, so focus stays where it is.
 */
export function sync(parent, items, create, update) {
    while (parent.children.length > items.length) parent.lastElementChild.remove();
    items.forEach((item, index) => {
        let child = parent.children[index];
        if (!child) {
            child = create(index);
            parent.append(child);
        }
        update(child, item, index);
    });
}

let last = 0;
/** Return an id that no other element of the page has. */
export const freshId = (stem) => `${stem}-${(last += 1)}`;
