import {
  cellAt,
  columnOf,
  fieldsOf,
  warehouse,
  offlineStore as offlineStorePort,
  parseType,
  type Cell,
} from 'vivace';
import { offlineStore } from 'vivace/plugins/offline-store';
import { callContext, startPart } from 'vivace/testing';
import { viewSchema } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';
import { expressionColumns, type Given } from '../fixtures/expressions.js';
import { createTables } from './offline-store-over.js';

type RunningPart = Awaited<ReturnType<typeof startPart>>;

/** The table that expressions are computed over, as a source has it: a row for each given one, with its number as `id`. */
export async function loadGiven(lake: RunningPart, given: readonly Given[]): Promise<void> {
  const fields = fieldsOf({ id: 'int32', ...expressionColumns });
  const columns = fields.map(({ name, type }) =>
    columnOf(
      type,
      given.map((row, id): Cell => (name === 'id' ? id : (row[name as keyof Given] ?? null))),
    ),
  );
  await createTables(lake, { given: { fields, batches: [{ fields, columns, rows: given.length }] } });
}

/**
 * The values of derived columns, as a training set reads them.
 *
 * @param texts An expression, and whether its value is a truth value.
 * @returns For each row of the table the value of each expression.
 */
export async function derivedValues(
  lake: RunningPart,
  texts: readonly (readonly [text: string, isBool: boolean])[],
  rows: number,
): Promise<Cell[][]> {
  const named = texts.map(([text, isBool], i) => [`d${i}`, text, isBool ? 'bool' : 'float64'] as const);
  const view = compileView(
    'derived',
    viewSchema.parse({
      store: 'online',
      entity: { id: 'int32' },
      source: { table: 'given', columns: Object.fromEntries(named.map(([name, text]) => [name, text])) },
      features: Object.fromEntries(named.map(([name, , type]) => [name, { type }])),
    }),
  );
  const part = await startPart(offlineStore, {}, { uses: { warehouse: lake.face(warehouse) } });
  const store = part.face(offlineStorePort);
  try {
    await using reader = await store.openAsOf([view], callContext(120_000));
    const requested = {
      rows,
      columns: [
        columnOf(
          parseType('int32'),
          Array.from({ length: rows }, (_, id) => id),
        ),
      ],
      time: new Float64Array(rows).fill(1),
    };
    const found = await reader.read(view, requested, callContext(120_000));
    const columns = found.columns.map((writer) => writer.finish());
    return Array.from({ length: rows }, (_, row) => columns.map((column) => cellAt(column, row)));
  } finally {
    await part.stop();
  }
}
