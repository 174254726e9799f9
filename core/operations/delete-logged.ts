import { pushedSource } from '../composition/push-log.js';
import type { Server } from '../composition/server-interface.js';
import { cellAt, elementColumn, type Column } from '../data/column.js';
import type { ColumnType } from '../data/types.js';
import { TextKeys, type TextKey } from '../kernel/text-keys.js';
import type { CallContext } from '../kernel/call.js';
import type { Plan, PlanColumn } from '../pipeline/plan.js';
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
  readonly keys: readonly (readonly LoggedKey[])[];
}

/** Where a log has a key of a view. */
interface LoggedKey {
  readonly column: string;
  /** Which element of the vectors of the column, from 0; absent where the column is the key. */
  readonly element?: number;
  readonly type: ColumnType;
}

/** The logs that may have rows of a view: the one that keeps what is pushed, and those of the pipelines that fetch it. */
export function logsWith(server: Pick<Server, 'plans'>, view: FeatureView): readonly LogOfView[] {
  const log = view.source?.log;
  const own =
    log === undefined
      ? []
      : [
          {
            log,
            ...pushedSource(view),
            keys: [view.entity.map(({ name, type }) => ({ column: name, type }))],
          },
        ];
  const served = [...server.plans.values()].flatMap((plan): LogOfView[] => {
    const { name, record, nodes } = plan;
    if (record === false || record.served === undefined) return [];
    const keys = nodes.flatMap((node) => {
      const offline = node.definition.offline(node);
      return offline.how === 'as-of' && offline.view.name === view.name
        ? [node.reads.map((column) => loggedKey(plan, column))]
        : [];
    });
    return keys.length === 0 ? [] : [{ log: record.served.in, kind: 'served', name, keys }];
  });
  return [...own, ...served];
}

/** A log has the vectors that an element is of. */
function loggedKey({ columns, elements }: Plan, { place, name, type }: PlanColumn): LoggedKey {
  const element = elements.find((each) => each.place === place);
  if (element === undefined) return { column: name, type };
  return { column: columns.find((each) => each.place === element.of)!.name, element: element.element, type };
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
  const columns = [...new Set(bindings.flat().map(({ column }) => column))];
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
  for (const binding of bindings) {
    const bound = binding.map(({ column: name, element, type }) => {
      const column = columns[fields.findIndex((field) => field.name === name)];
      return element === undefined || column === undefined ? column : elementColumn(column, element, type);
    });
    // A file of before the pipeline fetched the view by this.
    if (bound.includes(undefined)) continue;
    for (let row = 0; row < rows; row++) if (keys.has(bound as Column[], row)) flags[row] = 1;
  }
  return flags;
}
