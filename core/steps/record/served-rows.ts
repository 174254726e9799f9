import { columnBytes } from '../../data/column.js';
import type { Field } from '../../data/feature-rows.js';
import type { Frame } from '../../data/frame.js';
import { elementBytes } from '../../data/types.js';
import { orderOf } from '../../pipeline/order.js';
import type { Plan } from '../../pipeline/plan.js';
import type { ServedSpec } from '../../pipeline/schema.js';
import type { LogItem, LogRows, LogStream } from '../../ports/served-log.js';
import { allObjects, keptObjects } from './sampling.js';
import { servedColumns, type RequestRows, type ServedColumns, type ServedRequest } from './served-columns.js';
import { Batches, RowsOfFile } from './rows-of-file.js';

/** About what a request has once, however many rows: its id. */
const requestBytes = 100;

/** What a pipeline writes to its log. */
export class ServedRows implements LogStream<ServedRequest> {
  readonly kind = 'served';
  readonly name: string;
  readonly fields: readonly Field[];
  readonly #plan: Plan;
  readonly #columns: readonly ServedColumns[];
  readonly #objects: ServedSpec['objects'];
  readonly #share: number;
  readonly #batches = new Batches();
  /** What a row takes, without its texts and lists themselves. */
  readonly #rowBytes: number;

  constructor(plan: Plan, { share, objects }: ServedSpec) {
    this.name = plan.name;
    this.#plan = plan;
    this.#share = share;
    this.#objects = objects;
    this.#columns = servedColumns(plan);
    this.fields = this.#columns.flatMap(({ fields }) => fields);
    this.#rowBytes = this.fields.reduce(
      (sum, { type }) => sum + (elementBytes[type.element] || 8) * type.width,
      0,
    );
  }

  /** A request with what the log has to know of it. */
  item(request: ServedRequest): LogItem<ServedRequest> {
    const { frame } = request;
    const rows = this.#count(frame);
    let bytes = requestBytes + rows * this.#rowBytes;
    for (const column of frame.columns) {
      if (column === undefined || (!Array.isArray(column.values) && column.offsets === undefined)) continue;
      // The text of a request is there once, whatever its rows; a list is copied for each.
      const copies = column.offsets === undefined ? Math.min(rows, column.rows) : rows;
      bytes += (columnBytes(column) * copies) / Math.max(1, column.rows);
    }
    return { item: request, bytes: Math.ceil(bytes), rows };
  }

  begin(): LogRows<ServedRequest> {
    const batches = this.#batches;
    return new RowsOfFile(this.#columns, {
      batches,
      rowsOf: (request: ServedRequest) => this.#rows(request),
    });
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
    if (this.#plan.objects === undefined) {
      const one = { rows: new Uint32Array(1), first: new Uint32Array(1), position: new Int32Array(1) };
      return { ...request, ...one, weights: Float64Array.of(1 / this.#share) };
    }
    const order = orderOf(this.#plan, frame);
    const position = new Int32Array(frame.objects).fill(-1);
    for (let place = 0; place < order.length; place++) position[order[place]!] = place;
    const kept =
      this.#objects === undefined
        ? allObjects(frame.objects)
        : keptObjects(frame.objects, order, { ...this.#objects, requestId });
    const { rows, weights } = kept;
    for (let i = 0; i < weights.length; i++) weights[i] = weights[i]! / this.#share;
    return { ...request, rows, weights, position, first: new Uint32Array(rows.length) };
  }
}
