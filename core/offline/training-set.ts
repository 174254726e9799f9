import { createHash } from 'node:crypto';
import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { didYouMean } from '../config/did-you-mean.js';
import { Mistakes } from '../config/mistake.js';
import { throwInFile } from '../config/yaml-file.js';
import { gather, isValid, type Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { Frame, Scope } from '../data/frame.js';
import { parseType } from '../data/types.js';
import { VivaceError } from '../kernel/errors.js';
import { columnAt } from '../pipeline/inputs.js';
import { lockOf, nodesBehind } from '../pipeline/features-lock.js';
import type { Plan, PlanColumn, PlanNode } from '../pipeline/plan.js';
import type { FeaturesLock } from '../models/locked-view.js';
import { cache } from '../ports/cache.js';
import { offlineStore, type OfflineStore } from '../ports/offline-store.js';
import type { CallContext } from '../kernel/call.js';
import type { RowBatch } from '../ports/warehouse.js';
import { canonicalJson, type FeatureView } from '../views/view.js';
import { asOfRun, dependsOnModel, type AsOfBlock, type AsOfPhase } from './as-of-run.js';
import { RowsDigest } from './digest.js';
import { checkSources } from './check-sources.js';
import { isComputable } from './logged-cells.js';
import { loadServed, logOf } from './served-spine.js';
import { bindSpine, type BoundSpine } from './spine.js';

const bool = parseType('bool');

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
   * How many feature cells have a value, how many have none, and how many could not be read. Only a set that was built with `allowFailed` has
   * any of the last; its columns `failed.<alias>` say where.
   */
  readonly cells: { readonly computed: number; readonly missing: number; readonly failed: number };
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

/** The progress of a training set. */
export interface TrainingSetProgress {
  readonly phase: AsOfPhase;
  /** Rows joined so far. */
  readonly rows: number;
  /** With `allowFailed`: by alias, how many of these rows the step could not read. */
  readonly failed?: Readonly<Record<string, number>>;
}

export interface TrainingSetOptions {
  readonly pipeline: string;
  /** See docs/training-sets.md. */
  readonly spine: unknown;
  /** The offline-store part; default: the only one. */
  readonly store?: string;
  /** Let the models predict too, and keep their outputs. */
  readonly predict?: boolean;
  /**
   * Go on where a step cannot read rows: its values are null there, whatever the pipeline declares for outages, the manifest counts them, and for each
   * step that reads a column `failed.<alias>` marks them. Without this, the first read that fails ends the run with its error.
   */
  readonly allowFailed?: boolean;
  /** Called when a phase begins, and after each block with the rows so far. */
  readonly onProgress?: (progress: TrainingSetProgress) => void;
}

/**
 * The parts that a run over historical requests needs, for `server.startOnly`: the offline store, and what the pipeline's steps name
 * (online stores are not read). With `predict` also its models.
 */
export function trainingParts(
  server: Server,
  options: Pick<TrainingSetOptions, 'pipeline' | 'store' | 'predict'> &
    Partial<Pick<TrainingSetOptions, 'spine'>>,
): string[] {
  const served = servedIn(options.spine);
  const plan = server.plans.get(options.pipeline);
  const steps = (plan?.nodes ?? []).filter(
    (node) => options.predict === true || !dependsOnModel(plan!, node),
  );
  const named = steps.flatMap((node) => {
    const offline = node.definition.offline(node);
    return Object.entries(node.definition.parts?.(node) ?? {}).flatMap(([slot, used]) => {
      const unread = used?.port === cache || (offline.how === 'as-of' && offline.slot === slot);
      return used === undefined || unread ? [] : [used.part];
    });
  });
  const models =
    options.predict === true ? server.bindings.filter((binding) => binding.ports.includes('predictor')) : [];
  // Keys: names of parts.
  return [
    ...new Set([
      onlyPart(server, offlineStore, { wanted: options.store }),
      ...(served === undefined ? [] : [logOf(server, served).part]),
      ...named,
      ...models.map((binding) => binding.name),
    ]),
  ];
}

/** The pipeline whose log a spine names, before it is checked. */
function servedIn(spine: unknown): string | undefined {
  const served = typeof spine === 'object' && spine !== null && 'served' in spine ? spine.served : undefined;
  return typeof served === 'string' ? served : undefined;
}

/**
 * Runs a pipeline over historical requests and hands its blocks to `use`, as frames: scoring, tests and training sets build on it. The
 * server must have started, or at least its offline store.
 */
export async function asOf<T>(
  server: Server,
  options: TrainingSetOptions,
  use: (
    blocks: AsyncIterable<AsOfBlock>,
    run: { plan: Plan; spine: BoundSpine; fields: readonly Field[]; store: OfflineStore },
  ) => Promise<T>,
  context: CallContext,
): Promise<T> {
  const store = server.part(offlineStore, onlyPart(server, offlineStore, { wanted: options.store }));
  const plan = (await server.compile()).get(options.pipeline);
  if (plan === undefined) {
    throw new VivaceError(
      'NOT_FOUND',
      `there is no pipeline "${options.pipeline}"${didYouMean(options.pipeline, server.plans.keys())}`,
    );
  }
  const mistakes = new Mistakes();
  const bound = bindSpine(options.spine, plan, mistakes);
  throwInFile(options.spine, mistakes.list, 'spine');
  const { served } = bound!;
  await using loaded =
    served === undefined
      ? undefined
      : await loadServed(server, { bound: bound!, served, plan, store }, context);
  const spine = loaded?.spine ?? bound!;
  const report = await store.checkSpine(spine.spine, context);
  const inSpine = report.mistakes.map(({ path, message }) => ({ path: ['spine', ...path], message }));
  throwInFile(options.spine, inSpine, 'spine');
  // Where failed reads are allowed, a view that cannot be read is marked instead.
  if (options.allowFailed !== true)
    await checkSources(server, [{ store, views: viewsOf(plan, options, spine) }], context);
  const predict = options.predict === true;
  return await asOfRun(
    {
      plan,
      spine,
      store,
      predict,
      failedReads: options.allowFailed === true ? 'mark' : 'end',
      onPhase: (phase) => options.onProgress?.({ phase, rows: 0 }),
      createSteps: (of, override) => server.createSteps(of, override),
    },
    (blocks, fields) => use(blocks, { plan, spine, fields, store }),
    context,
  );
}

/**
 * Builds a training set and writes it to a file: `time`, the fields of requests and objects, every feature, and the labels.
 *
 * @param path `.parquet` or `.csv`.
 */
export async function buildTrainingSet(
  server: Server,
  path: string,
  options: TrainingSetOptions,
  context: CallContext,
): Promise<TrainingSetManifest> {
  return asOf(
    server,
    options,
    async (blocks, { plan, spine, fields: spineFields, store }) => {
      const columns = keptColumns(plan, options.predict === true);
      const marked = options.allowFailed === true ? readingNodes(plan, options.predict === true) : [];
      // Keys: aliases of steps.
      const failed = new Map(marked.map((node) => [node.alias, 0]));
      const labels = spine.labels.map((name) => spineFields.find((field) => field.name === name)!);
      const fields: Field[] = [
        { name: 'time', type: parseType('timestamp') },
        ...columns,
        ...marked.map(({ alias }) => ({ name: `failed.${alias}`, type: bool })),
        ...labels,
      ];
      checkCase(fields);
      const digest = new RowsDigest(fields);
      const nulls = new Float64Array(fields.length);
      const logged = new Float64Array(fields.length);
      let rows = 0;
      const failures = (): Pick<TrainingSetProgress, 'failed'> =>
        options.allowFailed === true ? { failed: Object.fromEntries(failed) } : {};
      async function* batches(): AsyncGenerator<RowBatch> {
        for await (const block of blocks) {
          const batch = rowsOf(block, { plan, columns, marked, labels, fields });
          marked.forEach(({ alias }, i) => {
            const flags = batch.columns[1 + columns.length + i]!.values as Uint8Array;
            failed.set(alias, failed.get(alias)! + countOnes(flags));
          });
          digest.add(batch.columns);
          batch.columns.forEach((column, i) => (nulls[i] = nulls[i]! + countNulls(column)));
          columns.forEach(
            (column, i) => (logged[i + 1]! += countLogged(block, column, batch.columns[i + 1]!)),
          );
          rows += batch.rows;
          options.onProgress?.({ phase: 'joining', rows, ...failures() });
          yield batch;
        }
        options.onProgress?.({ phase: 'writing the file', rows, ...failures() });
      }
      await store.save({ fields, batches: batches() }, path, context);
      const failedCells = marked.reduce((sum, node) => sum + failed.get(node.alias)! * node.writes.length, 0);
      return manifestOf({
        plan,
        options,
        fields,
        columns,
        rows,
        nulls,
        ...(spine.served === undefined ? {} : { logged }),
        failedCells,
        digest: digest.finish(),
      });
    },
    context,
  );
}

/** The columns of a file are not told apart by case. */
function checkCase(fields: readonly Field[]): void {
  // Keys: names of columns.
  const seen = new Map<string, string>();
  for (const { name } of fields) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw new VivaceError(
        'INVALID_ARGUMENT',
        `the columns "${other}" and "${name}" differ in case only, and files do not tell them apart: rename one`,
      );
    }
    seen.set(name.toLowerCase(), name);
  }
}

