import type { CallContext, Dialect, FeatureView, SourceRead, Warehouse } from 'vivace';
import { aggregation } from './aggregates.js';
import { plainRelation } from './relation.js';
import { countRows, newestRows, type RowsToCopy } from './rows-to-copy.js';
import { sourceRows, type FoundSource } from './source.js';
import { usableSource } from './usable-source.js';

/** The bytes that a materialization of a view would be billed for, where the warehouse bills. */
export async function estimate(
  view: FeatureView,
  work: { readonly warehouse: Warehouse; readonly until: number },
  context: CallContext,
): Promise<{ readonly bytes: number } | undefined> {
  const { warehouse, until } = work;
  const { dialect } = warehouse;
  if (warehouse.estimate === undefined) return undefined;
  const source = await usableSource(view, warehouse, context);
  return warehouse.estimate({ sql: wholeSql(view, source, dialect, until) }, context);
}

/** What a run without kept tiles has read of its source: all of it. */
export async function wholeRead(
  view: FeatureView,
  source: FoundSource,
  { warehouse, context }: { readonly warehouse: Warehouse; readonly context: CallContext },
): Promise<SourceRead> {
  const { dialect } = warehouse;
  // Where reading is billed, counting may be.
  if (dialect.remote === true) {
    const estimated = await warehouse.estimate?.({ sql: wholeSql(view, source, dialect) }, context);
    return estimated === undefined ? { compared: 0 } : { ...estimated, compared: 0 };
  }
  const rows = `SELECT * FROM ${sourceRows(source, dialect)}`;
  return { rows: await countRows(warehouse, rows, context), compared: 0 };
}

/** What a run has read through kept tiles, with one more pass. */
export function withRead(
  read: SourceRead | undefined,
  { folded, compared, bytes }: NonNullable<RowsToCopy['read']>,
): SourceRead {
  return {
    rows: (read?.rows ?? 0) + folded,
    compared: (read?.compared ?? 0) + compared,
    ...(bytes === undefined ? {} : { bytes: (read?.bytes ?? 0) + bytes }),
  };
}

/** A query that reads what a run without kept tiles reads. */
function wholeSql(view: FeatureView, source: FoundSource, dialect: Dialect, until = 0): string {
  return view.isAggregate
    ? aggregation(view, source, dialect).tiles
    : newestRows(view, plainRelation(view, source, dialect), { selection: { until }, dialect });
}
