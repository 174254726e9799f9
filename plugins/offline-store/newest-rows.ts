import type { CallContext, FeatureView, RowBatch, Warehouse } from 'vivace';
import { explained } from './check.js';
import { KeptTables } from './kept-tables.js';
import { columnsOf, fieldsOf } from './relation.js';
import { inView } from './rows.js';
import { rowsToCopy, type Finding } from './rows-to-copy.js';
import { usableSource } from './usable-source.js';

/** What newest rows are found with. */
interface Looking extends Pick<Finding, 'say'> {
  readonly warehouse: Warehouse;
  /** Microseconds: as of then, inclusive. */
  readonly until: number;
}

/** One row for each key: the one that counts at a time, in the columns of the view's relation. The source is checked at once. */
export async function newestRows(
  view: FeatureView,
  { warehouse, until, say }: Looking,
  context: CallContext,
): Promise<AsyncIterable<RowBatch>> {
  const source = await usableSource(view, warehouse, context);
  const { keys, all } = columnsOf(view);
  return (async function* (): AsyncIterable<RowBatch> {
    try {
      await using tables = new KeptTables(warehouse, context);
      const found = await rowsToCopy(view, source, { warehouse, context, tables, say, selection: { until } });
      // Of rows that tie for the newest any is as good as another here.
      const sql = `SELECT ${all.join(', ')} FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY ${keys.join(', ')} ORDER BY event_time DESC, available_time DESC) AS place FROM (${found.rows}) AS r
) AS placed WHERE place = 1`;
      yield* warehouse.query({ sql, fields: fieldsOf(view) }, context);
    } catch (error) {
      await inView(view, async () => {
        throw await explained(error, source, { warehouse, context });
      });
    }
  })();
}
