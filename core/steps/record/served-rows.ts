import { clearBit, createBitmap } from '../../data/bitmap.js';
import { columnBytes, columnOf, concat, gather, type Column } from '../../data/column.js';
import type { Field } from '../../data/feature-rows.js';
import type { Frame, FrameColumn } from '../../data/frame.js';
import { status, statusNames } from '../../data/status.js';
import { parseType } from '../../data/types.js';
import { instantOfMillis } from '../../kernel/time.js';
import { orderOf } from '../../pipeline/order.js';
import { describePlan, type Plan, type PlanColumn, type PlanNode } from '../../pipeline/plan.js';
import type { NodeRun } from '../../pipeline/run.js';
import type { ServedSpec } from '../../pipeline/schema.js';
import { logColumns } from '../../pipeline/log-columns.js';
import type { LogItem, LogStream } from '../../ports/served-log.js';
import { canonicalJson } from '../../kernel/canonical-json.js';
import { contentId } from '../../wire/base32.js';
import { keptObjects, type KeptObjects } from './sampling.js';

/** A request that was answered, as a log holds it: the columns of its frame are never written again, so it shares them. */
export interface ServedRequest {
  readonly requestId: string;
  readonly frame: Frame;
  readonly models: NodeRun['models'];
  /** When it was answered, epoch milliseconds. */
  readonly answeredMs: number;
}

/** A column of the log: its field, and its rows of one request. */
interface ServedColumn {
  readonly field: Field;
  of(rows: RequestRows): Column;
}

/** The rows that one request has in the log. */
interface RequestRows extends ServedRequest, KeptObjects {
  /** Place of each object in the answer. */
  readonly position: Int32Array;
  /** For columns of the request: their only row, as often as there are rows. */
  readonly first: Uint32Array;
}

/** What a pipeline writes to its log. */
export class ServedRows implements LogStream<ServedRequest> {
  readonly kind = 'served';
  readonly name: string;
  readonly fields: readonly Field[];
  readonly #plan: Plan;
  readonly #columns: readonly ServedColumn[];
  readonly #objects: ServedSpec['objects'];
  readonly #share: number;

  constructor(plan: Plan, { share, objects }: ServedSpec) {
    this.name = plan.name;
    this.#plan = plan;
    this.#share = share;
    this.#objects = objects;
    this.#columns = columnsOf(plan);
    this.fields = this.#columns.map(({ field }) => field);
  }

