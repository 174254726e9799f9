import { isSet } from '../data/bitmap.js';
import type { Column } from '../data/column.js';
import type { ColumnType, ScalarType } from '../data/types.js';
import { withArticle } from '../config/article.js';
import { VivaceError } from '../kernel/errors.js';
import type { Kind } from './expression.js';

/** Values of one kind, of some rows. What stands in the place of a null means nothing. */
export interface Vector<V extends Float64Array | Uint8Array | readonly string[] = Values> {
  readonly values: V;
  /** 1 where a row is null; absent where none is. */
  readonly nulls?: Uint8Array;
}

export type Values = Float64Array | Uint8Array | readonly string[];
export type Numbers = Vector<Float64Array>;
export type Bools = Vector<Uint8Array>;
export type Texts = Vector<readonly string[]>;

/** The types of columns that hold values of a kind, the kind's own first. */
export const typesOfKind = {
  number: ['float64', 'float32', 'int32', 'int64'],
  bool: ['bool'],
  text: ['string'],
} as const satisfies Record<Kind, readonly ScalarType[]>;

/** The kind of the values of a type; absent where an expression cannot compute with them. */
export function kindOfType({ kind, element }: ColumnType): Kind | undefined {
  if (kind !== 'scalar') return undefined;
  const kinds = Object.keys(typesOfKind) as Kind[];
  return kinds.find((each) => (typesOfKind[each] as readonly string[]).includes(element));
}

/**
 * The values of a column: integers and float32 become float64.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for an integer beyond 2^53, of which a float64 may hold only a neighbour.
 */
export function vectorOf(name: string, column: Column, kind: Kind): Vector {
  const { type, values, rows } = column;
  if (kindOfType(type) !== kind)
    throw new TypeError(
      `"${name}" is ${withArticle(type.name)}, and ${withArticle(typesOfKind[kind][0])} is expected`,
    );
  const nulls = nullsOf(column);
  const nullable = nulls === undefined ? {} : { nulls };
  if (type.element === 'string') return { values: values as readonly string[], ...nullable };
  if (values instanceof Float64Array || values instanceof Uint8Array) return { values, ...nullable };
  if (!(values instanceof BigInt64Array))
    return { values: new Float64Array(values as Float32Array | Int32Array), ...nullable };
  const converted = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const value = Number(values[row]);
    if (
      value > 2 ** 53 ||
      value < -(2 ** 53) ||
      (Math.abs(value) === 2 ** 53 && BigInt(value) !== values[row])
    )
      throw new VivaceError(
        'INVALID_ARGUMENT',
        `"${name}": ${String(values[row])} is beyond 2^53, from where on a float64 does not hold every integer`,
      );
    converted[row] = value;
  }
  return { values: converted, ...nullable };
}

function nullsOf({ valid, rows }: Column): Uint8Array | undefined {
  if (valid === undefined) return undefined;
  const nulls = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) if (!isSet(valid, row)) nulls[row] = 1;
  return nulls;
}

/** A row is null where it is null in any of some vectors. */
export function anyNull(vectors: readonly Vector[]): Uint8Array | undefined {
  const [first, ...others] = vectors.flatMap(({ nulls }) => (nulls === undefined ? [] : [nulls]));
  if (others.length === 0) return first;
  const all = first!.slice();
  for (const nulls of others) for (let row = 0; row < all.length; row++) all[row]! |= nulls[row]!;
  return all;
}
