import {
  didYouMean,
  parseType,
  VivaceError,
  windowSuffix,
  type CallContext,
  type ColumnType,
  type RowCondition,
  type ConfigPath,
  type DescribedColumn,
  type Dialect,
  type FeatureView,
  type Kinds,
  type Mistake,
  type Source,
  type SourceRows,
  type Spine,
  type ViewFeature,
  type ViewSource,
  type WantedColumn,
  type Warehouse,
} from 'vivace';
import { convertible, fromColumn, sameKind, typeText } from './conversions.js';

/** A column of a source, and what it is used for. */
export interface Use {
  readonly column: string;
  /** Relative to the view or the spine. */
  readonly path: ConfigPath;
  readonly role: 'key' | 'time' | 'value' | 'aggregated' | 'distinct' | 'condition' | 'operand';
  /** What the column is converted to; absent where it is used as it is. */
  readonly type?: ColumnType;
  /** What it is called in messages: `feature "amount"`. */
  readonly what: string;
}

/** A source that was looked up, and what is used of it. */
export interface FoundSource extends Source {
  readonly rows: Partial<SourceRows>;
  readonly uses: readonly Use[];
  /** What it is called in messages. */
  readonly name: string;
  /** No value is rounded to an integer: those of a spine are what callers sent. */
  readonly exact?: boolean;
  /** Columns of times of which each can be stored. */
  readonly storable?: ReadonlySet<string>;
  /** What is wrong with its derived columns, which are then not among its columns. */
  readonly wrong?: readonly Mistake[];
  /** What its derived columns, and what they use, are. */
  readonly kinds?: Kinds;
  /** A condition of its columns: no other rows are used. */
  readonly only?: string;
}

const timestamp = parseType('timestamp');
const string = parseType('string');

/** The view's source. @throws {VivaceError} `FAILED_PRECONDITION` where rows of the view are only pushed, or are in a log. */
export function sourceOf({ source }: FeatureView): ViewSource {
  if (source === undefined)
    throw new VivaceError('FAILED_PRECONDITION', 'it has no source: its rows are only pushed');
  if (source.table === undefined && source.query === undefined)
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `what is pushed is in "${source.log ?? ''}", which an offline store does not read by itself: call the operations instead, such as materializeViews, showFeatures and measureSkew, which read the log for it`,
    );
  return source;
}

/** Whether a row of the view's source may become known after its event. */
export function mayBeLate(view: FeatureView): boolean {
  const { eventTime, availableTime } = sourceOf(view);
  return availableTime !== eventTime;
}

/** Whether an aggregate is the value of one of its events, of any type. */
export function isOfOneEvent(origin: ViewFeature['origin']): boolean {
  return origin.kind === 'aggregate' && (origin.aggregate === 'first' || origin.aggregate === 'last');
}

/** What a view uses of its source, without what its derived columns use. */
export function usesOfView(view: FeatureView): Use[] {
  const source = sourceOf(view);
  const { eventTime, availableTime } = source;
  const keys = view.entity.map(({ name, type }): Use => {
    const column = source.key[name] as string;
    const path = column === name ? ['entity', name] : ['source', 'key', name];
    return { column, path, role: 'key', type, what: `key "${name}"` };
  });
  const times = [
    ...(eventTime === undefined ? [] : [timeOf(eventTime, ['source', 'eventTime'], 'the event time')]),
    ...(availableTime === undefined || availableTime === eventTime
      ? []
      : [timeOf(availableTime, ['source', 'availableTime'], 'the available time')]),
  ];
  const features = view.features.flatMap(({ name, type, origin }): Use[] => {
    const what = `feature "${name}"`;
    if (origin.kind === 'column')
      return [{ column: origin.column, path: ['features', name], role: 'value', type, what }];
    if (origin.of === undefined) return [];
    // One declaration makes a feature per window, `<name>_<n>d`.
    const suffix = windowSuffix(origin);
    const declared = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
    const use = { column: origin.of, path: ['features', declared, 'of'], what };
    if (origin.aggregate === 'count_distinct') return [{ ...use, role: 'distinct' }];
    return isOfOneEvent(origin) ? [{ ...use, role: 'value', type }] : [{ ...use, role: 'aggregated' }];
  });
  return [...keys, ...times, ...features, ...conditionsOf(source, ['source', 'where'])];
}

