import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { derivedContext, type CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { formatInstant, instantOfMillis, microsPerMilli } from '../kernel/time.js';
import { checkSources } from '../offline/check-sources.js';
import { FetchComparison, type ViewEvidence } from '../offline/compare-fetch.js';
import { isComputable, isLogged } from '../offline/logged-cells.js';
import { Recomputation, type ComputedNode } from '../offline/recompute.js';
import { fitRefresh, type RefreshFit } from '../offline/refresh-fit.js';
import { comparedFields, servedBlocks, type Period } from '../offline/served-blocks.js';
import { logsOf, withLogs } from '../offline/pushed-history.js';
import { daysOf, logOf } from '../offline/served-spine.js';
import type { PlanNode } from '../pipeline/plan.js';
import { offlineStore, type OfflineStore } from '../ports/offline-store.js';
import { onlineStore } from '../ports/online-store.js';
import { servedLog } from '../ports/served-log.js';
import { emptyLedger, type Ledger } from '../views/ledger.js';
import type { FeatureView } from '../views/view.js';
import { SkewCounts, type SkewOfFetch } from './skew-counts.js';
import { startNeeded } from './with-server.js';
import { wrongOption } from './wrong-option.js';

/** What of a pipeline is compared. */
export interface SkewOptions {
  readonly pipeline: string;
  /** Request times from (inclusive) and to (exclusive), epoch milliseconds; default: the whole log. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** The offline-store part; default: the only one. */
  readonly store?: string;
  /** Whether the online stores are asked for their ledgers, which tell what had been copied at a time; default true. */
  readonly ledger?: boolean;
  /** Called with the logged rows that have been compared so far. */
  readonly onProgress?: (progress: {
    readonly phase: 'preparing views' | 'comparing';
    readonly rows: number;
  }) => void;
}

/** A fetch that cannot be compared, and why. */
export interface NotCompared {
  readonly fetch: string;
  readonly why: string;
}

/** What a pipeline was served, against what is computed anew. */
export interface SkewReport {
  readonly pipeline: string;
  /** The first and the last request time, RFC 3339. */
  readonly from: string;
  readonly to: string;
  /** Rows of the log. */
  readonly rows: number;
  /** Rows that fetches were asked for, and those of them that differ. */
  readonly compared: number;
  readonly mismatches: number;
  /** Those for which there is no cause. */
  readonly unexplained: number;
  readonly fetches: readonly SkewOfFetch[];
  readonly notCompared: readonly NotCompared[];
  /** By view: how the last runs of `materialize` fit its `refresh`; without those whose ledgers were not asked. */
  readonly refresh: Readonly<Record<string, RefreshFit>>;
}

/**
 * Reads what a pipeline has served from its log, computes each fetched row anew as training sets do, and counts what differs, by feature and by cause.
 *
 * A new server starts the log, the offline store and the online stores of the views; a server that has started is used as it is. In both cases the
 * caller stops it.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such pipeline or store, `FAILED_PRECONDITION` where the pipeline is not logged or reads nothing that
 *   can be computed anew, `INVALID_ARGUMENT` where nothing was logged in the period, `DATA_LOSS` for a file of the log that is broken, and what the stores
 *   throw.
 */
export async function measureSkew(
  server: Server,
  { pipeline, store: wanted, ledger: asksStores = true, onProgress, ...period }: SkewOptions,
  context: CallContext,
): Promise<SkewReport> {
  if (period.fromMs !== undefined && period.toMs !== undefined && period.fromMs >= period.toMs)
    throw wrongOption('to', 'is not after `from`: it is the first time that is left out');
  const { part } = logOf(server, pipeline, 'pipeline');
  const offline = onlyPart(server, offlineStore, { wanted });
  const declared = comparedNodes(server.plans.get(pipeline)!.nodes);
  const declaredViews = declared.map(({ view }) => view);
  const stores = asksStores ? declaredViews.map((view) => view.store) : [];
  // Keys: names of parts.
  const parts = new Set([part, offline, ...logsOf(declaredViews), ...stores]);
  await startNeeded(server, [...parts], context);
  const plan = (await server.compile()).get(pipeline)!;
  const nodes = comparedNodes(plan.nodes);
  if (nodes.length === 0) throw withoutNodes(pipeline);
  const call = derivedContext(context, { bypassBreaker: true });
  const log = server.part(servedLog, part);
  await using store = withLogs(server, server.part(offlineStore, offline));
  const files = await log.files({ kind: 'served', name: pipeline }, daysOf(period, plan), call);
  if (files.length === 0) throw nothingLogged(pipeline, period);
  const views = [...new Map(nodes.map(({ view }) => [view.hash, view])).values()];
  await checkSources(server, [{ store, views }], call);
  onProgress?.({ phase: 'preparing views', rows: 0 });
  // Keys: hashes of views.
  const evidence = new Map<string, ViewEvidence>();
  for (const view of views)
    evidence.set(
      view.hash,
      asksStores
        ? await evidenceOf(server, view, { store, context: call })
        : { ledger: emptyLedger(view.name) },
    );
  await using reader = await store.openAsOf(views, call);
  const createSteps: Server['createSteps'] = (of, override) => server.createSteps(of, override);
  const recomputation = new Recomputation({ plan, nodes, reader, createSteps }, call);
  const compared = nodes.map((each) => ({
    counts: new SkewCounts(each),
    comparison: new FetchComparison(each, recomputation, evidence.get(each.view.hash)!),
  }));
  const fields = comparedFields(
    plan,
    nodes.map(({ node }) => node),
  );
  let rows = 0;
  let [first, last] = [Infinity, -Infinity];
  for await (const block of servedBlocks(log, files, { fields, period, context: call })) {
    for (const { counts, comparison } of compared) counts.add(await comparison.compare(block));
    rows += block.rows;
    for (const time of block.columns[0]!.values as Float64Array)
      [first, last] = [Math.min(first, time), Math.max(last, time)];
    onProgress?.({ phase: 'comparing', rows });
  }
  if (rows === 0) throw nothingLogged(pipeline, period);
  const fetches = compared.map(({ counts }) => counts.summary());
  const total = (of: (fetch: SkewOfFetch) => number): number =>
    fetches.reduce((sum, each) => sum + of(each), 0);
  return {
    pipeline,
    from: formatInstant(first) ?? '',
    to: formatInstant(last) ?? '',
    rows,
    compared: total((fetch) => fetch.rows),
    mismatches: total((fetch) => fetch.mismatches),
    unexplained: total((fetch) => fetch.causes.unexplained ?? 0),
    fetches,
    notCompared: notCompared(plan.nodes),
    refresh: asksStores
      ? Object.fromEntries(
          views
            .filter(({ isStatic, source }) => !isStatic && source?.log === undefined)
            .map((view) => [view.name, fitRefresh(view.refresh, evidence.get(view.hash)!.ledger)]),
        )
      : {},
  };
}

function comparedNodes(nodes: readonly PlanNode[]): readonly ComputedNode[] {
  return nodes.flatMap((node) => {
    const offline = node.definition.offline(node);
    return offline.how === 'as-of' && isLogged(node) && isComputable(node)
      ? [{ node, view: offline.view }]
      : [];
  });
}

/** What the log has, and nothing else knows. */
function notCompared(nodes: readonly PlanNode[]): readonly NotCompared[] {
  return nodes
    .filter((node) => isLogged(node) && !isComputable(node))
    .map((node) => {
      const offline = node.definition.offline(node);
      const why =
        offline.how === 'as-of'
          ? `the rows of "${offline.view.name}" are pushed, and only the log has their history`
          : 'its source answers online only, and only the log has its history';
      return { fetch: node.alias, why };
    });
}

async function evidenceOf(
  server: Server,
  view: FeatureView,
  { store, context }: { readonly store: OfflineStore; readonly context: CallContext },
): Promise<ViewEvidence> {
  const online = server.part(onlineStore, view.store);
  const ledger: Ledger = await online.open(view).readLedger(context);
  const expiresAfterMs = online.supports?.expiresAfterMs;
  return {
    ledger,
    changed: await store.changed?.(view, ledger, context),
    ...(expiresAfterMs === undefined ? {} : { expiresAfter: expiresAfterMs * microsPerMilli }),
  };
}

function withoutNodes(pipeline: string): VivaceError {
  return new VivaceError(
    'FAILED_PRECONDITION',
    `the pipeline "${pipeline}" fetches no view with a source, so there is nothing that can be computed anew`,
    { path: 'pipeline' },
  );
}

function nothingLogged(pipeline: string, { fromMs, toMs }: Period): VivaceError {
  const text = (ms: number): string => formatInstant(instantOfMillis(ms)) ?? String(ms);
  const bounds = [
    ...(fromMs === undefined ? [] : [`from ${text(fromMs)}`]),
    ...(toMs === undefined ? [] : [`before ${text(toMs)}`]),
  ];
  return wrongOption(
    'pipeline',
    `the log of "${pipeline}" has no requests${bounds.length === 0 ? '' : ` ${bounds.join(' and ')}`}: servers write a file a minute, and when they stop`,
  );
}
