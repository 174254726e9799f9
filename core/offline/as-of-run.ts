import { setMaxListeners } from 'node:events';
import type { PipelineSteps, SourceOverride } from '../composition/step-factory.js';
import { columnOf, concat, isValid, type Column } from '../data/column.js';
import type { FeatureRows, Keys } from '../data/feature-rows.js';
import { Frame } from '../data/frame.js';
import { VivaceError } from '../kernel/errors.js';
import { createExecutor, type RunnableNode } from '../pipeline/execute.js';
import type { CustomNode, FetchNode, Plan, PlanNode } from '../pipeline/plan.js';
import type { NodeStep, RunContext } from '../pipeline/run-context.js';
import type { FeatureSource } from '../ports/feature-source.js';
import type { AsOfReader, OfflineStore } from '../ports/offline-store.js';
import type { CallContext } from '../kernel/call.js';
import type { RowBatch } from '../ports/warehouse.js';
import { castColumn } from './cast-column.js';
import type { BoundSpine } from './spine.js';

/** Rows run together: enough for a join to pay off, few enough for bounded memory. */
const blockRows = 100_000;

/** Some rows of a spine, run through the plan: one request with one object each. */
export interface AsOfBlock {
  readonly frame: Frame;
  /** Columns of the spine that are no fields of the pipeline. */
  readonly labels: ReadonlyMap<string, Column>;
}

export interface AsOfOptions {
  readonly plan: Plan;
  readonly spine: BoundSpine;
  readonly store: OfflineStore;
  readonly createSteps: (plan: Plan, override: SourceOverride) => PipelineSteps;
  /** Whether models predict too; otherwise they, and what comes after them, are left out. */
  readonly predict: boolean;
}

/**
 * The second executor: the same plan, set by set. A fetch of a view becomes an as-of join at each row's request time, everything else
 * is the step that answers online.
 *
 * @param use Gets the blocks in the order of the spine.
 */
export async function asOfRun<T>(
  { plan, spine, store, createSteps, predict }: AsOfOptions,
  use: (blocks: AsyncIterable<AsOfBlock>, fields: RowBatch['fields']) => Promise<T>,
  context: CallContext,
): Promise<T> {
  // Every query and join of the run listens to it.
  setMaxListeners(0, context.signal);
  const nodes = plan.nodes.filter((node) => predict || !dependsOnModel(plan, node));
  nodes.forEach(checkOffline);
  const views = nodes.flatMap((node) =>
    node.verb === 'fetch' && node.view !== undefined ? [node.view] : [],
  );
  const { fields, batches } = await store.spine(spine.spine, context);
  return store.asOf(
    [...new Map(views.map((view) => [view.hash, view])).values()],
    (reader) => {
      const steps = createSteps({ ...plan, nodes: nodes.map(withoutCache), recorded: false }, (node) =>
        sourceOf(node, reader),
      );
      const execute = createExecutor(steps.nodes.map(asOfNode));
      return use(runBlocks({ plan, spine, batches, execute, context }), fields);
    },
    context,
  );
}

/** Whether a node is a model or needs one's outputs. */
export function dependsOnModel(plan: Plan, node: PlanNode): boolean {
  return (
    node.verb === 'predict' ||
    node.after.some((id) =>
      dependsOnModel(
        plan,
        plan.nodes.find((other) => other.id === id)!,
      ),
    )
  );
}

function withoutCache(node: PlanNode): PlanNode {
  if (!('cache' in node) || node.cache === undefined) return node;
  const { cache, ...rest } = node;
  void cache;
  return rest;
}

/** @throws {VivaceError} `FAILED_PRECONDITION` where a node cannot run as of a past time. */
function checkOffline(node: PlanNode): void {
  if (node.verb === 'fetch' && node.offline === 'log-only') {
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `the source of "${node.alias}" answers online only: its history is in served logs alone`,
    );
  }
  if (node.verb === 'fetch' && node.offline === 'as-of' && node.view === undefined) {
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `the source of "${node.alias}" is no view, so nobody can read it as of a past time`,
    );
  }
  if (node.verb === 'step' && node.offline === 'refuse') {
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `step "${node.alias}" refuses to run in a training set: leave it out of the pipeline's offline half`,
    );
  }
}

