import { ColumnAppender } from '../../data/column-appender.js';
import { columnBytes, columnOf, type Values } from '../../data/column.js';
import type { Field } from '../../data/feature-rows.js';
import type { Frame } from '../../data/frame.js';
import { status, statusNames } from '../../data/status.js';
import { elementBytes, parseType, type ColumnType } from '../../data/types.js';
import { instantOfMillis } from '../../kernel/time.js';
import { orderOf } from '../../pipeline/order.js';
import { describePlan, type Plan, type PlanColumn, type PlanNode } from '../../pipeline/plan.js';
import type { NodeRun } from '../../pipeline/run.js';
import type { ServedSpec } from '../../pipeline/schema.js';
import { logColumns } from '../../pipeline/log-columns.js';
import type { LogItem, LogRows, LogStream } from '../../ports/served-log.js';
import type { RowBatch } from '../../ports/warehouse.js';
import { canonicalJson } from '../../kernel/canonical-json.js';
import { contentId } from '../../wire/base32.js';
import { keptObjects, type KeptObjects } from './sampling.js';

/** About what a request has once, however many rows: its id. */
const requestBytes = 100;
/** Rows of a batch: as many as DuckDB takes at once. */
const batchRows = 2048;

/** A request that was answered. */
export interface ServedRequest {
  readonly requestId: string;
  readonly frame: Frame;
  readonly models: NodeRun['models'];
  /** When it was answered, epoch milliseconds. */
  readonly answeredMs: number;
}

/** Columns of the log that are written together: their fields, and how the rows of one request are appended to them. */
interface ServedColumns {
  readonly fields: readonly Field[];
  readonly append: (request: RequestRows, to: readonly ColumnAppender[]) => void;
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
  readonly #columns: readonly ServedColumns[];
  readonly #objects: ServedSpec['objects'];
  readonly #share: number;
  /** What a row takes of columns whose values are of one size. */
  readonly #rowBytes: number;

  constructor(plan: Plan, { share, objects }: ServedSpec) {
    this.name = plan.name;
    this.#plan = plan;
    this.#share = share;
    this.#objects = objects;
    this.#columns = columnsOf(plan);
    this.fields = this.#columns.flatMap(({ fields }) => fields);
    this.#rowBytes = this.fields.reduce((sum, { type }) => sum + elementBytes[type.element] * type.width, 0);
  }

  /** A request with what the log has to know of it. */
  item(request: ServedRequest): LogItem<ServedRequest> {
    const { frame } = request;
    const rows = this.#count(frame);
    let bytes = requestBytes + rows * this.#rowBytes;
    for (const column of frame.columns)
      if (column !== undefined && (Array.isArray(column.values) || column.offsets !== undefined))
        bytes += (columnBytes(column) * rows) / Math.max(1, column.rows);
    return { item: request, bytes: Math.ceil(bytes), rows };
  }

