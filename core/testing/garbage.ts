import type { Cell, ColumnWriter } from '../data/column.js';
import type { FeatureRows } from '../data/feature-rows.js';
import { unset } from '../data/status.js';
import type { ScalarType } from '../data/types.js';

/** What stands in columns before an author writes to them, so that a cell that is left as it was shows. */
export interface Garbage {
  readonly cells: Readonly<Record<ScalarType, Exclude<Cell, null>>>;
  /** Microseconds since 1970. */
  readonly time: number;
}

const garbage = (number: number): Garbage => ({
  cells: {
    float32: number + 0.5,
    float64: number + 0.25,
    int32: number,
    int64: BigInt(number),
    bool: number > 0,
    string: `garbage ${number}`,
    timestamp: number * 1_000_000,
    bytes: new TextEncoder().encode(`garbage ${number}`),
  },
  time: number * 1_000_000 + 0.5,
});

/** Two that differ in every type. */
export const garbages = [garbage(-4_711), garbage(12_345)] as const;

/** Fills the columns of a transform's outputs. */
export function litter(column: ColumnWriter, { cells }: Garbage): void {
  const { kind, element, width } = column.type;
  const cell = cells[element];
  for (let row = 0; row < column.rows; row++) {
    column.set(row, kind === 'scalar' ? cell : new Array<Cell>(kind === 'list' ? 1 : width).fill(cell));
  }
}

/** Fills the rows of a feature source without setting their status. */
export function litterRows(rows: FeatureRows, { cells, time }: Garbage): void {
  for (const column of rows.columns) litter(column, { cells, time });
  rows.eventTime.fill(time);
  rows.availableTime.fill(time);
  rows.status.fill(unset);
}

/** Takes away the times that nobody has set. */
export function sweepTimes({ eventTime, availableTime }: FeatureRows, { time }: Garbage): void {
  for (const times of [eventTime, availableTime])
    for (let row = 0; row < times.length; row++) if (times[row] === time) times[row] = NaN;
}
