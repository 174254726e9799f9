import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cellAt,
  columnOf,
  keyValueStore,
  offlineStore as offlineStorePort,
  onlineStore as onlineStorePort,
  status,
  warehouse,
  type Cell,
  type FeatureView,
  type LogRecord,
  type OfflineStore,
  type OnlineStore,
  type SpineColumn,
  type Warehouse,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, startPart } from 'vivace/testing';
import { failureOf } from './failure.js';

/** A directory of data files, with an offline store over it that copies to an online store in memory. */
export interface DataAsItIs {
  readonly lake: Warehouse;
  readonly store: OfflineStore;
  readonly online: OnlineStore;
  /** What the offline store has logged in this test. */
  readonly logged: LogRecord[];
  /** Where the files lie. */
  readonly directory: string;
  /** Writes a file, and gives its name back. */
  readonly file: (name: string, text: string) => string;
  readonly bytes: (name: string, content: Uint8Array) => string;
  /** Writes what a query answers, and gives the name of the file back. */
  readonly parquet: (name: string, sql: string) => Promise<string>;
  /** The features of each key as of a time; `undefined` where the key has no row. */
  readonly read: (
    of: FeatureView,
    keys: readonly Cell[],
    at?: string,
  ) => Promise<(readonly Cell[] | undefined)[]>;
  /** The mistakes of a view, each with its path. */
  readonly mistakes: (of: FeatureView) => Promise<string[]>;
  /** The rows of a spine whose time is the column `at`. */
  readonly spine: (
    table: string,
    columns: Readonly<Record<string, SpineColumn>>,
    more?: object,
  ) => Promise<Cell[][]>;
}

/** Microseconds since 1970 of a time in text. */
export const micros = (text: string): number => Date.parse(text) * 1000;

/** What some work fails with, as `CODE message`. */
export const failure = (work: () => Promise<unknown>): Promise<string> => failureOf(work());

/** Starts them before the tests of the suite that is being described, and stops them after. */
export function dataAsItIs(): DataAsItIs {
  let directory: string;
  let lake: Warehouse;
  let store: OfflineStore;
  let online: OnlineStore;
  const stops: (() => Promise<void>)[] = [];
  const logged: LogRecord[] = [];
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-as-it-is-'));
    const tables = await startPart(duckdb, { threads: 2 }, { directory, name: 'lake' });
    const hot = await startPart(memory);
    const latest = await startPart(onlineStore, {}, { uses: { store: hot.face(keyValueStore) } });
    lake = tables.face(warehouse);
    online = latest.face(onlineStorePort);
    const part = await startPart(
      offlineStore,
      {},
      { uses: { warehouse: lake, online }, onLog: (record) => logged.push(record) },
    );
    store = part.face(offlineStorePort);
    for (const each of [tables, hot, latest, part]) stops.unshift(() => each.stop());
  });
  after(async () => {
    for (const stop of stops) await stop();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(() => logged.splice(0));

  const bytes = (name: string, content: string | Uint8Array): string => {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), content);
    return name;
  };
  const file = (name: string, text: string): string => bytes(name, text);
  const parquet = async (name: string, sql: string): Promise<string> => {
    await lake.export({ sql }, name, callContext());
    return name;
  };
  const read = async (
    of: FeatureView,
    keys: readonly Cell[],
    at = '2030-01-01T00:00:00Z',
  ): Promise<(Cell[] | undefined)[]> => {
    await using reader = await store.openAsOf([of], callContext(60_000));
    const columns = [columnOf(of.entity[0]!.type, keys)];
    const time = new Float64Array(keys.length).fill(micros(at));
    const rows = await reader.read(of, { rows: keys.length, columns, time }, callContext());
    const found = rows.columns.map((column) => column.finish());
    return keys.map((_, row) =>
      rows.status[row] === status.PRESENT ? found.map((column) => cellAt(column, row)) : undefined,
    );
  };
  const mistakes = async (of: FeatureView): Promise<string[]> =>
    (await store.checkView(of, callContext(60_000))).mistakes.map(
      ({ path, message }) => `${path.join('.')}: ${message}`,
    );
  const spine = async (
    table: string,
    columns: Readonly<Record<string, SpineColumn>>,
    more: object = {},
  ): Promise<Cell[][]> => {
    const { batches } = await store.spine({ table, columns, time: 'at', ...more }, callContext());
    const rows: Cell[][] = [];
    for await (const batch of batches)
      for (let row = 0; row < batch.rows; row++)
        rows.push(batch.columns.map((column) => cellAt(column, row)));
    return rows;
  };
  return {
    get lake() {
      return lake;
    },
    get store() {
      return store;
    },
    get online() {
      return online;
    },
    get directory() {
      return directory;
    },
    logged,
    file,
    bytes,
    parquet,
    read,
    mistakes,
    spine,
  };
}
