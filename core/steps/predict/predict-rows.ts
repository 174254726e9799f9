import { inject, injectable, optional } from 'inversify';
import { gather } from '../../data/column-appender.js';
import { columnOf, type Cell, type Column } from '../../data/column.js';
import type { Frame, KeptRows } from '../../data/frame.js';
import { textsOf, type Tensor } from '../../data/tensor.js';
import type { ColumnType } from '../../data/types.js';
import { columnAt, keptBy, scatter } from '../../pipeline/inputs.js';
import type { Plan } from '../../pipeline/plan.js';
import type { NodeRun } from '../../pipeline/run.js';
import { stepNode, stepPlan, stepSlot, type NodeStep } from '../../pipeline/step-definition.js';
import type { Cache } from '../../ports/cache.js';
import type { Prediction, Predictor } from '../../ports/predictor.js';
import { encodeRowKeys } from '../../wire/row-key.js';
import { CachePredictions } from '../cache/cache-predictions.js';
import { checkOutputs } from '../check-outputs.js';
import { pipelineCounters, type PipelineCounters } from '../counters.js';
import type { PredictNode } from './node.js';
import { packTensor } from './pack-tensor.js';

/** Fills a model's tensors from columns, calls it once, and makes its outputs columns. */
@injectable()
export class PredictRows implements NodeStep {
  readonly #node: PredictNode;
  readonly #predictor: Pick<CachePredictions, 'predict'>;
  /** Steps that tell their rows apart by different columns may share a cache and a model. */
  readonly #cachePrefix: string;

  constructor(
    @inject(stepNode) node: PredictNode,
    @inject(stepSlot('predictor')) predictor: Predictor,
    @inject(stepSlot('cache')) @optional() cache: Cache | undefined,
    @inject(stepPlan) plan: Plan,
    @inject(pipelineCounters) counters: PipelineCounters,
  ) {
    this.#node = node;
    this.#predictor =
      cache === undefined || node.cache === undefined
        ? predictor
        : new CachePredictions(node, {
            predictor,
            cache,
            ttlMs: node.cache.ttlMs,
            counts: counters.cache(node.alias),
          });
    this.#cachePrefix = `${plan.name}/${node.alias}`;
  }

  async run(run: NodeRun): Promise<void> {
    const { frame } = run;
    const node = this.#node;
    const kept = keptBy(node, frame);
    const rows = kept?.rows;
    const count = rows?.length ?? frame.rows(node.scope);
    if (count === 0) return this.#writeNothing(frame);
    const inputs = node.inputs.map((input) =>
      packTensor(input, { frame, scope: node.scope, count, ...(rows === undefined ? {} : { rows }) }),
    );
    const prediction = await this.#predictor.predict(
      inputs,
      run.call.derive({
        rows: count,
        ...(node.over === 'request' ? { offsets: offsetsOf(frame, node, kept) } : {}),
        ...this.#cacheKeys(frame, rows, count),
      }),
    );
    run.models.set(node.alias, prediction.model);
    this.#write(frame, prediction, { count, rows });
  }

  /** The columns that tell rows apart in a cache, where the pipeline names them. */
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
      frame.write(column.place, rows === undefined ? values : scatter(values, rows, frame.objects));
    });
  }

  #writeNothing(frame: Frame): void {
    const rows = frame.rows(this.#node.scope);
    for (const { place, type } of this.#node.writes) {
      frame.write(place, scatter(columnOf(type, []), new Uint32Array(0), rows));
    }
  }
}

/** Where each request's rows begin among the predicted rows. */
function offsetsOf(frame: Frame, node: PredictNode, kept: KeptRows | undefined): Uint32Array {
  if (node.scope === 'request') return Uint32Array.from({ length: frame.requests + 1 }, (_, i) => i);
  return kept?.offsets ?? frame.offsets;
}

function outputColumn(output: Tensor, type: ColumnType, count: number): Column {
  if (type.kind === 'list') {
    const width = output.data.length / count;
    return columnOf(
      type,
      Array.from({ length: count }, (_, row) =>
        Array.from(textsOf(output.data).slice(row * width, (row + 1) * width) as Cell[]),
      ),
    );
  }
  return { type, rows: count, values: textsOf(output.data) };
}
