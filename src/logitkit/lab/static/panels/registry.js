/**
 * The panels in their order. A panel is one file that defines one element; its line here is all
 * that the page knows of it.
 */

import { Probabilities } from "./probabilities.js";

export const PANELS = [Probabilities].map((element) => ({
  slug: element.slug,
  tag: `lk-panel-${element.slug}`,
}));
