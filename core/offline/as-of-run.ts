import { setMaxListeners } from 'node:events';
import type { PipelineSteps, PlanStep, SlotOverride } from '../composition/step-factory.js';
import { columnOf, type Column } from '../data/column.js';
import type { FeatureRows, Keys } from '../data/feature-rows.js';
import type { Frame } from '../data/frame.js';
import { status } from '../data/status.js';
import { Call, type CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { untilAborted } from '../kernel/until-aborted.js';
import { createExecutor, type RunnableNode } from '../pipeline/execute.js';
import type { RunNode } from '../pipeline/layers.js';
import type { Plan, PlanNode } from '../pipeline/plan.js';
import { Run } from '../pipeline/run.js';
import type { FailedReads, Offline } from '../pipeline/step-definition.js';
import type { FeatureSource } from '../ports/feature-source.js';
import { cache, type Cache } from '../ports/cache.js';
import type { AsOfReader, OfflineStore } from '../ports/offline-store.js';
import type { RowBatch } from '../ports/warehouse.js';
import { knowledgeTime } from '../views/refresh.js';
import type { FeatureView } from '../views/view.js';
import { blocksOf } from './blocks.js';
import { computedNodes } from './computed-nodes.js';
import { openViews } from './open-views.js';
import {
  checkWhole,
  contractOf,
  flagsOf,
  isComputable,
  isLogged,
  loggedCells,
  type FromLog,
} from './logged-cells.js';
import { frameOf } from './spine-frame.js';
import type { BoundSpine } from './spine.js';

/** Some rows of a spine, run through the plan: one request with one object each, or one per group. */
export interface AsOfBlock {
  readonly frame: Frame;
  /** Columns of the spine that are not fields of the pipeline. */
  readonly labels: ReadonlyMap<string, Column>;
  /** Where failed reads are allowed: by alias, for each row 1 where the step could not read it. Only steps that failed for any row. */
  readonly failed: ReadonlyMap<string, Uint8Array>;
  /** Where the spine is a served log: by alias, for each row 1 where the values are those of the log. */
  readonly logged: FromLog;
  /** The rows of the spine as they are, with the columns of the log that they came with. */
  readonly rows: RowBatch;
}

/** What a run over historical requests is doing. */
export type AsOfPhase = 'reading the spine' | 'preparing views' | 'joining' | 'writing the file';

export interface AsOfOptions {
  readonly plan: Plan;
  readonly spine: BoundSpine;
  readonly store: OfflineStore;
  readonly createSteps: (plan: Plan, override: SlotOverride) => PipelineSteps;
  /** Whether models predict too; otherwise they, and the nodes that need their outputs, are left out. */
  readonly predict: boolean;
  /** Whether a read that fails ends the run, or is marked in its rows. */
  readonly failedReads: FailedReads;
  /** Called when a phase begins. */
  readonly onPhase?: (phase: AsOfPhase) => void;
}

/**
 * The second executor: the same plan, set by set. A fetch of a view becomes an as-of join at each row's request time; every other node runs
 * the step that answers online.
 *
 * @param use Gets the blocks in the order of the spine; after the last one the run fails where there was none.
 */
export async function asOfRun<T>(
  { plan, spine, store, createSteps, predict, failedReads, onPhase }: AsOfOptions,
  use: (blocks: AsyncIterable<AsOfBlock>, fields: RowBatch['fields']) => Promise<T>,
  context: CallContext,
): Promise<T> {
  // Every query and join of the run listens to this signal.
  setMaxListeners(0, context.signal);
  const nodes = computedNodes(plan, { predict }).map(
    (node) => node.definition.inHistory?.(node, failedReads) ?? node,
  );
  const { served } = spine;
  const fromLog = nodes.filter(
    (node) => served !== undefined && isLogged(node) && !(served.compute && isComputable(node)),
  );
  const computed = nodes.filter((node) => !fromLog.includes(node) || isComputable(node));
  const views = computed.flatMap((node) => viewOf(offlineOf(node, { plan, spine })));
  onPhase?.('reading the spine');
  const { fields, batches } = await store.spine(spine.spine, context);
  onPhase?.('preparing views');
  // Keys: hashes of views.
  const distinct = [...new Map(views.map((view) => [view.hash, view])).values()];
  await using reader = await openViews(store, distinct, { failedReads, context });
  onPhase?.('joining');
  // Keys: frames.
  const blocks: LoggedBlocks = new WeakMap();
  const { steps } = createSteps({ ...plan, nodes: computed }, (node) => slotsOf(node, reader));
  const execute = createExecutor(
    nodes.map((node) => {
      const runnable = steps.find((step) => step.node === node);
      const inner = runnable === undefined ? undefined : asOfNode(runnable);
      if (!fromLog.includes(node)) return inner!;
      // As the plan has it: in history it has other policies.
      const contract = contractOf(plan.nodes.find(({ id }) => id === node.id)!);
      return withLog(node, inner, { blocks, contract });
    }),
  );
  const failed = failedReads === 'mark' ? (frame: Frame) => failedRows(nodes, frame) : () => noFailures;
  // Labels are cast to what they declare.
  const declared = fields.map(({ name, type }) => ({ name, type: spine.labelTypes.get(name) ?? type }));
  return await use(runBlocks({ plan, spine, nodes, batches, execute, failed, blocks, context }), declared);
}

/** @throws {VivaceError} `FAILED_PRECONDITION` where a node cannot run as of a past time. */
function offlineOf(node: PlanNode, { plan, spine }: { plan: Plan; spine: BoundSpine }): Offline {
  const offline = node.definition.offline(node);
  if (offline.how === 'refuse') throw new VivaceError('FAILED_PRECONDITION', offline.because);
  const isAlone = node.over === 'request' && node.scope === 'object' && !spine.isGrouped;
  if (offline.how !== 'skip' && isAlone) throw ungrouped(node, plan);
  return offline;
}

function ungrouped(node: PlanNode, plan: Plan): VivaceError {
  const path = `pipelines.${plan.name}.steps[${node.step}]`;
  const { how } = node.definition.offline(node);
  const otherwise =
    how === 'model' ? 'or do not let its models predict' : 'or build it from a pipeline without this step';
  return new VivaceError(
    'FAILED_PRECONDITION',
    `${path}: ${node.verb} "${node.alias}" looks at all objects of a request together (\`over: request\`), but in a training set every row is a request with ` +
      `one object, so its values would differ from those online: say with \`group\` of the spine which rows are one request, ${otherwise}`,
    { path },
  );
}

function viewOf(offline: Offline): FeatureView[] {
  return offline.how === 'as-of' ? [offline.view] : [];
}

/** Caches are left out, or keep nothing where a step cannot do without, and a view is read as of each request's time. */
export function slotsOf(node: PlanNode, reader: AsOfReader): Readonly<Record<string, unknown>> {
  const used = Object.entries(node.definition.parts?.(node) ?? {});
  const caches = used
    .filter(([, part]) => part?.port === cache)
    .map(([slot, part]) => [slot, part?.required === true ? uncached : undefined] as const);
  const offline = node.definition.offline(node);
  return {
    ...Object.fromEntries(caches),
    ...(offline.how === 'as-of' ? { [offline.slot]: asOfSource(offline.view, reader) } : {}),
  };
}

/** A cache that keeps nothing. */
const uncached: Cache = {
  async through(keys, load, _, context) {
    const all = keys.map((_key, index) => index);
    return { values: all.length === 0 ? [] : await load(all, context), hits: 0 };
  },
};

/** A view as of the time of each row, at which its store could know as much as its `refresh` says. */
export function asOfSource(view: FeatureView, reader: AsOfReader): FeatureSource {
  return {
    async read(keys: Keys, out: FeatureRows, context: CallContext) {
      const asked = typeof keys.time === 'number' ? new Float64Array(keys.rows).fill(keys.time) : keys.time;
      const { refresh } = view;
      const time = refresh === undefined ? asked : asked.map((each) => knowledgeTime(refresh, each));
      const columns = view.entity.map((key) => keys.column(key.name));
      adopt(await reader.read(view, { rows: keys.rows, columns, time }, context), out);
    },
  };
}

/** Takes over the columns that a reader made, without a copy where possible. */
function adopt(rows: FeatureRows, out: FeatureRows): void {
  out.status.set(rows.status);
  out.eventTime.set(rows.eventTime);
  out.availableTime.set(rows.availableTime);
  out.columns.forEach((writer, i) => writer.adopt(rows.columns[i]!));
}

function asOfNode({ node, step }: PlanStep): RunnableNode {
  return {
    node,
    run: node.definition.offline(node).how === 'skip' ? writesNull(node) : (run) => step.run(run),
  };
}

/** What is taken from the log in one block. */
interface LoggedBlock {
  readonly rows: RowBatch;
  /** By alias. */
  readonly taken: Map<string, Uint8Array>;
}

type LoggedBlocks = WeakMap<Frame, LoggedBlock>;

/** A node whose rows come from the log where it has them, and are computed where it has not. */
function withLog(
  node: PlanNode,
  inner: RunnableNode | undefined,
  { blocks, contract }: { blocks: LoggedBlocks; contract: string | undefined },
): RunnableNode {
  return {
    node,
    run(run) {
      const { frame } = run;
      const { rows, taken } = blocks.get(frame)!;
      const logged = loggedCells(node, frame, { block: rows, contract });
      const total = frame.rows(node.scope);
      taken.set(node.alias, flagsOf(logged.rows, total));
      const lay = (): void => node.definition.fromLog!(node, frame, logged);
      if (inner === undefined || logged.rows.length === total) return lay();
      const computing = inner.run(run);
      if (computing !== undefined)
        return computing.then(() => (logged.rows.length === 0 ? undefined : lay()));
      if (logged.rows.length > 0) lay();
    },
  };
}

function writesNull(node: PlanNode): RunNode {
  return ({ frame }) => {
    const rows = frame.rows(node.scope);
    for (const { place, type } of node.writes)
      frame.write(place, columnOf(type, new Array<null>(rows).fill(null)));
  };
}

// Keys: aliases of steps.
const noFailures: AsOfBlock['failed'] = new Map();

/** Which rows each node could not read. */
function failedRows(nodes: readonly PlanNode[], frame: Frame): AsOfBlock['failed'] {
  // Keys: aliases of steps.
  return new Map(
    nodes.flatMap((node) => {
      if (node.definition.inHistory === undefined) return [];
      const rows = node.definition.explain?.(node, frame)?.status;
      return rows?.includes(status.FAILED) === true
        ? [[node.alias, rows.map((code) => (code === status.FAILED ? 1 : 0))] as const]
        : [];
    }),
  );
}

async function* runBlocks({
  plan,
  spine,
  nodes,
  batches,
  execute,
  failed,
  blocks,
  context,
}: {
  plan: Plan;
  spine: BoundSpine;
  nodes: readonly PlanNode[];
  blocks: LoggedBlocks;
  batches: AsyncIterable<RowBatch>;
  execute: RunNode;
  failed: (frame: Frame) => AsOfBlock['failed'];
  context: CallContext;
}): AsyncGenerator<AsOfBlock> {
  const call = new Call({ requestId: 'training-set', ...context, signal: context.signal }).derive({
    bypassBreaker: true,
  });
  let rows = 0;
  for await (const block of blocksOf(batches)) {
    rows += block.rows;
    const { frame, labels } = frameOf(block, plan, spine);
    // Keys: aliases of steps.
    const taken = new Map<string, Uint8Array>();
    if (spine.served !== undefined) {
      if (spine.isGrouped) checkWhole(nodes, frame, block);
      blocks.set(frame, { rows: block, taken });
    }
    const running = execute(new Run(call, () => frame).decode());
    // A step that does not heed the signal is abandoned.
    if (running !== undefined) await untilAborted(running, context.signal);
    yield { frame, labels, failed: failed(frame), logged: taken, rows: block };
  }
  if (rows === 0) throw withoutRows(spine);
}

function withoutRows({ spine: { sample, table } }: BoundSpine): VivaceError {
  const key = sample !== undefined ? 'sample' : table === undefined ? 'query' : 'table';
  const advice =
    sample === undefined
      ? 'look at `where`, `from` and `to`'
      : 'keep more of them, with a smaller `sample.of`';
  return new VivaceError('INVALID_ARGUMENT', `spine: no row is left that is a request: ${advice}`, {
    path: `spine.${key}`,
  });
}
