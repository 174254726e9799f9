import type { PlanStep, PipelineSteps, SlotOverride } from '../composition/step-factory.js';
import { gather } from '../data/column-appender.js';
import type { Column } from '../data/column.js';
import { Frame, type FrameColumn } from '../data/frame.js';
import { Call, type CallContext } from '../kernel/call.js';
import { untilAborted } from '../kernel/until-aborted.js';
import type { Plan, PlanNode } from '../pipeline/plan.js';
import { Run } from '../pipeline/run.js';
import type { FeatureSource } from '../ports/feature-source.js';
import type { AsOfReader } from '../ports/offline-store.js';
import type { RowBatch } from '../ports/warehouse.js';
import type { FeatureView } from '../views/view.js';
import { asOfSource, slotsOf } from './as-of-run.js';
import { columnOfBatch } from './blocks.js';
import { readsOf } from './served-blocks.js';

/** A node whose rows can be computed as of a past time. */
export interface ComputedNode {
  readonly node: PlanNode;
  readonly view: FeatureView;
}

/** What a node gives for some rows of a log. */
export interface RecomputedRows {
  readonly status: Uint8Array;
  /** Microseconds; absent for a static view. */
  readonly eventTime?: Float64Array;
  readonly availableTime?: Float64Array;
  /** One per column that the node writes. */
  readonly columns: readonly FrameColumn[];
}

export interface RecomputeOptions {
  readonly plan: Plan;
  readonly nodes: readonly ComputedNode[];
  readonly reader: AsOfReader;
  readonly createSteps: (plan: Plan, override: SlotOverride) => PipelineSteps;
}

/**
 * Runs the fetches of a plan once more for rows of a log, each by itself: its keys are those that it was served with, whatever the nodes before it give
 * today. So a difference is the fetch's own.
 */
export class Recomputation {
  readonly #plan: Plan;
  readonly #served: readonly PlanStep[];
  readonly #known: readonly PlanStep[];
  readonly #call: Call;
  #error: { readonly cause: unknown } | undefined;

  constructor({ plan, nodes, reader, createSteps }: RecomputeOptions, context: CallContext) {
    this.#plan = plan;
    this.#call = new Call({ requestId: 'skew', ...context, signal: context.signal }).derive({
      bypassBreaker: true,
    });
    const steps = (sourceOf: (view: FeatureView) => FeatureSource): readonly PlanStep[] => {
      const compared = nodes.map(({ node }) => node.definition.inHistory?.(node, 'compare') ?? node);
      return createSteps({ ...plan, nodes: compared }, (node) => {
        const offline = node.definition.offline(node);
        if (offline.how !== 'as-of') return slotsOf(node, reader);
        return { ...slotsOf(node, reader), [offline.slot]: this.#heeded(sourceOf(offline.view)) };
      }).steps;
    };
    this.#served = steps((view) => asOfSource(view, reader));
    this.#known = steps((view) => {
      const { refresh: _, ...prompt } = view;
      return asOfSource(prompt, reader);
    });
  }

  /**
   * The rows of a node as they should have been served at some times.
   *
   * @param rows Rows of the block, one for each row of the node.
   * @param times Microseconds, one for each of `rows`.
   * @throws What kept the rows from being read.
   */
  served(id: number, block: RowBatch, rows: Uint32Array, times: Float64Array): Promise<RecomputedRows> {
    return this.#run(this.#served, id, { block, rows, times });
  }

  /** The same as of some times, whatever the store of the view could know by then. */
  known(id: number, block: RowBatch, rows: Uint32Array, times: Float64Array): Promise<RecomputedRows> {
    return this.#run(this.#known, id, { block, rows, times });
  }

  async #run(
    steps: readonly PlanStep[],
    id: number,
    of: { readonly block: RowBatch; readonly rows: Uint32Array; readonly times: Float64Array },
  ): Promise<RecomputedRows> {
    const { node, step } = steps.find((each) => each.node.id === id)!;
    const frame = this.#frame(node, of);
    const running = step.run(new Run(this.#call, () => frame).decode());
    if (running !== undefined) await untilAborted(Promise.resolve(running), this.#call.signal);
    if (this.#error !== undefined) throw this.#error.cause;
    return {
      ...node.definition.explain!(node, frame),
      columns: node.writes.map(({ place }) => frame.column(place)),
    };
  }

  /** Each row is a request with one object. */
  #frame(
    node: PlanNode,
    { block, rows, times }: { block: RowBatch; rows: Uint32Array; times: Float64Array },
  ): Frame {
    const { objects, columns, fetches, skips, masks, elements, timeColumn } = this.#plan;
    const offsets = Uint32Array.from({ length: rows.length + 1 }, (_, row) =>
      objects === undefined ? 0 : row,
    );
    const shape = { columns: columns.length, fetches, skips, masks, elements };
    const frame = new Frame({ time: times, offsets, ...shape });
    const logged = (name: string): Column => gather(columnOfBatch(block, name)!, rows);
    frame.write(timeColumn.place, logged('time'));
    for (const { place, name } of readsOf(this.#plan, node))
      if (frame.columns[place] === undefined) frame.write(place, logged(name));
    return frame;
  }

  /** A step makes an outage of what its source throws; here it ends the run. */
  #heeded(source: FeatureSource): FeatureSource {
    return {
      read: async (keys, out, context) => {
        try {
          await source.read(keys, out, context);
        } catch (cause) {
          this.#error = { cause };
          throw cause;
        }
      },
    };
  }
}
