import { isValid, type Column } from '../../data/column.js';
import { TextKeys, textKeysOf, type TextKey } from '../../kernel/text-keys.js';

/** Which rows to read, and for each row the one of them that it stands for. */
export interface DistinctRows {
  /** The first row of each distinct key, without keys that are null or too long. */
  readonly first: Uint32Array;
  /** Row → index into `first`; `nullRow` where a part of the key is null, `longRow` where one is too long. */
  readonly rowOf: Uint32Array;
  /** Where any key is null: an index after those of `first`. */
  readonly nullRow?: number;
  /** Where any key is too long: another one. */
  readonly longRow?: number;
}

export interface DistinctRowsOptions {
  /** false: rows stay apart even with equal keys, and only keys that are null or too long are taken out. */
  readonly merge: boolean;
  /** The columns of text that nobody has checked yet, and the most UTF-16 units that a key may have there. */
  readonly limited?: { readonly columns: readonly Column[]; readonly maxLength: number };
}

/**
 * Finds the distinct keys among rows.
 *
 * @returns `undefined` where every row is to be read as it is.
 */
export function distinctRows(
  columns: readonly Column[],
  rows: number,
  { merge, limited }: DistinctRowsOptions,
): DistinctRows | undefined {
  const nullable = columns.some((column) => column.valid !== undefined);
  const isLong = limited === undefined ? undefined : longRows(limited);
  if (!nullable && isLong === undefined && (!merge || rows <= 1)) return undefined;
  const [only, ...others] = columns;
  if (only !== undefined && others.length === 0 && !nullable && isLong === undefined)
    return distinctCells(only, rows);
  const numberOf = rowNumbers(columns, rows);
  const first = new Uint32Array(rows);
  const rowOf = new Uint32Array(rows);
  const nulls: number[] = [];
  const long: number[] = [];
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (nullable && columns.some((column) => !isValid(column, row))) {
      nulls.push(row);
      continue;
    }
    if (isLong?.(row) === true) {
      long.push(row);
      continue;
    }
    const number = merge ? numberOf(row) : count;
    rowOf[row] = number;
    if (number === count) first[count++] = row;
  }
  if (count === rows) return undefined;
  const nullRow = count;
  const longRow = count + (nulls.length > 0 ? 1 : 0);
  for (const row of nulls) rowOf[row] = nullRow;
  for (const row of long) rowOf[row] = longRow;
  return {
    first: first.subarray(0, count),
    rowOf,
    ...(nulls.length > 0 ? { nullRow } : {}),
    ...(long.length > 0 ? { longRow } : {}),
  };
}

/** The same for one column in which every row has a key: most requests are this, and a loop of its own is a third faster. */
function distinctCells({ type, values }: Column, rows: number): DistinctRows | undefined {
  const first = new Uint32Array(rows);
  const rowOf = new Uint32Array(rows);
  const keys: ArrayLike<TextKey | number | bigint> =
    type.element === 'string' ? textKeysOf(values as string[]) : (values as Float64Array | BigInt64Array);
  const numbers = new Map<TextKey | number | bigint, number>();
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const key = keys[row]!;
    const known = numbers.get(key);
    if (known !== undefined) {
      rowOf[row] = known;
      continue;
    }
    numbers.set(key, count);
    rowOf[row] = count;
    first[count++] = row;
  }
  return count === rows ? undefined : { first: first.subarray(0, count), rowOf };
}

/** Finds the rows whose key is too long; `undefined` where there are none. */
function longRows({
  columns,
  maxLength,
}: NonNullable<DistinctRowsOptions['limited']>): ((row: number) => boolean) | undefined {
  const texts = columns.map(({ values }) => values as string[]);
  if (!texts.some((values) => values.some((text) => text.length > maxLength))) return undefined;
  return (row) => texts.some((values) => values[row]!.length > maxLength);
}

/** Numbers rows by their keys: equal keys have equal numbers, and a new key has the next one, from 0 on. */
function rowNumbers(columns: readonly Column[], rows: number): (row: number) => number {
  const [only = () => 0, ...more] = columns.map(cellNumbers);
  if (more.length === 0) return only;
  const pairs = more.map(() => new Pairs(rows));
  return (row) => {
    let number = only(row);
    for (let i = 0; i < more.length; i++) number = pairs[i]!.number(number, more[i]!(row));
    return number;
  };
}

function cellNumbers(column: Column): (row: number) => number {
  if (column.type.element === 'string') {
    const values = column.values as string[];
    const numbers = new Map<TextKey, number>();
    const keys = new TextKeys();
    let last: string | undefined;
    let lastNumber = 0;
    return (row) => {
      const text = values[row] as string;
      // A value of the request is the same text in every row.
      if (text === last) return lastNumber;
      last = text;
      return (lastNumber = numbered(numbers, keys.of(text)));
    };
  }
  const numbers = new Map<number | bigint, number>();
  const values = column.values as Float64Array | BigInt64Array;
  return (row) => numbered(numbers, values[row] as number | bigint);
}

function numbered<K>(numbers: Map<K, number>, key: K): number {
  let number = numbers.get(key);
  if (number === undefined) {
    number = numbers.size;
    numbers.set(key, number);
  }
  return number;
}

/** Numbers pairs of numbers below `rows`, each of which begins with 0 and grows by 1. */
class Pairs {
  readonly #rows: number;
  #count = 0;
  /** Made when the first numbers begin to differ: until then, the second ones number the pairs. */
  #numbers: Map<number, number> | undefined;

  constructor(rows: number) {
    this.#rows = rows;
  }

  number(first: number, second: number): number {
    if (this.#numbers === undefined) {
      if (first === 0) {
        if (second === this.#count) this.#count++;
        return second;
      }
      this.#numbers = new Map<number, number>();
      for (let known = 0; known < this.#count; known++) this.#numbers.set(known, known);
    }
    return numbered(this.#numbers, first * this.#rows + second);
  }
}