/** The columns of a spine without the request time, which has a place of its own. */
export function valuesOf({ columns }: Spine): Spine['columns'] {
  const { time: _, ...values } = columns;
  return values;
}

/** What a spine uses of its source. */
function usesOfSpine(spine: Spine): Use[] {
  const values = Object.entries(valuesOf(spine)).map(([name, { column, type, path }]): Use => {
    const use = { column, path: path ?? ['columns', name], role: 'value' as const, what: `"${name}"` };
    return type === undefined ? use : { ...use, type };
  });
  const together = (spine.sample?.by ?? []).map((column): Use => ({
    column,
    path: ['sample', 'by'],
    role: 'value',
    what: '`sample.by`',
  }));
  return [
    ...values,
    timeOf(spine.time, ['time'], 'the request time'),
    ...conditionsOf(spine, ['where']),
    ...together,
  ];
}

function timeOf(column: string, path: ConfigPath, what: string): Use {
  return { column, path, role: 'time', type: timestamp, what };
}

function conditionsOf({ where = {} }: Partial<SourceRows>, path: ConfigPath): Use[] {
  return Object.entries(where).map(([column, condition]) => ({
    column,
    path: [...path, column],
    role: 'condition',
    what: 'a condition of `where`',
    // A text is compared with the text that stands in the file.
    ...(isOfText(condition) ? { type: string } : {}),
  }));
}

/** Whether a condition compares texts. */
function isOfText({ equals, in: some = [], not = [] }: RowCondition): boolean {
  return [equals, ...some, ...[not].flat()].some((value) => typeof value === 'string');
}

/** What a look at a source needs. */
export interface Looking {
  readonly warehouse: Warehouse;
  readonly context: CallContext;
}

/** Looks a source up, its columns read as they are declared. */
export async function findSource(
  rows: Partial<SourceRows>,
  uses: readonly Use[],
  { warehouse, context }: Looking,
): Promise<FoundSource> {
  if (rows.query !== undefined) {
    const columns = await warehouse.describe({ sql: rows.query }, context);
    return { from: `(${rows.query}\n) AS q`, columns, rows, uses, name: 'the query' };
  }
  const table = rows.table as string;
  return { ...(await warehouse.source(table, wantedOf(uses), context)), rows, uses, name: table };
}

/**
 * Each column once. What a view declares of a column counts more than what a condition compares it with. Where a column is aggregated as it is, the
 * value that another feature makes of it says nothing, unless that is its text.
 */
function wantedOf(uses: readonly Use[]): WantedColumn[] {
  // Keys: names of columns.
  return [...new Set(uses.map(({ column }) => column))].map((name) => {
    const of = uses.filter(({ column }) => column === name);
    const asItIs = of.some(({ role }) => role === 'aggregated' || role === 'distinct');
    const declared = of.filter(
      ({ role, type }) => role !== 'condition' && !(asItIs && role === 'value' && type?.name !== string.name),
    );
    const type = (declared.length > 0 ? declared : of).find((use) => use.type !== undefined)?.type;
    return { name, ...(type === undefined ? {} : { type }) };
  });
}

/** Looks up the rows of a spine. */
export async function findSpine(spine: Spine, looking: Looking): Promise<FoundSource> {
  return { ...(await findSource(spine, usesOfSpine(spine), looking)), exact: true };
}

/** The column of a name; engines do not tell names apart by case. */
export function columnOf(
  { columns }: Pick<FoundSource, 'columns'>,
  name: string,
): DescribedColumn | undefined {
  const lower = name.toLowerCase();
  return (
    columns.find((column) => column.name === name) ??
    columns.find((column) => column.name.toLowerCase() === lower)
  );
}

/** What is wrong with a column. */
export interface ColumnMistake extends Mistake {
  /** The column, where some of its values may be numbers and others are not. */
  readonly text?: DescribedColumn;
}

