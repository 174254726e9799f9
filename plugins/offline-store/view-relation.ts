import type { CallContext, FeatureView, Warehouse } from 'vivace';
import { aggregateRelation } from './aggregates.js';
import { plainRelation, sourceOf, sourceRows, typedColumns } from './relation.js';

/** The query of a view's relation (`columnsOf`): every feature row there ever was, of every key. */
export async function viewRelation(
  view: FeatureView,
  warehouse: Warehouse,
  context: CallContext,
): Promise<string> {
  const sql = warehouse.dialect;
  const columns = typedColumns(view);
  const selected = columns.map((column, i) => `${sql.identifier(column)} AS c${i}`);
  const query = `SELECT ${selected.join(', ')} FROM ${sourceRows(sourceOf(view), sql)}`;
  const fields = columns.length === 0 ? [] : await warehouse.describe({ sql: query }, context);
  const types = new Map(fields.map(({ type }, i) => [columns[i] as string, type]));
  return view.isAggregate ? aggregateRelation(view, types, sql) : plainRelation(view, types, sql);
}
