import type { Given } from '../fixtures/expressions.js';

/** Whole numbers from 0 to `below`, the same in every run. */
export type Random = (below: number) => number;

/** A generator of whole numbers. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const numbers = [0, -0, 1, -1, 0.5, 3, 1e300, -1e300, 5e-324, 1e-200, NaN, Infinity, -Infinity, 0.1, 7.25];
const texts = ['', 'a', 'A', 'ab', "it's", 'é', '😀'];

function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[random(values.length)]!;
}

/** A row of values that are hard to agree on. */
export function randomGiven(random: Random): Given {
  const orNull = <T>(value: T): T | null => (random(6) === 0 ? null : value);
  return {
    a: orNull(oneOf(random, numbers)),
    b: orNull(oneOf(random, numbers)),
    f: orNull(Math.fround(oneOf(random, [0.1, -2.5, NaN, 3]))),
    n: orNull(random(7) - 3),
    i: orNull(BigInt(random(5)) - 2n),
    p: orNull(random(2) === 0),
    q: orNull(random(2) === 0),
    s: orNull(oneOf(random, texts)),
    t: orNull(oneOf(random, texts)),
  };
}

/** A text of the grammar whose value is a number; without `log` and `exp`, which are not equal to the bit. */
export function randomNumber(random: Random, depth: number): string {
  if (depth === 0)
    return oneOf(random, ['a', 'b', 'f', 'n', 'i', 'a', 'b', '0', '1', '2.5', '1e-300', 'null']);
  const number = (): string => randomNumber(random, random(depth));
  const bool = (): string => randomBool(random, random(depth));
  switch (random(9)) {
    case 0:
      return `(${number()} + ${number()})`;
    case 1:
      return `(${number()} - ${number()})`;
    case 2:
      return `${number()} * ${number()}`;
    case 3:
      return `(${number()} / ${number()})`;
    case 4:
      return `-${number()}`;
    case 5:
      return `abs(${number()})`;
    case 6:
      return `${oneOf(random, ['min', 'max'])}(${number()}, ${number()}, ${number()})`;
    case 7:
      return `coalesce(${number()}, ${number()})`;
    default:
      return `case when ${bool()} then ${number()} when ${bool()} then ${number()} else ${number()} end`;
  }
}

/** A text of the grammar whose value is a truth value. */
export function randomBool(random: Random, depth: number): string {
  if (depth === 0) return oneOf(random, ['p', 'q', 'true', 'false', "s = 'a'", 's != t', "t in ('a', 'é')"]);
  const number = (): string => randomNumber(random, random(depth));
  const bool = (): string => randomBool(random, random(depth));
  switch (random(8)) {
    case 0:
      return `(${bool()} and ${bool()})`;
    case 1:
      return `(${bool()} or ${bool()})`;
    case 2:
      return `(not ${bool()})`;
    case 3:
      return `(${number()} is null)`;
    case 4:
      return `(${number()} in (0, -1, 2.5))`;
    case 5:
      return `coalesce(${bool()}, ${bool()})`;
    case 6:
      return `((${bool()}) = (${bool()}))`;
    default:
      return `(${number()} ${oneOf(random, ['=', '!=', '<', '<=', '>', '>='])} ${number()})`;
  }
}
