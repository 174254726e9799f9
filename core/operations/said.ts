import { wrongOption } from './wrong-option.js';

/** Something that is said, and who says it, for messages. */
export interface Said<T> {
  readonly by: string;
  readonly option: string;
  readonly value: T;
}

/** The error of two who say different things. */
export function disagree(
  what: string,
  one: Said<unknown>,
  other: Said<unknown>,
  [says, otherSays]: readonly [string, string],
): Error {
  return wrongOption(one.option, `${what}: ${one.by} says ${says}, but ${other.by} says ${otherSays}`);
}
