import type { CallContext, FeatureView, Warehouse } from 'vivace';
import { aggregatedColumns, aggregatedTypes, aggregateRelation } from './aggregates.js';
import { plainRelation } from './relation.js';

/** The query of a view's relation (`columnsOf`): every feature row there ever was, of every key. */
export async function viewRelation(
  view: FeatureView,
  warehouse: Warehouse,
  context: CallContext,
): Promise<string> {
  const sql = warehouse.dialect;
  if (!view.isAggregate) return plainRelation(view, sql);
  const types =
    aggregatedColumns(view).length === 0
      ? []
      : await warehouse.describe({ sql: aggregatedTypes(view, sql) }, context);
  return aggregateRelation(view, types, sql);
}
