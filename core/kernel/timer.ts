/** The longest that a timer of node can wait, milliseconds; with more it would ring at once. */
export const longestTimerMs = 2 ** 31 - 1;