  begin(): LogRows<ServedRequest> {
    return new RowsOfFile(this.fields, this.#columns, (request) => this.#rows(request));
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

/** Rows of requests, as batches of equal size, of which the last one fills. */
class RowsOfFile implements LogRows<ServedRequest> {
  readonly #fields: readonly Field[];
  readonly #columns: readonly ServedColumns[];
  readonly #rowsOf: (request: ServedRequest) => RequestRows;
  readonly #full: RowBatch[] = [];
  #filling: readonly (readonly ColumnAppender[])[] = [];
  #rows = 0;
  #room = 0;

  constructor(
    fields: readonly Field[],
    columns: readonly ServedColumns[],
    rowsOf: (request: ServedRequest) => RequestRows,
  ) {
    this.#fields = fields;
    this.#columns = columns;
    this.#rowsOf = rowsOf;
  }

  add(request: ServedRequest): void {
    const rows = this.#rowsOf(request);
    if (this.#rows + rows.rows.length > this.#room) this.#next(rows.rows.length);
    try {
      this.#columns.forEach(({ append }, i) => append(rows, this.#filling[i]!));
    } catch (error) {
      // Some columns have rows of it: they stay behind.
      this.#next(0);
      throw error;
    }
    this.#rows += rows.rows.length;
  }

  batches(): readonly RowBatch[] {
    return this.#rows === 0 ? this.#full : [...this.#full, this.#batch()];
  }

  /** Begins another batch, with room for so many rows at least. */
  #next(rows: number): void {
    if (this.#rows > 0) this.#full.push(this.#batch());
    this.#rows = 0;
    this.#room = Math.max(batchRows, rows);
    this.#filling = this.#columns.map(({ fields }) =>
      fields.map(({ type }) => new ColumnAppender(type, this.#room)),
    );
  }

  #batch(): RowBatch {
    const columns = this.#filling.flatMap((group) => group.map((column) => column.finish(this.#rows)));
    return { fields: this.#fields, rows: this.#rows, columns };
  }
}

function columnsOf(plan: Plan): readonly ServedColumns[] {
  const { record: _, ...described } = describePlan(plan);
  const id = contentId(canonicalJson(described));
  const hasObjects = plan.objects !== undefined;
  return [
    picked('time', plan.timeColumn),
    repeated(logColumns.requestId, text, ({ requestId }) => requestId),
    perRow(logColumns.index, int32, ({ rows }) => Int32Array.from(rows)),
    repeated(logColumns.objects, int32, ({ frame }) => (hasObjects ? frame.objects : 1)),
    {
      fields: [{ name: logColumns.position, type: int32 }],
      append({ rows, position }, [to]) {
        for (const row of rows) to!.repeat(position[row]! < 0 ? undefined : position[row]!, 1);
      },
    },
    perRow(logColumns.weight, float64, ({ weights }) => weights),
    repeated(logColumns.answered, timestamp, ({ answeredMs }) => instantOfMillis(answeredMs)),
    repeated(logColumns.plan, text, () => id),
    ...[...plan.request, ...(plan.objects?.fields ?? [])].map(({ place }) => {
      const column = plan.columns[place]!;
      return picked(column.name, column);
    }),
    ...plan.nodes.flatMap(nodeColumns),
    ...plan.response.outputs.map(({ name, column }) => picked(`output.${name}`, column)),
  ];
}

/** What a node has written, and what it says of its rows. */
function nodeColumns(node: PlanNode): readonly ServedColumns[] {
  const { alias, definition, writes } = node;
  const offline = definition.offline(node);
  const contract =
    offline.how === 'as-of' ? offline.contract : offline.how === 'refuse' ? offline.logged : undefined;
  const cachedMs = offline.how === 'as-of' ? offline.cachedMs : undefined;
  return [
    ...writes.map((column) => picked(column.name, column)),
    ...(definition.explain === undefined
      ? []
      : [explained(node, definition.explain.bind(definition)), defaulted(node)]),
    ...(contract === undefined ? [] : [repeated(logColumns.contract(alias), text, () => contract)]),
    // How long a cache might keep a row.
    ...(cachedMs === undefined ? [] : [repeated(logColumns.cachedMs(alias), float64, () => cachedMs)]),
    ...(offline.how === 'model'
      ? [
          repeated(logColumns.model(alias), text, ({ models }) => models.get(alias)?.name),
          repeated(logColumns.version(alias), text, ({ models }) => models.get(alias)?.version),
        ]
      : []),
  ];
}

/** Status and times of the rows of a fetch. */
function explained(node: PlanNode, explain: NonNullable<PlanNode['definition']['explain']>): ServedColumns {
  return {
    fields: [
      { name: logColumns.status(node.alias), type: text },
      { name: logColumns.eventTime(node.alias), type: timestamp },
      { name: logColumns.availableTime(node.alias), type: timestamp },
    ],
    append({ frame, rows, first }, [statuses, eventTimes, availableTimes]) {
      const { status: codes, eventTime, availableTime } = explain(node, frame);
      for (const row of node.scope === 'object' ? rows : first) {
        const isKnown = codes[row] === status.PRESENT || codes[row] === status.STALE;
        statuses!.repeat(statusNames[codes[row]!], 1);
        eventTimes!.repeat(isKnown ? eventTime?.[row] : undefined, 1);
        availableTimes!.repeat(isKnown ? availableTime?.[row] : undefined, 1);
      }
    },
  };
}

/** The features of a row for which a default stands in; null where there are none, as in most rows. */
function defaulted(node: PlanNode): ServedColumns {
  const names = node.writes.map(({ name }) => name.slice(node.alias.length + 1));
  return {
    fields: [{ name: logColumns.defaulted(node.alias), type: texts }],
    append({ frame, rows, first }, [to]) {
      const statuses = node.writes.map(({ place }) => frame.column(place).status);
      const cells = Array.from(node.scope === 'object' ? rows : first, (row) => {
        const found = names.filter((_, i) => statuses[i]?.[row] === status.DEFAULTED);
        return found.length === 0 ? null : found;
      });
      to!.append(columnOf(texts, cells));
    },
  };
}

/** A column of the frame. */
function picked(name: string, column: PlanColumn): ServedColumns {
  return {
    fields: [{ name, type: column.type }],
    append({ frame, rows, first }, [to]) {
      to!.append(frame.column(column.place), column.scope === 'object' ? rows : first);
    },
  };
}

/** Numbers of the rows that are kept. */
function perRow(name: string, type: ColumnType, of: (request: RequestRows) => Values): ServedColumns {
  return {
    fields: [{ name, type }],
    append(request, [to]) {
      to!.append({ type, rows: request.rows.length, values: of(request) });
    },
  };
}

/** What all rows of a request share. */
function repeated(
  name: string,
  type: ColumnType,
  of: (request: ServedRequest) => string | number | undefined,
): ServedColumns {
  return {
    fields: [{ name, type }],
    append(request, [to]) {
      to!.repeat(of(request), request.rows.length);
    },
  };
}

const text = parseType('string');
const texts = parseType('list<string>');
const int32 = parseType('int32');
const float64 = parseType('float64');
const timestamp = parseType('timestamp');
