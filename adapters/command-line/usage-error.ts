/** A command was called in a way that it cannot be: it has no such value, or lacks one. The message names the option or argument. */
export class UsageError extends Error {}
