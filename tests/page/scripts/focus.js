/* What has the focus, and what can have it. */
{
  const numbers = new Map();
  /** Return the number of an element: the same whenever it is asked for. */
  const number = (element) => {
    if (!numbers.has(element)) numbers.set(element, numbers.size);
    return numbers.get(element);
  };
  const hasRing = (element) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1.5) || boxShadow !== "none";
  };
  const isStroked = (element) => {
    const { outlineStyle, stroke, strokeWidth } = getComputedStyle(element);
    return outlineStyle !== "none" || (stroke !== "none" && parseFloat(strokeWidth) >= 1.5);
  };
  const nameOf = (element) =>
    (element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent).trim();
  // A control that is drawn by its label (a radio, the file) is seen where that stands.
  const drawnAs = (element) => (element.matches(".visually-hidden") ? element.closest("label") : element);
  /** Whether an element is within the window. */
  const isInside = ({ left, right, top, bottom, width, height }) =>
    width > 0 && height > 0 && bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
  /** Whether nothing covers an element at its middle, nor near both its edges. */
  const isClear = (drawn) => {
    const { left, top, width, height } = drawn.getBoundingClientRect();
    const within = (value, most) => Math.min(Math.max(value, 1), most - 1);
    return [0.5, 0.1, 0.9].some((share) => {
      const x = within(left + width / 2, innerWidth);
      const found = document.elementFromPoint(x, within(top + height * share, innerHeight));
      return found && (drawn.contains(found) || found.contains(drawn));
    });
  };
  /** Return what has the focus: its number and name, and whether it and a ring can be seen. */
  lab.focused = () => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const drawn = drawnAs(element);
    const shapes = [...element.querySelectorAll("rect, circle, path, line")];
    return {
      number: number(element),
      name: nameOf(element),
      role: element.getAttribute("role") ?? element.tagName.toLowerCase(),
      inside: isInside(drawn.getBoundingClientRect()),
      clear: isClear(drawn),
      ring: hasRing(drawn) || shapes.some(isStroked) || [...drawn.querySelectorAll("*")].some(hasRing),
    };
  };
  /** Return the number and the text of all that Tab must lead to. */
  lab.reachable = () =>
    [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")]
      .filter((one) => !one.disabled && one.tabIndex >= 0 && (one.checkVisibility() || one.type === "file"))
      .filter((one) => one.type !== "radio" || one.checked)
      .map((one) => [number(one), one.outerHTML.slice(0, 120)]);
}
