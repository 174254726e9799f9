import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { didYouMean } from '../config/did-you-mean.js';
import { derivedContext, type CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { instantOfMillis, millisOf } from '../kernel/time.js';
import {
  offlineStore,
  type Materialized,
  type MaterializeRun,
  type SourceRead,
} from '../ports/offline-store.js';
import { lastBoundary } from '../views/refresh.js';
import { whyNotUntil } from '../views/run-end.js';
import type { FeatureView } from '../views/view.js';
import { checkSources } from '../offline/check-sources.js';
import { logsOf, withLogs, type OfflineStoreWithLogs } from '../offline/pushed-history.js';
import { startNeeded } from './with-server.js';
import { wrongOption } from './wrong-option.js';

/** What is copied from the offline to the online store. */
export interface MaterializeOptions extends Partial<MaterializeRun> {
  /** Names of views; default: all that have a source. */
  readonly views?: readonly string[];
  /** The offline-store part; default: the only one. */
  readonly store?: string;
}

/** The progress of one view. */
export interface ViewProgress {
  readonly view: string;
  readonly phase: 'begun' | 'copying' | 'done';
  /** Rows read from the warehouse so far, and those that changed the online store. */
  readonly rows: number;
  readonly written: number;
  /** How many rows there are in all; not known when a view has just begun. */
  readonly total?: number;
  /** What was read of the source, once the view is done. */
  readonly read?: SourceRead;
}

/** A view that has been copied. */
export interface MaterializedView extends Materialized {
  readonly view: string;
}

/** What reading the source of a view would cost. */
export interface ViewEstimate {
  readonly view: string;
  /** Bytes that would be billed; `undefined` where the warehouse bills nothing by the byte. */
  readonly bytes: number | undefined;
}

/**
 * Copies the newest feature row of each key from the offline to the online store, one view after the other: of the keys about which something
 * may have changed since the last run, which the online store remembers. It is safe to repeat and to interrupt: the newest row wins, whatever
 * was written before. Every view is compared with its source before the first one is copied.
 *
 * A new server starts the offline store and what it uses; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.untilMs Not in the future. Default: for each view the last moment at which a run was due (`refresh`), or now.
 * @param options.onProgress Called when a view begins, as its rows are copied, and when it is done.
 * @returns One entry per view, in the order of `views`.
 * @throws {ConfigError} with every mistake about the sources; nothing has been written.
 * @throws {VivaceError} `NOT_FOUND` where there is no such view or store; `INVALID_ARGUMENT` where a view has no source, no view has one,
 *   the store has to be named, or `untilMs` is in the future; and what the store throws, in which case the views before the failed one have been copied.
 */
export async function materializeViews(
  server: Server,
  {
    onProgress,
    views: names,
    store: part,
    ...run
  }: MaterializeOptions & { readonly onProgress?: (progress: ViewProgress) => void },
  context: CallContext,
): Promise<readonly MaterializedView[]> {
  const { now, views, ...prepared } = await ready(server, { names, part, untilMs: run.untilMs }, context);
  await using store = prepared.store;
  await checkSources(server, [{ store, views }], context);
  const copied: MaterializedView[] = [];
  for (const view of views) {
    const of = { view: view.name };
    onProgress?.({ ...of, phase: 'begun', rows: 0, written: 0 });
    const done = await store.materialize(
      view,
      {
        ...run,
        untilMs: run.untilMs ?? lastRunMs(view, now),
        onProgress: (progress) => onProgress?.({ ...of, phase: 'copying', ...progress }),
      },
      derivedContext(context, { bypassBreaker: true }),
    );
    const { rows, written, total, read } = done;
    onProgress?.({ ...of, phase: 'done', rows, written, total, read });
    copied.push({ ...of, ...done });
  }
  return copied;
}

/**
 * What {@link materializeViews} would be billed for, view by view; it runs and writes nothing.
 *
 * @throws {VivaceError} As `materializeViews`.
 */
export async function estimateViews(
  server: Server,
  options: MaterializeOptions,
  context: CallContext,
): Promise<readonly ViewEstimate[]> {
  const { untilMs } = options;
  const chosen = { names: options.views, part: options.store, untilMs };
  const { now, views, ...prepared } = await ready(server, chosen, context);
  await using store = prepared.store;
  const estimates: ViewEstimate[] = [];
  for (const view of views) {
    const estimate = await store.estimate?.(view, { untilMs: untilMs ?? lastRunMs(view, now) }, context);
    estimates.push({ view: view.name, bytes: estimate?.bytes });
  }
  return estimates;
}

/** When a view's run was due last: now, for one whose rows arrive all the time. */
function lastRunMs({ refresh }: FeatureView, nowMs: number): number {
  return refresh === undefined ? nowMs : millisOf(lastBoundary(refresh, instantOfMillis(nowMs)));
}

async function ready(
  server: Server,
  {
    names,
    part,
    untilMs,
  }: {
    readonly names: readonly string[] | undefined;
    readonly part: string | undefined;
    readonly untilMs: number | undefined;
  },
  context: CallContext,
): Promise<{ now: number; views: readonly FeatureView[]; store: OfflineStoreWithLogs }> {
  const now = server.clock.now();
  const wrong = untilMs === undefined ? undefined : whyNotUntil(untilMs, now);
  if (wrong !== undefined) throw wrongOption('untilMs', wrong);
  const views = chosenViews(server, names);
  const name = onlyPart(server, offlineStore, { wanted: part });
  await startNeeded(server, [name, ...logsOf(views)], context);
  return { now, views, store: withLogs(server, server.part(offlineStore, name)) };
}

/** The views that were named, once each, or all that have a source. */
function chosenViews({ views }: Server, names: readonly string[] = []): readonly FeatureView[] {
  if (names.length === 0) {
    const sourced = [...views.values()].filter((view) => view.source !== undefined);
    if (sourced.length === 0) throw wrongOption('views', 'no view has a source');
    return sourced;
  }
  return [...new Set(names)].map((name) => {
    const view = views.get(name);
    if (view === undefined)
      throw new VivaceError('NOT_FOUND', `there is no view "${name}"${didYouMean(name, views.keys())}`);
    if (view.source === undefined)
      throw wrongOption(
        'views',
        `"${name}" has no source: its rows are pushed, and nothing keeps them; \`source: { push: true, log: … }\` would`,
      );
    return view;
  });
}
