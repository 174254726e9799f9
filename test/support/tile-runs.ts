import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  offlineStore as offlineStorePort,
  onlineStore as onlineStorePort,
  warehouse,
  type FeatureView,
  type Ledger,
  type Materialized,
  type MaterializeRun,
  type Warehouse,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, startPart } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { numbersFrom } from '../../core/testing/offline-store/histories.js';
import { LooseStore } from './loose-store.js';

export const day = 86_400_000;

/** An event: key, event time, available time, value. */
export type Event = readonly [key: string, at: string, known: string, value: number | null];

/** A materialization of the tables of a directory. */
export interface Run {
  readonly hot: LooseStore;
  readonly copy: (of: FeatureView, until: string, options?: Partial<MaterializeRun>) => Promise<Materialized>;
  readonly ledger: (of: FeatureView) => Promise<Ledger>;
  /** The messages that were logged. */
  readonly logged: readonly string[];
}

/** What a suite of materializations over kept tiles works with, anew for each test. */
export interface TileRuns {
  readonly directory: string;
  /** Where tiles are kept; below `directory`. */
  readonly tiles: string;
  /** The clock. */
  nowMs: number;
  /** Starts a materialization, which keeps tiles if it is told where, of a store of its own or a given one; it is stopped after the test. */
  readonly start: (
    options: { readonly tiles?: string },
    change?: (lake: Warehouse) => Warehouse,
    hot?: LooseStore,
  ) => Promise<Run>;
  /** Writes the table of events. */
  readonly write: (events: readonly Event[]) => void;
}

/** Makes a directory before each test of the suite that is being described, and removes it after. */
export function tileRuns(): TileRuns {
  let directory: string;
  let tiles: string;
  let nowMs: number;
  const stops: (() => Promise<void>)[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-kept-'));
    tiles = join(directory, 'tiles');
    nowMs = Date.parse('2025-01-01');
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const start = async (
    options: { readonly tiles?: string },
    change: (lake: Warehouse) => Warehouse = (lake) => lake,
    hot = new LooseStore(),
  ): Promise<Run> => {
    const logged: string[] = [];
    const latest = await startPart(onlineStore, {}, { uses: { store: hot } });
    const online = latest.face(onlineStorePort);
    const lake = await startPart(duckdb, { threads: 2, directory, ...options }, { directory });
    const part = await startPart(
      offlineStore,
      {},
      {
        uses: { warehouse: change(lake.face(warehouse)), online },
        clock: { now: () => nowMs, monotonic: () => performance.now() },
        onLog: ({ message }) => logged.push(message),
      },
    );
    stops.push(
      () => lake.stop(),
      () => latest.stop(),
      () => part.stop(),
    );
    return {
      hot,
      copy: (of, until, run) =>
        part
          .face(offlineStorePort)
          .materialize(of, { untilMs: Date.parse(until), ...run }, callContext(120_000)),
      ledger: async (of) => online.open(of).readLedger(callContext()),
      logged,
    };
  };
  const write = (events: readonly Event[]): void =>
    writeFileSync(
      join(directory, 'sales.csv'),
      `k,at,known,v\n${events.map((event) => event.map((cell) => cell ?? '').join(',')).join('\n')}\n`,
    );
  return {
    get directory() {
      return directory;
    },
    get tiles() {
      return tiles;
    },
    get nowMs() {
      return nowMs;
    },
    set nowMs(ms) {
      nowMs = ms;
    },
    start,
    write,
  };
}

/** A time as text. */
export const text = (ms: number): string => new Date(ms).toISOString();
/** The beginning of a day, counted from that of the first events. */
export const dayText = (n: number): string => text(Date.parse('2024-01-01') + n * day);

const source = { table: 'sales.csv', eventTime: 'at', availableTime: 'known' };
/** A view of the events. */
export const of = (features: object, more: object = {}): FeatureView =>
  view({ entity: { k: 'string' }, source: { ...source, ...more }, features });
export const sums = of({
  n: { aggregate: 'count', windowDays: [1, 3] },
  total: { aggregate: 'sum', of: 'v', windowDays: 3 },
  spread: { aggregate: 'stddev', of: 'v', windowDays: 7 },
});
export const many = of({
  latest: { aggregate: 'last', of: 'v', windowDays: 3, type: 'float64' },
  first: { aggregate: 'first', of: 'at', windowDays: 5, type: 'timestamp' },
  different: { aggregate: 'count_distinct', of: 'v', windowDays: [2, 9], upTo: 3 },
  least: { aggregate: 'min', of: 'v', windowDays: 4 },
  above: { aggregate: 'share', of: 'v', above: 1.5, windowDays: 6 },
});
export const hours = of({ mean: { aggregate: 'mean', of: 'v', windowHours: [6, 30] } });

/** 100 days of 40 events of 30 keys, one of twenty up to 20 days late. */
export const shop = (seed = 1): Event[] => {
  const random = numbersFrom(seed);
  return Array.from({ length: 4000 }, (_, i): Event => {
    const at = Date.parse('2024-01-01') + Math.floor((Math.floor(i / 40) + random()) * day);
    const late = random() < 0.05 ? Math.ceil(random() * 20 * day) : 0;
    return [`k${Math.floor(random() * 30)}`, text(at), text(at + late), Math.round(random() * 1000) / 8];
  });
};
/** The events that are known at a time. */
export const knownBy = (events: readonly Event[], until: string): readonly Event[] =>
  events.filter(([, , known]) => Date.parse(known) <= Date.parse(until));
