import { pushedFields, pushedSource } from '../composition/push-log.js';
import type { Server } from '../composition/server-interface.js';
import { withArticle } from '../config/article.js';
import { cellAt, columnOf, type Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { CallContext } from '../kernel/call.js';
import { disposeAll } from '../kernel/dispose-all.js';
import { VivaceError } from '../kernel/errors.js';
import type { OfflineStore } from '../ports/offline-store.js';
import { servedLog, type LogFile, type ServedLog } from '../ports/served-log.js';
import type { RowBatch, TemporaryTable } from '../ports/warehouse.js';
import type { FeatureView } from '../views/view.js';
import { isVector, vectorsOf } from './list-columns.js';

/** An offline store that knows what was pushed, until it is disposed of. */
export type OfflineStoreWithLogs = OfflineStore & AsyncDisposable;

/** The served-log parts that keep what is pushed into views. */
export function logsOf(views: Iterable<FeatureView>): readonly string[] {
  // Keys: names of parts.
  return [...new Set([...views].flatMap(({ source }) => source?.log ?? []))];
}

/**
 * An offline store to which a view whose rows are pushed is one with a query: the rows of its log, which are loaded into the warehouse once,
 * when the view is first asked for.
 *
 * @param server Has started the logs of the views (`logsOf`).
 */
export function withLogs(server: Pick<Server, 'part'>, store: OfflineStore): OfflineStoreWithLogs {
  // Keys: hashes of views.
  const loaded = new Map<string, Promise<TemporaryTable>>();
  const sourced = async (view: FeatureView, context: CallContext): Promise<FeatureView> => {
    if (view.source?.log === undefined) return view;
    let table = loaded.get(view.hash);
    if (table === undefined) loaded.set(view.hash, (table = load(server, { view, store }, context)));
    const { log: _, ...source } = view.source;
    return { ...view, source: { ...source, query: `SELECT * FROM ${(await table).name}` } };
  };
  const { supports } = store;
  return {
    ...(supports === undefined ? {} : { supports }),
    checkView: async (view, context) => store.checkView(await sourced(view, context), context),
    checkSpine: (spine, context) => store.checkSpine(spine, context),
    async openAsOf(views, context) {
      const prepared: FeatureView[] = [];
      for (const view of views) prepared.push(await sourced(view, context));
      const reader = await store.openAsOf(prepared, context);
      return {
        read: async (view, keys, call) => reader.read(await sourced(view, call), keys, call),
        [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
      };
    },
    spine: (spine, context) => store.spine(spine, context),
    ...(store.load === undefined ? {} : { load: (rows, context) => store.load!(rows, context) }),
    // Nothing that was pushed is ever changed but by a deletion, of which the store has been told.
    materialize: async (view, options, context) =>
      store.materialize(
        await sourced(view, context),
        view.source?.log === undefined ? options : { ...options, trustClosed: true },
        context,
      ),
    ...(store.changed === undefined
      ? {}
      : {
          changed: async (view, ledger, context) =>
            view.source?.log === undefined ? store.changed!(view, ledger, context) : undefined,
        }),
    ...(store.estimate === undefined
      ? {}
      : {
          // Reading a log is not billed.
          estimate: async (view, options, context) =>
            view.source?.log === undefined ? store.estimate!(view, options, context) : undefined,
        }),
    ...(store.newest === undefined
      ? {}
      : {
          newest: async (view, options, context) =>
            store.newest!(await sourced(view, context), options, context),
        }),
    save: (rows, path, context) => store.save(rows, path, context),
    async [Symbol.asyncDispose]() {
      const tables = await Promise.allSettled(loaded.values());
      await disposeAll(tables.flatMap((table) => (table.status === 'fulfilled' ? [table.value] : [])));
    },
  };
}

async function load(
  server: Pick<Server, 'part'>,
  { view, store }: { readonly view: FeatureView; readonly store: OfflineStore },
  context: CallContext,
): Promise<TemporaryTable> {
  if (store.load === undefined)
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `view "${view.name}": what is pushed is in "${view.source!.log}", and the offline store takes no rows from elsewhere`,
    );
  const log = server.part(servedLog, view.source!.log!);
  const files = await log.files(pushedSource(view), {}, context);
  const fields = pushedFields(view);
  return store.load({ fields, batches: rowsOf(log, files, { view, fields, context }) }, context);
}

async function* rowsOf(
  log: ServedLog,
  files: readonly LogFile[],
  {
    view,
    fields,
    context,
  }: { readonly view: FeatureView; readonly fields: readonly Field[]; readonly context: CallContext },
): AsyncGenerator<RowBatch> {
  const names = fields.map(({ name }) => name);
  for (const file of files)
    for await (const batch of log.rows(file, names, context))
      yield {
        fields,
        rows: batch.rows,
        columns: fields.map((field) => columnIn(batch, field, { view, file })),
      };
}

/**
 * A column of what was pushed, perhaps to an earlier definition of the view: a feature that it did not have is null.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` for values that the view's type does not hold.
 */
function columnIn(
  { fields, columns, rows }: RowBatch,
  { name, type }: Field,
  { view, file }: { readonly view: FeatureView; readonly file: LogFile },
): Column {
  const at = fields.findIndex((field) => field.name === name);
  if (at < 0) return columnOf(type, new Array<null>(rows).fill(null));
  const column = columns[at]!;
  if (column.type.name === type.name) return column;
  // Parquet has no vectors.
  if (isVector(column, type)) return vectorsOf(column, type);
  if (wider.get(column.type.name)?.includes(type.name) === true)
    return columnOf(
      type,
      Array.from({ length: rows }, (_, row) => {
        const cell = cellAt(column, row);
        return type.name === 'int64' && cell !== null ? BigInt(cell as number) : cell;
      }),
    );
  throw new VivaceError(
    'FAILED_PRECONDITION',
    `view "${view.name}": "${name}" was pushed as ${withArticle(column.type.name)} (${file.key}), and is ${withArticle(type.name)} now: give it another name, or push to a view of another name`,
  );
}

/** Types that hold every value of another exactly. */
// Keys: names of types.
const wider: ReadonlyMap<string, readonly string[]> = new Map([
  ['int32', ['int64', 'float64']],
  ['float32', ['float64']],
]);
