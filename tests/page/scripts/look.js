/* How the page looks: what does not fit, and how marks stand out. */
/** Return what reaches beyond the right edge and has no scroll bar of its own around it. */
lab.beyond = () =>
  [...document.querySelectorAll("main *, header *, lk-rail *")]
    .filter((one) => {
      const { width, right } = one.getBoundingClientRect();
      if (!width || right <= innerWidth + 1) return false;
      if (one.matches(".visually-hidden, .visually-hidden *, .skip")) return false;
      for (let up = one.parentElement; up; up = up.parentElement) {
        if (getComputedStyle(up).overflowX !== "visible") return false;
      }
      return true;
    })
    .map((one) => one.outerHTML.slice(0, 100));
/** Return the contrast of each mark of the charts with the ground of its figure: [selector, ratio]. */
lab.contrasts = () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const luminance = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((channel) => {
      const part = channel / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.querySelector("figure")).backgroundColor);
  const ratio = (colour) => {
    const own = luminance(colour);
    return (Math.max(own, ground) + 0.05) / (Math.min(own, ground) + 0.05);
  };
  const marks = (selector, paint) =>
    [...document.querySelectorAll(selector)].map((one) => [selector, ratio(getComputedStyle(one)[paint])]);
  return [
    ...marks(".bar .mark", "fill"),
    ...marks("path.curve", "stroke"),
    ...marks(".part rect", "fill"),
    ...marks(".marker:not([visibility])", "stroke"),
    ...marks(".handle:not([visibility])", "stroke"),
  ];
};
/** Return what tells a chosen control from the others. */
lab.dress = (selector) =>
  [...document.querySelectorAll(selector)].map((one) => {
    const { backgroundColor, borderColor, outlineStyle, color } = getComputedStyle(one);
    return [backgroundColor, borderColor, outlineStyle, color].join();
  });
/** Return the colours that marks are painted with. */
lab.paints = (selector) =>
  [...document.querySelectorAll(selector)].map((one) => {
    const { fill, stroke } = getComputedStyle(one);
    return fill === "none" ? stroke : fill;
  });
