import { viewNamed } from '../composition/feature-plane.js';
import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import type { Column } from '../data/column.js';
import { derivedContext, type CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { formatInstant, instantOfMillis, microsPerMilli } from '../kernel/time.js';
import { logsOf, withLogs } from '../offline/pushed-history.js';
import { offlineStore } from '../ports/offline-store.js';
import type { FeatureView } from '../views/view.js';
import { ColumnGatherer, NumberGatherer, type NumberSummary, type ValueSummary } from './summary.js';
import { startNeeded } from './with-server.js';
import { wrongOption } from './wrong-option.js';

/** What to look at. */
export interface ShowFeaturesOptions {
  readonly view: string;
  /** As of then, epoch milliseconds; default: now. */
  readonly untilMs?: number;
  /** The offline-store part; default: the only one. */
  readonly store?: string;
  readonly onProgress?: (progress: { readonly rows: number }) => void;
}

/** A feature of a view over all its keys. */
export interface ShownFeature {
  readonly name: string;
  readonly type: string;
  readonly unit?: string;
  readonly nulls: number;
  /** NaN and infinities. */
  readonly notNumbers: number;
  /** Of numbers and times (microseconds); of lists, vectors and bytes the lengths. */
  readonly numbers?: NumberSummary;
  /** Of texts and truth values. */
  readonly values?: ValueSummary;
}

/** A view over all its keys. */
export interface ShownView {
  readonly view: string;
  readonly hash: string;
  /** As of then, RFC 3339. */
  readonly until: string;
  /** Keys that have a row. */
  readonly rows: number;
  /** Absent for a static view, and where there are no rows. */
  readonly freshness?: {
    readonly newest: string;
    readonly oldest: string;
    /** Half of the rows are older than this, milliseconds. */
    readonly medianAgeMs: number;
    /** Rows that are older than the max age of the view; absent without one. */
    readonly stale?: number;
  };
  readonly features: readonly ShownFeature[];
}

/**
 * Reads the row of each key from the source of a view, and says what its features look like: shares of nulls, quantiles, frequent values. It
 * reads the whole source, in bounded memory.
 *
 * A new server starts the offline store and what it uses; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such view or store; `INVALID_ARGUMENT` for a view without a source; `UNIMPLEMENTED` where
 *   the offline store cannot; and what it throws.
 */
export async function showFeatures(
  server: Server,
  { view: name, untilMs = server.clock.now(), store: wanted, onProgress }: ShowFeaturesOptions,
  context: CallContext,
): Promise<ShownView> {
  const view = viewNamed(server.views, name);
  if (view.source === undefined) throw wrongOption('view', notShown(view));
  const part = onlyPart(server, offlineStore, { wanted });
  await startNeeded(server, [part, ...logsOf([view])], context);
  await using store = withLogs(server, server.part(offlineStore, part));
  if (store.newest === undefined)
    throw new VivaceError('UNIMPLEMENTED', `"${part}" does not give the rows of a view as a whole`);
  const { batches } = await store.newest(view, { untilMs }, derivedContext(context, { bypassBreaker: true }));
  const until = instantOfMillis(untilMs);
  const ages = new AgeGatherer(view, until);
  const gatherers = view.features.map(() => new ColumnGatherer());
  let rows = 0;
  for await (const { rows: count, columns } of batches) {
    ages.add(columns[view.entity.length]!);
    gatherers.forEach((gatherer, i) => gatherer.add(columns[view.entity.length + 2 + i]!));
    rows += count;
    onProgress?.({ rows });
  }
  const freshness = ages.freshness();
  return {
    view: name,
    hash: view.hash,
    until: formatInstant(until) ?? '',
    rows,
    ...(freshness === undefined ? {} : { freshness }),
    features: view.features.map(({ name: feature, type, unit }, i) => {
      const { nulls, notNumbers, numbers, values } = gatherers[i]!;
      return {
        name: feature,
        type: type.name,
        ...(unit === undefined ? {} : { unit }),
        nulls,
        notNumbers,
        ...(numbers === undefined ? {} : { numbers }),
        ...(values === undefined ? {} : { values }),
      };
    }),
  };
}

function notShown({ name, entity }: FeatureView): string {
  const keys = entity.map((key) => `--key ${key.name}=…`).join(' ');
  return `"${name}" has no source: its rows are only in the online store, which is read by key and not as a whole. Look at single rows with \`vivace features get ${name} ${keys}\`; to look at all of them, keep what you push: \`source: { push: true, log: … }\``;
}

/** Gathers event times. */
class AgeGatherer {
  readonly #view: FeatureView;
  readonly #until: number;
  readonly #ages = new NumberGatherer();
  #stale = 0;

  constructor(view: FeatureView, until: number) {
    this.#view = view;
    this.#until = until;
  }

  add({ rows, values }: Column): void {
    if (this.#view.isStatic) return;
    const { maxAgeMs = Infinity } = this.#view;
    for (let row = 0; row < rows; row++) {
      const age = this.#until - Number(values[row]);
      this.#ages.add(age);
      if (age > maxAgeMs * microsPerMilli) this.#stale++;
    }
  }

  freshness(): ShownView['freshness'] {
    const ages = this.#ages.summary();
    if (ages === undefined) return undefined;
    return {
      newest: formatInstant(this.#until - ages.min) ?? '',
      oldest: formatInstant(this.#until - ages.max) ?? '',
      medianAgeMs: ages.quantiles.p50 / microsPerMilli,
      ...(this.#view.maxAgeMs === undefined ? {} : { stale: this.#stale }),
    };
  }
}
