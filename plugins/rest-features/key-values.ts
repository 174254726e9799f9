import { formatMicros, type Cell } from 'vivace';

/** Cells of a key, by the name of its part. */
export type KeyCells = Readonly<Record<string, Cell>>;

/** A part of a key as a text, as it stands in an address and is compared. */
export function keyText(cell: Cell, type: string): string {
  return type === 'timestamp' ? formatMicros(cell as number)! : String(cell);
}

/** A part of a key as a value of JSON; an int64 that a JSON number may not hold is a text. */
export function keyJson(cell: Cell, type: string): string | number | boolean {
  if (type === 'timestamp') return keyText(cell, type);
  if (typeof cell === 'bigint') return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell);
  return cell as string | number | boolean;
}
