import { inject, injectable } from 'inversify';
import { cellAt, columnOf, createValues, gather, type Cell, type Column } from '../../data/column.js';
import { createBitmap, setBit } from '../../data/bitmap.js';
import type { Frame } from '../../data/frame.js';
import { status } from '../../data/status.js';
import type { Tensor } from '../../data/tensor.js';
import type { ColumnType } from '../../data/types.js';
import { untilAborted } from '../../kernel/until-aborted.js';
import { columnAt } from '../../pipeline/inputs.js';
import type { Plan, PredictNode } from '../../pipeline/plan.js';
import type { NodeStep, RunContext } from '../../pipeline/run-context.js';
import type { Prediction } from '../../ports/predictor.js';
import { encodeRowKeys } from '../../wire/row-key.js';
import type { CachePredictions } from '../cache/cache-predictions.js';
import { checkOutputs } from './check-outputs.js';
import { packTensor } from './pack-tensor.js';
import { planToken, tokens } from '../tokens.js';

/** Fills a model's tensors from columns, calls it once, and makes its outputs columns. */
@injectable()
export class Predict implements NodeStep {
  readonly #node: PredictNode;
  readonly #predictor: Pick<CachePredictions, 'predict'>;
  /** Steps that tell their rows apart by different columns may share a cache and a model. */
  readonly #cachePrefix: string;

  constructor(
    @inject(tokens.predictNode) node: PredictNode,
    @inject(tokens.predictor) predictor: Pick<CachePredictions, 'predict'>,
    @inject(planToken) plan: Plan,
  ) {
    this.#node = node;
    this.#predictor = predictor;
    this.#cachePrefix = `${plan.name}/${node.alias}`;
  }

  async run(context: RunContext): Promise<void> {
    const { frame } = context;
    const node = this.#node;
    const rows = node.scope === 'object' ? keptRows(frame) : undefined;
    const count = rows?.length ?? frame.rows(node.scope);
    if (count === 0) return this.#writeNothing(frame);
    const inputs = node.inputs.map((input) =>
      packTensor(input, { frame, scope: node.scope, count, ...(rows === undefined ? {} : { rows }) }),
    );
    const offsets = node.over === 'request' ? offsetsOf(frame, node, rows) : undefined;
    const prediction = await untilAborted(
      this.#predictor.predict(inputs, {
        signal: context.signal,
        ...(context.trace === undefined ? {} : { trace: context.trace }),
        rows: count,
        ...(offsets === undefined ? {} : { offsets }),
        ...this.#cacheKeys(frame, rows, count),
      }),
      context.signal,
    );
    context.models.set(node.alias, prediction.model);
    this.#write(frame, prediction, { count, rows });
  }

  /** What tells rows apart in a cache, where the pipeline says it. */
  #cacheKeys(frame: Frame, rows: Uint32Array | undefined, count: number): { keys?: string[] } {
    const { cache, scope } = this.#node;
    if (cache?.by === undefined) return {};
    const columns = cache.by.map((column) => columnAt(frame, column, scope));
    const kept = rows === undefined ? columns : columns.map((column) => gather(column, rows));
    return { keys: encodeRowKeys(this.#cachePrefix, kept, count) };
  }

  #write(
    frame: Frame,
    { outputs }: Prediction,
    { count, rows }: { count: number; rows: Uint32Array | undefined },
  ): void {
    const node = this.#node;
    checkOutputs(node, outputs, count);
    node.writes.forEach((column, i) => {
      const values = outputColumn(outputs[i]!, column.type, count);
      frame.write(column.slot, rows === undefined ? values : scatter(values, rows, frame.objects));
    });
  }

  #writeNothing(frame: Frame): void {
    const rows = frame.rows(this.#node.scope);
    for (const { slot, type } of this.#node.writes) {
      frame.write(slot, scatter(columnOf(type, []), new Uint32Array(0), rows));
    }
  }
}

function keptRows(frame: Frame): Uint32Array | undefined {
  const { skipped } = frame;
  if (skipped === undefined) return undefined;
  const rows: number[] = [];
  for (let row = 0; row < skipped.length; row++) if (skipped[row] === 0) rows.push(row);
  return Uint32Array.from(rows);
}

/** Where each request's rows begin among those that are predicted. */
function offsetsOf(frame: Frame, node: PredictNode, rows: Uint32Array | undefined): Uint32Array {
  if (node.scope === 'request') return Uint32Array.from({ length: frame.requests + 1 }, (_, i) => i);
  if (rows === undefined) return frame.offsets;
  const offsets = new Uint32Array(frame.requests + 1);
  for (const row of rows) offsets[frame.requestOf[row]! + 1] = offsets[frame.requestOf[row]! + 1]! + 1;
  for (let i = 0; i < frame.requests; i++) offsets[i + 1] = offsets[i + 1]! + offsets[i]!;
  return offsets;
}

function outputColumn(output: Tensor, type: ColumnType, count: number): Column {
  if (type.kind === 'list') {
    const width = output.data.length / count;
    return columnOf(
      type,
      Array.from({ length: count }, (_, row) =>
        Array.from(textsOf(output).slice(row * width, (row + 1) * width) as Cell[]),
      ),
    );
  }
  return { type, rows: count, values: textsOf(output) };
}

/** A tensor's values as a column holds them: byte strings are texts. */
function textsOf({ data }: Tensor): Column['values'] {
  if (!Array.isArray(data) || data.every((value) => typeof value === 'string')) return data;
  return data.map((value) => (typeof value === 'string' ? value : Buffer.from(value).toString()));
}

/** Predicted rows to their places among all rows; the others are null and SKIPPED. */
function scatter(column: Column, rows: Uint32Array, total: number): Column & { status: Uint8Array } {
  const { type } = column;
  const statuses = new Uint8Array(total).fill(status.SKIPPED);
  for (const row of rows) statuses[row] = status.PRESENT;
  if (type.kind === 'list') {
    const cells = new Array<Cell>(total).fill(null);
    rows.forEach((row, i) => (cells[row] = cellAt(column, i)));
    return { ...columnOf(type, cells), status: statuses };
  }
  const valid = createBitmap(total, false);
  const values = createValues(type.element, total * type.width);
  rows.forEach((row, i) => {
    setBit(valid, row);
    for (let k = 0; k < type.width; k++)
      values[row * type.width + k] = column.values[i * type.width + k] as never;
  });
  return { type, rows: total, values, valid, status: statuses };
}