/** The views that a run reads as of the time of each request, once each. */
function viewsOf(
  plan: Plan,
  { predict }: Pick<TrainingSetOptions, 'predict'>,
  { served }: BoundSpine,
): FeatureView[] {
  // What the log alone knows is not computed.
  const isOfLog = (node: PlanNode): boolean => served !== undefined && !isComputable(node);
  const views = plan.nodes
    .filter((node) => (predict === true || !dependsOnModel(plan, node)) && !isOfLog(node))
    .map((node) => node.definition.offline(node))
    .flatMap((offline) => (offline.how === 'as-of' ? [offline.view] : []));
  // Keys: hashes of views.
  return [...new Map(views.map((view) => [view.hash, view])).values()];
}

/** The fields, and the columns of nodes as far as the run computes them. */
function keptColumns(plan: Plan, predict: boolean): PlanColumn[] {
  const computed = plan.nodes
    .filter((node) => predict || !dependsOnModel(plan, node))
    .flatMap((node) => node.writes);
  const fields = [...plan.request, ...(plan.objects?.fields ?? [])].map(
    (field) => plan.columns[field.place]!,
  );
  return [...fields, ...computed];
}

/** The nodes that read rows, and so may fail to. */
function readingNodes(plan: Plan, predict: boolean): PlanNode[] {
  return plan.nodes.filter(
    (node) => node.definition.inHistory !== undefined && (predict || !dependsOnModel(plan, node)),
  );
}