/** Columns that are not there, and those that cannot be what they are declared as. */
export function columnMistakes(source: FoundSource, sql: Dialect): ColumnMistake[] {
  const names = source.columns.map(({ name }) => name);
  const used = source.uses.flatMap(({ column: name, path, type, role, what }): ColumnMistake[] => {
    const column = columnOf(source, name);
    if (column === undefined)
      return [{ path, message: `${source.name} has no column "${name}"${didYouMean(name, names)}` }];
    const wrong = (wanted: string): Mistake[] => [
      { path, message: `column "${name}" of ${source.name} is ${column.nativeType}, but ${what} ${wanted}` },
    ];
    if (role === 'aggregated') {
      if (numberType(source, name) !== undefined) return [];
      const time = source.uses.find((use) => use.column === name && use.role === 'time');
      if (time === undefined) return wrong('aggregates numbers').map((each) => ({ ...each, text: column }));
      const message = `column "${name}" of ${source.name} is ${time.what}, but ${what} aggregates numbers`;
      return [{ path, message }];
    }
    const fits = source.exact === true ? sameKind : convertible;
    if (type !== undefined && role !== 'condition' && role !== 'operand' && !fits(column, type, sql))
      return wrong(`is ${typeText(type)}`);
    if (column.type === undefined && role !== 'condition' && role !== 'operand')
      return wrong('is of no type that a column can hold: cast it in a query');
    if (role === 'distinct' && column.type?.kind !== 'scalar') return wrong('counts single values');
    return [];
  });
  const found = [...used, ...(source.wrong ?? [])];
  // Keys: mistakes of a configuration.
  return [...new Map(found.map((mistake) => [JSON.stringify(mistake), mistake])).values()];
}

/** The type of a column whose values are numbers, or are declared to be; booleans are 0 and 1. `undefined` where they are not. */
export function numberType(source: FoundSource, name: string): ColumnType | undefined {
  const found = columnOf(source, name)?.type;
  const type = found?.name === 'string' ? roleType(source, name) : found;
  return type !== undefined && isNumber(type) ? type : undefined;
}

function isNumber({ kind, element }: ColumnType): boolean {
  return kind === 'scalar' && ['float32', 'float64', 'int32', 'int64', 'bool'].includes(element);
}

/** The type of a column that is a key or a time. */
export function roleType({ uses }: Pick<FoundSource, 'uses'>, name: string): ColumnType | undefined {
  return uses.find(({ column, role }) => column === name && (role === 'key' || role === 'time'))?.type;
}

/** The rows that a view or a spine uses of its source, as they stand after FROM. */
export function sourceRows(source: FoundSource, sql: Dialect, attempt = false): string {
  const { where = {}, distinct } = source.rows;
  const conditions = Object.entries(where).flatMap(([name, { min, max, equals, in: some, not }]) => {
    const operand = (value: number | string | boolean): string =>
      comparable(source, name, { value, sql, attempt });
    return [
      ...(min === undefined ? [] : [`${operand(min)} >= ${sql.literal(min)}`]),
      ...(max === undefined ? [] : [`${operand(max)} <= ${sql.literal(max)}`]),
      ...(equals === undefined ? [] : [`${operand(equals)} = ${sql.literal(equals)}`]),
      ...(some === undefined
        ? []
        : [`${operand(some[0]!)} IN (${some.map((value) => sql.literal(value)).join(', ')})`]),
      ...(not === undefined
        ? []
        : [
            `${operand([not].flat()[0]!)} NOT IN (${[not]
              .flat()
              .map((value) => sql.literal(value))
              .join(', ')})`,
          ]),
    ];
  });
  if (source.only !== undefined) conditions.push(source.only);
  const rows = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `(SELECT ${distinct === true ? 'DISTINCT ' : ''}* FROM ${source.from}${rows}) AS s`;
}

/** A column as a condition compares it: a text as the number, the truth value or the time that it is declared as, or is compared with. */
function comparable(
  source: FoundSource,
  name: string,
  { value, sql, attempt }: { value: number | string | boolean; sql: Dialect; attempt: boolean },
): string {
  const column = columnOf(source, name);
  if (column?.type?.name !== 'string') return sql.identifier(column?.name ?? name);
  const declared = source.uses.find((use) => use.column === name && use.role !== 'condition')?.type;
  const compared =
    typeof value === 'number'
      ? parseType('float64')
      : typeof value === 'boolean'
        ? parseType('bool')
        : string;
  const type = declared === undefined || declared.name === 'string' ? compared : declared;
  return fromColumn(column, type, { sql, attempt });
}
