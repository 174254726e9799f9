import type { VivaceError } from '../../kernel/errors.js';

/** What a JSON value from outside may hold. It is checked before values are made of its text. */
export interface JsonLimits {
  /** The deepest nesting of lists and objects. */
  readonly maxDepth: number;
  /** The most values of all kinds; default: no limit but that of the body. */
  readonly maxValues?: number;
  /** The most lists and objects among them: an empty one takes twenty times the bytes of its text. */
  readonly maxContainers?: number;
  /** A member of the outermost object of which there may only be so many: a list, or an object of lists. */
  readonly counted?: {
    /** ASCII. */
    readonly name: string;
    readonly max: number;
    /** The error for more elements than that. */
    readonly refuse: () => VivaceError;
  };
}
