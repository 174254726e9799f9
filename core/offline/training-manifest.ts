import { createHash } from 'node:crypto';
import type { Field } from '../data/feature-rows.js';
import type { FeaturesLock } from '../models/locked-view.js';
import { lockOf, nodesBehind } from '../pipeline/features-lock.js';
import type { Plan, PlanColumn, PlanNode } from '../pipeline/plan.js';
import { canonicalJson } from '../kernel/canonical-json.js';
import type { TrainingSetOptions } from './as-of.js';
import { computedNodes } from './computed-nodes.js';
import type { TrainingCounts } from './training-counts.js';
import type { TrainingColumns } from './training-rows.js';

/** Where a training set comes from, and what it holds. */
export interface TrainingSetManifest {
  readonly format: 1;
  /** The SHA-256 of all the rest and of what the steps mean, options included: equal for equal definitions and equal data. */
  readonly id: string;
  readonly pipeline: string;
  /** The views that the rows were read from: a model trained on them must find these versions online. */
  readonly features: FeaturesLock;
  readonly spine: object;
  readonly rows: number;
  readonly columns: readonly TrainingSetColumn[];
  /**
   * How many feature cells have a value that was computed, how many have none, and how many could not be read. Only a set that was built with
   * `allowFailed` has any of the last; its columns `failed.<alias>` say where. Only a set from a served log has `logged`: the values that are those of the
   * log, which are not among the computed ones.
   */
  readonly cells: {
    readonly logged?: number;
    readonly computed: number;
    readonly missing: number;
    readonly failed: number;
  };
  /** Digest of the rows themselves. */
  readonly digest: string;
}

/** A column of a training set. */
export interface TrainingSetColumn {
  readonly name: string;
  readonly type: string;
  readonly nulls: number;
  /** The views that its values come from, whatever lies between; absent where it comes from none. */
  readonly views?: readonly string[];
  /**
   * Where the requests are those of a served log: how many values of a feature are those of the log, how many were computed, and how many there are
   * not.
   */
  readonly cells?: { readonly logged: number; readonly computed: number; readonly missing: number };
}

/** The manifest of a training set, once all of its rows are counted. */
export function manifestOf({
  plan,
  options,
  columns: { fields, columns },
  counts,
  isServed,
}: {
  readonly plan: Plan;
  readonly options: TrainingSetOptions;
  readonly columns: TrainingColumns;
  readonly counts: TrainingCounts;
  /** Whether the requests are those of a served log. */
  readonly isServed: boolean;
}): TrainingSetManifest {
  const { rows, nulls, logged, failedCells } = counts;
  // Keys: names of columns.
  const features = new Set(
    columns.filter((column) => !/^(request|object)\./.test(column.name)).map((column) => column.name),
  );
  const ofFeatures = (counted: Float64Array): number =>
    fields.reduce((sum, { name }, i) => sum + (features.has(name) ? counted[i]! : 0), 0);
  const [absent, fromLog] = [ofFeatures(nulls), ofFeatures(logged)];
  const body = {
    format: 1 as const,
    pipeline: options.pipeline,
    features: lockOf(plan.nodes),
    spine: JSON.parse(JSON.stringify(options.spine)) as object,
    rows,
    columns: fields.map((field, i) => ({
      ...columnOfManifest(field, nulls[i]!, viewsBehind(plan, columns, field.name)),
      ...(!isServed || !features.has(field.name)
        ? {}
        : {
            cells: {
              logged: logged[i]!,
              computed: rows - nulls[i]! - logged[i]!,
              missing: nulls[i]!,
            },
          }),
    })),
    // A cell that could not be read is null.
    cells: {
      ...(isServed ? { logged: fromLog } : {}),
      computed: features.size * rows - absent - fromLog,
      missing: absent - failedCells,
      failed: failedCells,
    },
    digest: counts.digest(),
  };
  const steps = computedNodes(plan, options).map(stepDefinition);
  // What columns come from, and how rows are read, is what the steps say.
  const identity = {
    ...body,
    features: Object.fromEntries(Object.entries(body.features).map(([view, { hash }]) => [view, hash])),
    columns: body.columns.map(({ name, type, nulls, cells }) => ({
      name,
      type,
      nulls,
      ...(cells === undefined ? {} : { cells }),
    })),
    steps,
  };
  const id = createHash('sha256').update(canonicalJson(identity)).digest('hex');
  return { ...body, id };
}

function columnOfManifest({ name, type }: Field, nulls: number, views: readonly string[]): TrainingSetColumn {
  return { name, type: type.name, nulls, ...(views.length === 0 ? {} : { views }) };
}

function viewsBehind(plan: Plan, columns: readonly PlanColumn[], name: string): readonly string[] {
  const column = columns.find((each) => each.name === name);
  return column === undefined ? [] : Object.keys(lockOf(nodesBehind(plan, [column]))).sort();
}

/** What a step means for the rows: neither which store serves it online, nor whether it is cached there. */
function stepDefinition(node: PlanNode): object {
  return {
    verb: node.verb,
    alias: node.alias,
    scope: node.scope,
    ...node.definition.summary(node).identity,
    reads: node.reads.map((column) => column.name),
    writes: node.writes.map((column) => `${column.name} ${column.type.name}`),
  };
}
