import { pushedSource } from '../composition/push-log.js';
import type { Server } from '../composition/server-interface.js';
import { cellAt, type Column } from '../data/column.js';
import { TextKeys, type TextKey } from '../kernel/text-keys.js';
import type { CallContext } from '../kernel/call.js';
import { servedLog, type LogSource, type RowsToRemove } from '../ports/served-log.js';
import type { RowBatch } from '../ports/warehouse.js';
import type { FeatureView } from '../views/view.js';

/** What was removed from the log of a view, or of a pipeline. */
export interface DeletedLog extends LogSource {
  /** The served-log part. */
  readonly log: string;
  /** Rows that were removed, and the files that they were in, which others have replaced. */
  readonly rows: number;
  readonly files: number;
}

/** A log with rows of a view, and the columns of its files that are keys of the view: a list for each time that a pipeline fetches it. */
export interface LogOfView extends LogSource {
  readonly log: string;
  readonly keys: readonly (readonly string[])[];
}

/** The logs that may have rows of a view: the one that keeps what is pushed, and those of the pipelines that fetch it. */
export function logsWith(server: Pick<Server, 'plans'>, view: FeatureView): readonly LogOfView[] {
  const log = view.source?.log;
  const own =
    log === undefined ? [] : [{ log, ...pushedSource(view), keys: [view.entity.map(({ name }) => name)] }];
  const served = [...server.plans.values()].flatMap(({ name, record, nodes }): LogOfView[] => {
    if (record === false || record.served === undefined) return [];
    const keys = nodes.flatMap((node) => {
      const offline = node.definition.offline(node);
      return offline.how === 'as-of' && offline.view.name === view.name
        ? [node.reads.map((column) => column.name)]
        : [];
    });
    return keys.length === 0 ? [] : [{ log: record.served.in, kind: 'served', name, keys }];
  });
  return [...own, ...served];
}

/** Keys of a view, to be found again in logs. */
export class KeysOfView {
  readonly #keys = new Set<TextKey>();
  readonly #texts = new TextKeys();

  /** @param columns One for each key of the view. */
  add(columns: readonly Column[], rows: number): void {
    for (let row = 0; row < rows; row++) {
      const key = this.#keyOf(columns, row);
      if (key !== undefined) this.#keys.add(key);
    }
  }

  has(columns: readonly Column[], row: number): boolean {
    const key = this.#keyOf(columns, row);
    return key !== undefined && this.#keys.has(key);
  }

  /** A log may have an integer in another width than the view has today. */
  #keyOf(columns: readonly Column[], row: number): TextKey | undefined {
    const cells = columns.map((column) => cellAt(column, row));
    return cells.includes(null) ? undefined : this.#texts.of(JSON.stringify(cells.map(String)));
  }
}

/**
 * Removes the rows of some keys from the files of a log.
 *
 * @throws {VivaceError} As `ServedLog.removeRows` does; it is safe to repeat.
 */
export async function deleteLogged(
  server: Pick<Server, 'part'>,
  { log: part, kind, name, keys: bindings }: LogOfView,
  {
    keys,
    dryRun,
    context,
  }: { readonly keys: KeysOfView; readonly dryRun: boolean; readonly context: CallContext },
): Promise<DeletedLog> {
  const log = server.part(servedLog, part);
  // Keys: names of columns.
  const columns = [...new Set(bindings.flat())];
  const rows: RowsToRemove = { columns, chosen: (batch) => chosen(batch, bindings, keys), dryRun };
  const found = { rows: 0, files: 0 };
  for (const file of await log.files({ kind, name }, {}, context)) {
    const { removed } = await log.removeRows(file, rows, context);
    found.rows += removed;
    if (removed > 0) found.files++;
  }
  return { log: part, kind, name, ...found };
}

function chosen(
  { fields, columns, rows }: RowBatch,
  bindings: LogOfView['keys'],
  keys: KeysOfView,
): Uint8Array {
  const flags = new Uint8Array(rows);
  for (const names of bindings) {
    const bound = names.map((name) => columns[fields.findIndex((field) => field.name === name)]);
    // A file of before the pipeline fetched the view by this.
    if (bound.includes(undefined)) continue;
    for (let row = 0; row < rows; row++) if (keys.has(bound as Column[], row)) flags[row] = 1;
  }
  return flags;
}
