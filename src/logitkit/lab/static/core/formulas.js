/** Formulas in MathML, which the browser sets without fonts or scripts of ours. */

import { m } from "./dom.js";

export const mi = (text, attributes = {}) => m("mi", attributes, text);
export const mo = (text) => m("mo", {}, text);
export const mn = (text, attributes = {}) => m("mn", attributes, text);
export const mtext = (text, attributes = {}) => m("mtext", attributes, text);
export const row = (...children) => m("mrow", {}, ...children);
export const sub = (base, index) => m("msub", {}, base, index);
export const sup = (base, raised) => m("msup", {}, base, raised);
const mspace = () => m("mspace", { width: "1em" });
export const frac = (top, bottom) => m("mfrac", {}, top, bottom);
export const sum = (index) => m("munder", {}, mo("∑"), mi(index));

/** A formula on a line of its own, with the words that a screen reader without MathML says. */
export const block = (words, ...children) =>
    m("math", { display: "block", alttext: words }, ...children);

export const inline = (...children) => m("math", {}, ...children);

const z = (index) => sub(mi("z"), mi(index));
const power = (index) => sup(mi("e"), row(z(index), mo("/"), mi("T")));

const shifted = (index) => sup(mi("e"), row(z(index), mo("−"), mi("m")));
const plain = (index) => sup(mi("e"), z(index));

/** Why the largest score may be subtracted: the factor cancels. */
export const shiftFormula = () =>
    block(
        "e to the z i over the sum of e to the z j is the same with the largest score m subtracted from every score",
        frac(plain("i"), row(sum("j"), plain("j"))),
        mo("="),
        frac(shifted("i"), row(sum("j"), shifted("j"))),
        mo(","),
        mspace(),
        mi("m"),
        mo("="),
        mi("max"),
        mi("z"),
    );

export const softmaxFormula = () =>
    block(
        "p i equals e to the z i over T, divided by the sum over j of e to the z j over T",
        sub(mi("p"), mi("i")),
        mo("="),
        frac(power("i"), row(sum("j"), power("j"))),
    );
