import {
  FeatureRows,
  type CallContext,
  type Column,
  type FeatureView,
  type MaterializeProgress,
  type OnlineView,
  type RowBatch,
  type Warehouse,
} from 'vivace';
import { fieldsOf } from './relation.js';
import { adopt } from './rows.js';

/** What a copy needs beside its rows. */
export interface Copy {
  readonly warehouse: Warehouse;
  readonly online: OnlineView;
  /** How many rows there are. */
  readonly total: number;
  /** The available time of all rows, microseconds, in place of their own. */
  readonly availableTime?: number | undefined;
  readonly onProgress?: ((progress: MaterializeProgress) => void) | undefined;
  /** Gets each batch that the online store has acknowledged: one column per key of the entity, and the rows. */
  readonly onAcknowledged?: (
    keys: readonly Column[],
    rows: FeatureRows,
    progress: MaterializeProgress,
  ) => Promise<void>;
}

/**
 * Whether rows are copied in the order of their keys: a store that is a tree then writes each of its pages once, instead of one page per
 * row. An engine that runs on many machines does not sort them.
 */
export function inOrder(warehouse: Warehouse): boolean {
  return warehouse.dialect.remote !== true;
}

/** Copies the rows of a query, in the columns of the view's relation, to the online store. */
export async function copyRows(
  view: FeatureView,
  sql: string,
  work: Copy,
  context: CallContext,
): Promise<MaterializeProgress> {
  let progress: MaterializeProgress = { rows: 0, written: 0, total: work.total };
  const order = inOrder(work.warehouse) ? ` ORDER BY ${view.entity.map((_, i) => i + 1).join(', ')}` : '';
  const statement = { sql: `${sql}${order}`, fields: fieldsOf(view) };
  // The next batch is read while the last is written.
  let writing: Promise<void> = Promise.resolve();
  const write = async (batch: RowBatch): Promise<void> => {
    const { keys, rows } = rowsOf(view, batch, work.availableTime);
    // Keys: names of columns.
    const places = new Map(view.entity.map(({ name }, i) => [name, keys[i]!]));
    const written = await work.online.write(
      { rows: batch.rows, time: 0, column: (name) => places.get(name)! },
      rows,
      context,
    );
    progress = { ...progress, rows: progress.rows + batch.rows, written: progress.written + written };
    work.onProgress?.(progress);
    await work.onAcknowledged?.(keys, rows, progress);
  };
  try {
    for await (const batch of work.warehouse.query(statement, context)) {
      await writing;
      writing = write(batch);
      writing.catch(() => undefined);
    }
  } catch (error) {
    // Nothing is written any more once the caller knows of the failure.
    await writing.catch(() => undefined);
    throw error;
  }
  await writing;
  work.onProgress?.(progress);
  return progress;
}

function rowsOf(
  view: FeatureView,
  { rows: count, columns }: RowBatch,
  availableTime: number | undefined,
): { readonly keys: readonly Column[]; readonly rows: FeatureRows } {
  const keyCount = view.entity.length;
  const rows = new FeatureRows(view.features, count);
  const event = (columns[keyCount] as Column).values as BigInt64Array;
  const available = (columns[keyCount + 1] as Column).values as BigInt64Array;
  for (let row = 0; row < count; row++) {
    rows.eventTime[row] = Number(event[row]);
    rows.availableTime[row] = availableTime ?? Number(available[row]);
  }
  rows.columns.forEach((writer, i) => adopt(writer, columns[keyCount + 2 + i] as Column));
  rows.setAllPresent();
  return { keys: columns.slice(0, keyCount), rows };
}