function sourceOf(node: FetchNode, reader: AsOfReader): FeatureSource | undefined {
  const { view } = node;
  if (view === undefined) return undefined;
  return {
    async read(keys: Keys, out: FeatureRows, context: CallContext) {
      const time = typeof keys.time === 'number' ? new Float64Array(keys.rows).fill(keys.time) : keys.time;
      const columns = node.keys.map((key) => keys.column(key.name));
      adopt(await reader.read(view, { rows: keys.rows, columns, time }, context), out);
    },
  };
}

/** Takes over what a reader made, without a copy where a column can change hands. */
function adopt(rows: FeatureRows, out: FeatureRows): void {
  out.status.set(rows.status);
  out.eventTime.set(rows.eventTime);
  out.availableTime.set(rows.availableTime);
  out.columns.forEach((writer, i) => writer.adopt(rows.columns[i]!));
}

function asOfNode({ node, step }: RunnableNode): RunnableNode {
  return { node, step: node.verb === 'step' && node.offline !== 'same' ? standIn(node) : step };
}

function standIn(node: CustomNode): NodeStep {
  return {
    run({ frame }) {
      const rows = frame.rows(node.scope);
      for (const { slot, type } of node.writes)
        frame.write(slot, columnOf(type, new Array<null>(rows).fill(null)));
    },
  };
}

async function* runBlocks({
  plan,
  spine,
  batches,
  execute,
  context,
}: {
  plan: Plan;
  spine: BoundSpine;
  batches: AsyncIterable<RowBatch>;
  execute: (run: RunContext) => void | Promise<void>;
  context: CallContext;
}): AsyncGenerator<AsOfBlock> {
  for await (const block of regroup(batches)) {
    const { frame, labels } = frameOf(block, plan, spine);
    await execute({
      frame,
      degraded: [],
      models: new Map(),
      durations: undefined,
      signal: context.signal,
      fetchSignal: () => context.signal,
      ...(context.trace === undefined ? {} : { trace: context.trace }),
    });
    yield { frame, labels };
  }
}

async function* regroup(batches: AsyncIterable<RowBatch>): AsyncGenerator<RowBatch> {
  let held: RowBatch[] = [];
  let rows = 0;
  for await (const batch of batches) {
    held.push(batch);
    rows += batch.rows;
    if (rows < blockRows) continue;
    yield joined(held, rows);
    held = [];
    rows = 0;
  }
  if (rows > 0) yield joined(held, rows);
}

function joined(batches: readonly RowBatch[], rows: number): RowBatch {
  const { fields } = batches[0]!;
  return { fields, rows, columns: fields.map((_, i) => concat(batches.map((batch) => batch.columns[i]!))) };
}

function hasNull(column: Column): boolean {
  for (let row = 0; column.valid !== undefined && row < column.rows; row++)
    if (!isValid(column, row)) return true;
  return false;
}

function withoutValue(name: string): VivaceError {
  return new VivaceError(
    'INVALID_ARGUMENT',
    `spine: rows without "${name}", which no request lacks: leave them out with \`where\` or make the field optional`,
    {
      path: `spine.${name}`,
    },
  );
}

function frameOf(block: RowBatch, plan: Plan, spine: BoundSpine): AsOfBlock {
  const column = (name: string): Column =>
    block.columns[block.fields.findIndex((field) => field.name === name)]!;
  const time = column('time').values as Float64Array;
  const frame = new Frame({
    time,
    offsets: Uint32Array.from({ length: block.rows + 1 }, (_, i) => (plan.objects === undefined ? 0 : i)),
    columns: plan.columns.length,
    fetches: plan.fetches,
  });
  for (const [name, field] of spine.fields) {
    const cast = castColumn(column(name), field.type, name);
    if (!field.optional && hasNull(cast)) throw withoutValue(name);
    frame.write(field.slot, cast);
  }
  frame.write(plan.timeColumn.slot, { type: plan.timeColumn.type, rows: block.rows, values: time });
  return { frame, labels: new Map(spine.labels.map((name) => [name, column(name)])) };
}
