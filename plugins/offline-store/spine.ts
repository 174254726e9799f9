import {
  carriedFields,
  gather,
  isVivaceError,
  parseType,
  VivaceError,
  type CallContext,
  type ColumnType,
  type DescribedColumn,
  type Dialect,
  type Field,
  type RowBatch,
  type Spine,
  type Warehouse,
} from 'vivace';
import { explained } from './check.js';
import { fromColumn } from './conversions.js';
import { hashRows } from './row-hash.js';
import { requestConditions } from './spine-rows.js';
import { columnMistakes, columnOf, findSpine, sourceRows, valuesOf, type FoundSource } from './source.js';

/** The rows of a spine, by time and then by every column, and the source that they come from. */
export async function readSpine(
  spine: Spine,
  warehouse: Warehouse,
  context: CallContext,
): Promise<{
  readonly fields: readonly Field[];
  readonly batches: AsyncIterable<RowBatch>;
  readonly source: FoundSource;
}> {
  checkSpineShape(spine);
  const looking = { warehouse, context };
  const source = await findSpine(spine, looking);
  const mistakes = columnMistakes(source, warehouse.dialect);
  if (mistakes.length > 0)
    throw new VivaceError('INVALID_ARGUMENT', mistakes.map(({ message }) => `spine: ${message}`).join('; '));
  const sql = spineQuery(spine, source, warehouse.dialect);
  const names = [...Object.keys(valuesOf(spine)), 'time'];
  // Behind these stand the columns that only the sample needs.
  const rename = (all: readonly Field[]): Field[] =>
    all.slice(0, names.length).map(({ type }, i) => ({ name: names[i]!, type }));
  const fields = rename(carriedFields(await warehouse.describe({ sql }, context)));
  const rows = explaining(warehouse.query({ sql }, context), async (error) =>
    naming(spine, await explained(error, source, looking)),
  );
  const { sample } = spine;
  const batches = renamed(sample === undefined ? rows : sampled(rows, sample.of, names.length), rename);
  return { fields, batches, source };
}

async function* renamed(
  batches: AsyncIterable<RowBatch>,
  rename: (fields: readonly Field[]) => Field[],
): AsyncGenerator<RowBatch> {
  for await (const { rows, columns, fields: all } of batches) {
    const fields = rename(all);
    yield { rows, fields, columns: columns.slice(0, fields.length) };
  }
}

/** Explains what the warehouse throws; what the user of a batch throws passes as it is. */
async function* explaining(
  batches: AsyncIterable<RowBatch>,
  explain: (error: unknown) => Promise<unknown>,
): AsyncGenerator<RowBatch> {
  const iterator = batches[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<RowBatch>> => {
    try {
      return await iterator.next();
    } catch (error) {
      throw await explain(error);
    }
  };
  try {
    for (let batch = await next(); batch.done !== true; batch = await next()) yield batch.value;
  } finally {
    await iterator.return?.();
  }
}

/** The failure of a spine's query, with the columns as the user knows them. */
function naming(spine: Spine, error: unknown): unknown {
  if (!isVivaceError(error)) return error;
  const own = Object.values(valuesOf(spine)).map(({ column }, i) => [`c${i}`, column] as const);
  const together = (spine.sample?.by ?? []).map((column, i) => [`s${i}`, column] as const);
  // Keys: names of columns.
  const names = new Map<string, string>([...own, ...together]);
  const message = error.message.replace(/column "([cs]\d+)"/, (text, name: string) =>
    names.has(name) ? `spine: column "${names.get(name)}"` : text,
  );
  if (message === error.message) return error;
  return new VivaceError(error.code, message, {
    cause: error,
    ...(error.part === undefined ? {} : { part: error.part }),
  });
}

function checkSpineShape(spine: Spine): void {
  if ((spine.table === undefined) === (spine.query === undefined))
    throw new VivaceError('INVALID_ARGUMENT', 'a spine has either a table or a query');
  const taken = spine.columns['time'];
  if (taken !== undefined && taken.column !== spine.time) {
    throw new VivaceError('INVALID_ARGUMENT', 'the column "time" of a spine is the request time', {
      path: 'columns.time',
    });
  }
}

const timestamp = parseType('timestamp');

function spineQuery(spine: Spine, source: FoundSource, sql: Dialect): string {
  const columns = valuesOf(spine);
  const there = (name: string): DescribedColumn => columnOf(source, name) as DescribedColumn;
  const time = there(spine.time);
  // Names of our own: not every engine takes the dots of `object.destination`.
  const names = Object.keys(columns).map((_, i) => `c${i}`);
  const selected = Object.values(columns).map(
    ({ column, type }, i) => `${valueOf(there(column), type, sql)} AS ${names[i]}`,
  );
  const asTime = `${fromColumn(time, timestamp, { sql })} AS request_time`;
  const together = (spine.sample?.by ?? []).map(
    (column, i) => `${sql.identifier(there(column).name)} AS s${i}`,
  );
  const order = ['request_time', ...names].map((name) => `${name} ASC NULLS FIRST`);
  return `SELECT ${[...selected, asTime, ...together].join(', ')} FROM ${sourceRows(source, sql)} WHERE ${requestConditions(spine, source, sql).join(' AND ')} ORDER BY ${order.join(', ')}`;
}

/**
 * A column of the spine: a text as the value that its field declares, and whole numbers as the integers that they are. Other numbers stay as they
 * are, and core converts them where they fit.
 */
function valueOf(column: DescribedColumn, declared: ColumnType | undefined, sql: Dialect): string {
  const from = column.type as ColumnType;
  const type = declared ?? from;
  if (type.name === 'timestamp') return fromColumn(column, type, { sql });
  const isText = from.name === 'string' && type.name !== 'string';
  const isWhole =
    from.element.startsWith('float') && type.element.startsWith('int') && type.kind === 'scalar';
  return isText || (isWhole && from.kind === 'scalar')
    ? fromColumn(column, type, { sql, exact: true })
    : sql.identifier(column.name);
}

/** One row in `of`, by the hash of the columns from `first` on, or of all where there are none. */
async function* sampled(
  batches: AsyncIterable<RowBatch>,
  of: number,
  first: number,
): AsyncGenerator<RowBatch> {
  for await (const batch of batches) {
    const by = batch.columns.length > first ? batch.columns.slice(first) : batch.columns;
    const hashes = hashRows({ columns: by, rows: batch.rows });
    const kept: number[] = [];
    for (let row = 0; row < batch.rows; row++) if ((hashes[row] as number) % of === 0) kept.push(row);
    if (kept.length === 0) continue;
    const rows = Uint32Array.from(kept);
    yield {
      fields: batch.fields,
      rows: rows.length,
      columns: batch.columns.map((column) => gather(column, rows)),
    };
  }
}
