import { VivaceError, type CallContext, type FeatureView, type Warehouse } from 'vivace';
import { aggregateRelation } from './aggregates.js';
import { plainRelation } from './relation.js';
import { withStorableTimes } from './storable-times.js';
import { columnMistakes, findView, type FoundSource } from './source.js';

/** The query of a view's relation (`columnsOf`), and the source that it reads. */
export interface ViewRelation {
  /** Every feature row there ever was, of every key. */
  readonly sql: string;
  readonly source: FoundSource;
}

/**
 * The relation of a view.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with every column that is not there or cannot be what the view declares.
 */
export async function viewRelation(
  view: FeatureView,
  warehouse: Warehouse,
  context: CallContext,
): Promise<ViewRelation> {
  const { dialect } = warehouse;
  const source = await findView(view, { warehouse, context });
  const mistakes = columnMistakes(source, dialect);
  if (mistakes.length > 0)
    throw new VivaceError('INVALID_ARGUMENT', mistakes.map(({ message }) => message).join('; '));
  const timed = await withStorableTimes(source, { warehouse, context });
  const sql = view.isAggregate
    ? aggregateRelation(view, timed, dialect)
    : plainRelation(view, timed, dialect);
  return { sql, source: timed };
}