  /** How a request is held until it is written. */
  item(request: ServedRequest): LogItem<ServedRequest> {
    const { frame } = request;
    let bytes = 1000;
    for (const column of frame.columns) if (column !== undefined) bytes += columnBytes(column);
    for (const rows of frame.fetched) if (rows !== undefined) bytes += 17 * rows.status.length;
    return { item: request, bytes, rows: this.#count(frame) };
  }

  rowsOf(requests: readonly ServedRequest[]): {
    fields: readonly Field[];
    rows: number;
    columns: Column[];
  } {
    const all = requests.map((request) => this.#rows(request));
    return {
      fields: this.fields,
      rows: all.reduce((sum, { rows }) => sum + rows.length, 0),
      columns: this.#columns.map((column) => concat(all.map((rows) => column.of(rows)))),
    };
  }

  /** How many rows a request has: what `keptObjects` will choose. */
  #count(frame: Frame): number {
    const { objects, response, answerMask } = this.#plan;
    if (objects === undefined) return 1;
    if (this.#objects === undefined) return frame.objects;
    const answered = frame.kept(answerMask)?.rows.length ?? frame.objects;
    const top = Math.min(this.#objects.top, answered, response.limit ?? Infinity);
    return top + Math.min(this.#objects.sample, frame.objects - top);
  }

  #rows(request: ServedRequest): RequestRows {
    const { frame, requestId } = request;
    const share = this.#share;
    if (this.#plan.objects === undefined) {
      const one = { rows: new Uint32Array(1), first: new Uint32Array(1), position: new Int32Array(1) };
      return { ...request, ...one, weights: Float64Array.of(1 / share) };
    }
    const order = orderOf(this.#plan, frame);
    const position = new Int32Array(frame.objects).fill(-1);
    order.forEach((row, place) => (position[row] = place));
    const { rows, weights } =
      this.#objects === undefined
        ? {
            rows: Uint32Array.from({ length: frame.objects }, (_, row) => row),
            weights: new Float64Array(frame.objects).fill(1),
          }
        : keptObjects(frame.objects, order, { ...this.#objects, requestId });
    return {
      ...request,
      rows,
      weights: weights.map((weight) => weight / share),
      position,
      first: new Uint32Array(rows.length),
    };
  }
}

function columnsOf(plan: Plan): readonly ServedColumn[] {
  const { record: _, ...described } = describePlan(plan);
  const id = contentId(canonicalJson(described));
  const hasObjects = plan.objects !== undefined;
  return [
    picked('time', plan.timeColumn),
    constant(logColumns.requestId, ({ requestId }) => requestId),
    {
      field: { name: logColumns.index, type: int32 },
      of: ({ rows }) => ({ type: int32, rows: rows.length, values: Int32Array.from(rows) }),
    },
    {
      field: { name: logColumns.objects, type: int32 },
      of: ({ rows, frame }) => ({
        type: int32,
        rows: rows.length,
        values: new Int32Array(rows.length).fill(hasObjects ? frame.objects : 1),
      }),
    },
    {
      field: { name: logColumns.position, type: int32 },
      of: ({ rows, position }) =>
        columnOf(
          int32,
          Array.from(rows, (row) => (position[row]! < 0 ? null : position[row]!)),
        ),
    },
    {
      field: { name: logColumns.weight, type: float64 },
      of: ({ weights }) => ({ type: float64, rows: weights.length, values: weights }),
    },
    {
      field: { name: logColumns.answered, type: timestamp },
      of: ({ rows, answeredMs }) => ({
        type: timestamp,
        rows: rows.length,
        values: new Float64Array(rows.length).fill(instantOfMillis(answeredMs)),
      }),
    },
    constant(logColumns.plan, () => id),
    ...[...plan.request, ...(plan.objects?.fields ?? [])].map(({ place }) => {
      const column = plan.columns[place]!;
      return picked(column.name, column);
    }),
    ...plan.nodes.flatMap(nodeColumns),
    ...plan.response.outputs.map(({ name, column }) => picked(`output.${name}`, column)),
  ];
}

/** What a node has written, and what it says of its rows. */
function nodeColumns(node: PlanNode): readonly ServedColumn[] {
  const { alias, definition, writes } = node;
  const offline = definition.offline(node);
  const contract =
    offline.how === 'as-of' ? offline.contract : offline.how === 'refuse' ? offline.logged : undefined;
  return [
    ...writes.map((column) => picked(column.name, column)),
    ...(definition.explain === undefined ? [] : statusColumns(node, definition.explain.bind(definition))),
    ...(contract === undefined ? [] : [constant(logColumns.contract(alias), () => contract)]),
    ...(offline.how === 'as-of' && offline.cachedMs !== undefined
      ? [cachedColumn(alias, offline.cachedMs)]
      : []),
    ...(offline.how === 'model'
      ? [
          constant(logColumns.model(alias), ({ models }) => models.get(alias)?.name),
          constant(logColumns.version(alias), ({ models }) => models.get(alias)?.version),
        ]
      : []),
  ];
}

/** How long a cache might keep a row. */
function cachedColumn(alias: string, ms: number): ServedColumn {
  return {
    field: { name: logColumns.cachedMs(alias), type: float64 },
    of: ({ rows }) => ({
      type: float64,
      rows: rows.length,
      values: new Float64Array(rows.length).fill(ms),
    }),
  };
}

function statusColumns(
  node: PlanNode,
  explain: NonNullable<PlanNode['definition']['explain']>,
): readonly ServedColumn[] {
  const rowsOf = ({ rows, first }: RequestRows): Uint32Array => (node.scope === 'object' ? rows : first);
  const times =
    (key: 'eventTime' | 'availableTime') =>
    (of: RequestRows): Column => {
      const { status: codes, [key]: values } = explain(node, of.frame);
      const rows = rowsOf(of);
      const valid = createBitmap(rows.length, true);
      const picks = Float64Array.from(rows, (row, i) => {
        const known = codes[row] === status.PRESENT || codes[row] === status.STALE;
        if (known && values !== undefined) return values[row]!;
        clearBit(valid, i);
        return NaN;
      });
      return { type: timestamp, rows: rows.length, values: picks, valid };
    };
  return [
    {
      field: { name: logColumns.status(node.alias), type: text },
      of: (of) => {
        const codes = explain(node, of.frame).status;
        const values = Array.from(rowsOf(of), (row) => statusNames[codes[row]!]!);
        return { type: text, rows: values.length, values };
      },
    },
    { field: { name: logColumns.eventTime(node.alias), type: timestamp }, of: times('eventTime') },
    { field: { name: logColumns.availableTime(node.alias), type: timestamp }, of: times('availableTime') },
    {
      field: { name: logColumns.defaulted(node.alias), type: texts },
      of: (of) => {
        const columns = node.writes.map(({ place }) => of.frame.column(place));
        const names = node.writes.map(({ name }) => name.slice(node.alias.length + 1));
        return columnOf(
          texts,
          Array.from(rowsOf(of), (row) => defaultedIn(columns, names, row)),
        );
      },
    },
  ];
}

/** The features of a row for which a default stands in; null where there are none, as in most rows. */
function defaultedIn(
  columns: readonly FrameColumn[],
  names: readonly string[],
  row: number,
): string[] | null {
  const found = names.filter((_, i) => columns[i]!.status?.[row] === status.DEFAULTED);
  return found.length === 0 ? null : found;
}

/** A column of the frame. */
function picked(name: string, column: PlanColumn): ServedColumn {
  return {
    field: { name, type: column.type },
    of: ({ frame, rows, first }) =>
      gather(frame.column(column.place), column.scope === 'object' ? rows : first),
  };
}

/** A text that all rows of a request share. */
function constant(name: string, of: (request: ServedRequest) => string | undefined): ServedColumn {
  return {
    field: { name, type: text },
    of: (rows) => {
      const value = of(rows);
      const count = rows.rows.length;
      return value === undefined
        ? columnOf(text, new Array<null>(count).fill(null))
        : { type: text, rows: count, values: new Array<string>(count).fill(value) };
    },
  };
}

const text = parseType('string');
const texts = parseType('list<string>');
const int32 = parseType('int32');
const float64 = parseType('float64');
const timestamp = parseType('timestamp');
