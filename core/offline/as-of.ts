import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { didYouMean } from '../config/did-you-mean.js';
import { Mistakes } from '../config/mistake.js';
import { throwInFile } from '../config/yaml-file.js';
import type { Field } from '../data/feature-rows.js';
import type { CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import type { Plan, PlanNode } from '../pipeline/plan.js';
import { cache } from '../ports/cache.js';
import { offlineStore, type OfflineStore } from '../ports/offline-store.js';
import type { FeatureView } from '../views/view.js';
import { asOfRun, type AsOfBlock, type AsOfPhase } from './as-of-run.js';
import { checkSources } from './check-sources.js';
import { computedNodes } from './computed-nodes.js';
import { isComputable } from './logged-cells.js';
import { logsOf, withLogs } from './pushed-history.js';
import { loadServed, logOf } from './served-spine.js';
import { bindSpine, type BoundSpine } from './spine.js';

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
  const steps = plan === undefined ? [] : computedNodes(plan, options);
  const named = steps.flatMap((node) => {
    const offline = node.definition.offline(node);
    return Object.entries(node.definition.parts?.(node) ?? {}).flatMap(([slot, used]) => {
      const unread = used?.port === cache || (offline.how === 'as-of' && offline.slot === slot);
      return used === undefined || unread ? [] : [used.part];
    });
  });
  const views = steps.flatMap((node) => {
    const offline = node.definition.offline(node);
    return offline.how === 'as-of' ? [offline.view] : [];
  });
  const models =
    options.predict === true ? server.bindings.filter((binding) => binding.ports.includes('predictor')) : [];
  // Keys: names of parts.
  return [
    ...new Set([
      onlyPart(server, offlineStore, { wanted: options.store }),
      ...(served === undefined ? [] : [logOf(server, served).part]),
      ...logsOf(views),
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
  const part = onlyPart(server, offlineStore, { wanted: options.store });
  await using store = withLogs(server, server.part(offlineStore, part));
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

/** The views that a run reads as of the time of each request, once each. */
function viewsOf(
  plan: Plan,
  options: Pick<TrainingSetOptions, 'predict'>,
  { served }: BoundSpine,
): FeatureView[] {
  // What the log alone knows is not computed.
  const isOfLog = (node: PlanNode): boolean => served !== undefined && !isComputable(node);
  const views = computedNodes(plan, options)
    .filter((node) => !isOfLog(node))
    .map((node) => node.definition.offline(node))
    .flatMap((offline) => (offline.how === 'as-of' ? [offline.view] : []));
  // Keys: hashes of views.
  return [...new Map(views.map((view) => [view.hash, view])).values()];
}