function rowsOf(
  { frame, labels, failed }: AsOfBlock,
  {
    plan,
    columns,
    marked,
    labels: labelFields,
    fields,
  }: {
    plan: Plan;
    columns: readonly PlanColumn[];
    marked: readonly PlanNode[];
    labels: readonly Field[];
    fields: readonly Field[];
  },
): RowBatch {
  const scope = plan.objects === undefined ? 'request' : 'object';
  const rows = frame.rows(scope);
  return {
    fields,
    rows,
    columns: [
      columnAt(frame, plan.timeColumn, scope),
      ...columns.map((column) => columnAt(frame, column, scope)),
      ...marked.map((node) => failedColumn(node, frame, { failed, scope })),
      ...labelFields.map((field) => labels.get(field.name)!),
    ],
  };
}

/** Which rows a step could not read, as a column. */
function failedColumn(
  { alias, scope: own }: PlanNode,
  frame: Frame,
  { failed, scope }: { readonly failed: AsOfBlock['failed']; readonly scope: Scope },
): Column {
  const rows = frame.rows(own);
  const column = { type: bool, rows, values: failed.get(alias) ?? new Uint8Array(rows) };
  return own === scope ? column : gather(column, frame.requestOf);
}

function countOnes(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

/** How many values of a column come from the log. */
function countLogged({ frame, logged }: AsOfBlock, { name, scope }: PlanColumn, column: Column): number {
  const flags = logged.get(name.split('.')[0]!);
  if (flags === undefined) return 0;
  let count = 0;
  for (let row = 0; row < column.rows; row++) {
    const at = scope === 'object' || frame.objects === 0 ? row : frame.requestOf[row]!;
    if (flags[at] === 1 && isValid(column, row)) count++;
  }
  return count;
}

function countNulls(column: Column): number {
  if (column.valid === undefined) return 0;
  let nulls = 0;
  for (let row = 0; row < column.rows; row++) if (!isValid(column, row)) nulls++;
  return nulls;
}

function manifestOf({
  plan,
  options,
  fields,
  columns,
  rows,
  nulls,
  logged,
  failedCells,
  digest,
}: {
  plan: Plan;
  options: TrainingSetOptions;
  fields: readonly Field[];
  columns: readonly PlanColumn[];
  rows: number;
  nulls: Float64Array;
  /** Per column, how many of its values come from a log. */
  logged?: Float64Array;
  failedCells: number;
  digest: string;
}): TrainingSetManifest {
  // Keys: names of columns.
  const features = new Set(
    columns.filter((column) => !/^(request|object)\./.test(column.name)).map((column) => column.name),
  );
  const absent = fields.reduce((sum, field, i) => sum + (features.has(field.name) ? nulls[i]! : 0), 0);
  const body = {
    format: 1 as const,
    pipeline: options.pipeline,
    features: lockOf(plan.nodes),
    spine: JSON.parse(JSON.stringify(options.spine)) as object,
    rows,
    columns: fields.map((field, i) => ({
      ...columnOfManifest(field, nulls[i]!, viewsBehind(plan, columns, field.name)),
      ...(logged === undefined || !features.has(field.name)
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
    cells: { computed: features.size * rows - absent, missing: absent - failedCells, failed: failedCells },
    digest,
  };
  const steps = plan.nodes
    .filter((node) => options.predict === true || !dependsOnModel(plan, node))
    .map(stepDefinition);
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
