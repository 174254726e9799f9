import { cellAt, isValid, type Column } from '../../data/column.js';

/** Which rows to read, and for each row the one of them that it stands for. */
export interface DistinctRows {
  /** The first row of each distinct key, without null keys. */
  readonly first: Uint32Array;
  /** Row → index into `first`; `nullRow` where a part of the key is null. */
  readonly rowOf: Uint32Array;
  /** `first.length`, where any key is null. */
  readonly nullRow?: number;
}

/**
 * Finds the distinct keys among rows.
 *
 * @param options.merge false: rows stay apart even with equal keys, and only null keys are taken out.
 * @returns `undefined` where every row is to be read as it is.
 */
export function distinctRows(
  columns: readonly Column[],
  rows: number,
  options: { merge: boolean },
): DistinctRows | undefined {
  const nullable = columns.some((column) => column.valid !== undefined);
  if (!nullable && (!options.merge || rows <= 1)) return undefined;
  const keyOf = keyReader(columns);
  const places = new Map<unknown, number>();
  const first = new Uint32Array(rows);
  const rowOf = new Uint32Array(rows);
  const nulls: number[] = [];
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (nullable && columns.some((column) => !isValid(column, row))) {
      nulls.push(row);
      continue;
    }
    if (!options.merge) {
      rowOf[row] = count;
      first[count++] = row;
      continue;
    }
    const key = keyOf(row);
    const place = places.get(key);
    if (place !== undefined) rowOf[row] = place;
    else {
      places.set(key, count);
      rowOf[row] = count;
      first[count++] = row;
    }
  }
  if (nulls.length === 0) return count === rows ? undefined : { first: first.subarray(0, count), rowOf };
  for (const row of nulls) rowOf[row] = count;
  return { first: first.subarray(0, count), rowOf, nullRow: count };
}

/** One value that tells keys apart: the cell itself, or the parts joined by a character that JSON text escapes. */
function keyReader(columns: readonly Column[]): (row: number) => unknown {
  const [only, second, ...more] = columns;
  if (only === undefined) return () => '';
  if (second === undefined) return (row) => only.values[row];
  if (more.length === 0 && Array.isArray(only.values) && Array.isArray(second.values)) {
    const [a, b] = [only.values as string[], second.values as string[]];
    return (row) => `${a[row]!.length}:${a[row]}${b[row]}`;
  }
  return (row) => JSON.stringify(columns.map((column) => String(cellAt(column, row))));
}
