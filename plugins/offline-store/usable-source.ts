import { VivaceError, type CallContext, type FeatureView, type Warehouse } from 'vivace';
import { findView } from './find-view.js';
import { columnMistakes, type FoundSource } from './source.js';
import { withStorableTimes } from './storable-times.js';

/**
 * The source of a view, ready to be read.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with every column that is not there or cannot be what the view declares.
 */
export async function usableSource(
  view: FeatureView,
  warehouse: Warehouse,
  context: CallContext,
): Promise<FoundSource> {
  const source = await findView(view, { warehouse, context });
  const mistakes = columnMistakes(source, warehouse.dialect);
  if (mistakes.length > 0)
    throw new VivaceError('INVALID_ARGUMENT', mistakes.map(({ message }) => message).join('; '));
  return withStorableTimes(source, { warehouse, context });
}
