/** The colour of a class: the same in all panels. Names stand beside it, so it may come again. */

const COUNT = 8;

export const colour = (index) => `c${index % COUNT}`;
