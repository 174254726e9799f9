/** Floats that JSON has no number for, as texts. */
// Keys: names of floats.
export const floatNames: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

/** An int64 as a text, since a JSON number beyond 2^53 would be rounded; JSON schemas have the same pattern. */
export const int64Text = /^-?(0|[1-9]\d{0,18})$/;
