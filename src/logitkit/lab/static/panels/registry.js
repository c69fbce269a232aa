/**
 * The panels in their order. A panel is one file that defines one element; its line here is all
 * that the page knows of it.
 */

import { Compare } from "./compare.js";
import { Confidence } from "./confidence.js";
import { Derivative } from "./derivative.js";
import { Loss } from "./loss.js";
import { Probabilities } from "./probabilities.js";
import { Stability } from "./stability.js";
import { Temperature } from "./temperature.js";
import { Worked } from "./worked.js";

export const PANELS = [
    Probabilities,
    Worked,
    Temperature,
    Stability,
    Derivative,
    Compare,
    Loss,
    Confidence,
].map(({ slug }) => ({
    slug,
    tag: `lk-panel-${slug}`,
}));
