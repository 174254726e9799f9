import assert from 'node:assert/strict';
import { cellAt, columnOf, type Cell } from '../data/column.js';
import { FeatureRows, type Keys } from '../data/feature-rows.js';
import { status, unset } from '../data/status.js';
import { isVivaceError } from '../kernel/errors.js';
import { instantOf } from '../kernel/time.js';
import type { RunningPart } from '../parts/create-part.js';
import type { KeyValueStore } from '../ports/key-value-store.js';
import { onlineStore, type OnlineView } from '../ports/online-store.js';
import { emptyLedger } from '../views/ledger.js';
import type { FeatureView } from '../views/view.js';
import { encodeRowKeys } from '../wire/row-key.js';
import { faulty } from './faulty.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { Runner } from './runner.js';
import { callContext } from './start-part.js';
import { view } from './view.js';

const context = callContext;

/** What the contract of an online store needs: a part whose store beneath can be wrapped. */
export interface OnlineStoreSetup {
  readonly runner: Runner;
  /** Makes a part over an empty store, not started; the part must use the store that `wrap` gives. */
  make(wrap?: (store: KeyValueStore) => KeyValueStore): RunningPart | Promise<RunningPart>;
}

interface Row {
  readonly key: readonly Cell[];
  readonly event: number;
  readonly available?: number;
  readonly cells: readonly Cell[];
}

/** What every `OnlineStore` over a key-value store promises. */
export function onlineStoreContract(setup: OnlineStoreSetup): void {
  const { runner } = setup;
  const make: OnlineStoreSetup['make'] = (wrap) => setup.make(wrap);
  const { describe, it, afterEach } = runner;
  describe('OnlineStore contract', () => {
    let part: RunningPart;
    afterEach(() => part.stop());

    const open = async (
      view: FeatureView,
      wrap?: (store: KeyValueStore) => KeyValueStore,
    ): Promise<OnlineView> => {
      part = await make(wrap);
      await part.start(context());
      return part.face(onlineStore).open(view);
    };

    it('answers MISSING for a key it does not hold', async () => {
      const online = await open(simple);
      await write(online, simple, [{ key: ['a'], event: 1, cells: [1.5] }]);
      const rows = await read(online, simple, [['nope'], ['a']]);
      assert.deepEqual([...rows.status], [status.MISSING, status.PRESENT]);
      assert.deepEqual(cellsOf(rows), [[null], [1.5]]);
    });

    it('gives back the times of a row, exact to the microsecond', async () => {
      const online = await open(simple);
      const event = instantOf('2001-06-15T00:00:00.123456Z')!;
      await write(online, simple, [{ key: ['a'], event, available: event + 1, cells: [1] }]);
      const rows = await read(online, simple, [['a']]);
      assert.deepEqual([rows.eventTime[0], rows.availableTime[0]], [event, event + 1]);
    });

    it('refuses rows that are unset or whose times are not set or not finite, and writes none of them', async () => {
      const online = await open(simple);
      const spoil: readonly ((rows: FeatureRows) => void)[] = [
        (rows) => (rows.eventTime[1] = NaN),
        (rows) => (rows.eventTime[1] = Infinity),
        (rows) => (rows.availableTime[1] = NaN),
        (rows) => (rows.availableTime[1] = -Infinity),
        (rows) => (rows.status[1] = unset),
      ];
      for (const [i, tell] of spoil.entries()) {
        const rows = new FeatureRows(simple.features, 2);
        for (const times of [rows.eventTime, rows.availableTime]) times.fill(1);
        for (const row of [0, 1]) rows.columns[0]!.set(row, 1);
        tell(rows);
        await assert.rejects(
          async () => online.write(keysOf(simple, [['a'], ['b']]), rows, context()),
          (error) =>
            isVivaceError(error) && error.code === 'INVALID_ARGUMENT' && error.message.includes('row 1 '),
          `case ${i}`,
        );
        assert.deepEqual(
          [...(await read(online, simple, [['a'], ['b']])).status],
          [status.MISSING, status.MISSING],
        );
      }
    });

    it('keeps every type, and nulls', async () => {
      const online = await open(everyType);
      const full = Object.values(samples);
      const nulls = full.map(() => null);
      await write(online, everyType, [
        { key: ['full'], event: 1, cells: full },
        { key: ['nulls'], event: 1, cells: nulls },
      ]);
      const rows = await read(online, everyType, [['nulls'], ['full']]);
      assert.deepEqual(cellsOf(rows), [nulls, full]);
      assert.deepEqual([...rows.status], [status.PRESENT, status.PRESENT]);
    });

    it('tells keys apart that look alike, and takes unicode', async () => {
      const online = await open(pair);
      const keys: Cell[][] = [
        ['a/b', 1n],
        ['a', 1n],
        ['a%2Fb', 1n],
        ['Łódź', -9_007_199_254_740_993n],
        ['東京', 1n],
        ['', 1n],
        ['x'.repeat(500), 1n],
      ];
      await write(
        online,
        pair,
        keys.map((key, i) => ({ key, event: 1, cells: [i] })),
      );
      const rows = await read(online, pair, keys);
      assert.deepEqual(
        cellsOf(rows),
        keys.map((_, i) => [i]),
      );
    });

    it('keeps the newest row, in whatever order rows come', async () => {
      const online = await open(simple);
      const row = (event: number, available: number, value: number): Row => ({
        key: ['k'],
        event,
        available,
        cells: [value],
      });
      await write(online, simple, [row(5, 7, 3), row(9, 2, 1), row(9, 1, 8)]);
      assert.equal(await write(online, simple, [row(8, 99, 4)]), 0);
      assert.deepEqual(cellsOf(await read(online, simple, [['k']])), [[1]]);
      assert.equal(await write(online, simple, [row(9, 3, 6)]), 1);
      assert.deepEqual(cellsOf(await read(online, simple, [['k']])), [[6]]);
    });

    it('says that writing the same rows again changes nothing', async () => {
      const online = await open(simple);
      const rows = ['a', 'b'].map((key) => ({ key: [key], event: 1, cells: [1] }));
      assert.equal(await write(online, simple, rows), 2);
      assert.equal(await write(online, simple, rows), 0);
    });

    it('holds two versions of a view side by side', async () => {
      const first = await open(simple);
      const second = part.face(onlineStore).open(changed);
      await write(first, simple, [{ key: ['a'], event: 1, cells: [1] }]);
      await write(second, changed, [{ key: ['a'], event: 1, cells: ['one'] }]);
      assert.deepEqual(cellsOf(await read(first, simple, [['a']])), [[1]]);
      assert.deepEqual(cellsOf(await read(second, changed, [['a']])), [['one']]);
    });

    it('reads under another name what a view of equal definition wrote, unless its rows are pushed', async () => {
      const pushed = { entity: { id: 'string' }, features: { x: { type: 'float32' } } };
      const sourced = { ...pushed, source: { table: 't', eventTime: 'at' } };
      for (const [spec, expected] of [
        [sourced, 2],
        [pushed, null],
      ] as const) {
        const written = view(spec, 'first');
        const online = await open(written);
        await write(online, written, [{ key: ['a'], event: 1, cells: [2] }]);
        const renamed = view(spec, 'renamed');
        const rows = await read(part.face(onlineStore).open(renamed), renamed, [['a']]);
        assert.deepEqual(cellsOf(rows), [[expected]]);
        if (spec === sourced) await part.stop();
      }
    });

    it('answers MISSING for a null key', async () => {
      const online = await open(simple);
      await write(online, simple, [{ key: [''], event: 1, cells: [1] }]);
      assert.deepEqual(
        [...(await read(online, simple, [[null], ['']])).status],
        [status.MISSING, status.PRESENT],
      );
    });

    it('marks a row of corrupt bytes as FAILED with DATA_LOSS, and only that', async () => {
      let beneath: KeyValueStore | undefined;
      const online = await open(everyType, (store) => (beneath = store));
      await write(online, everyType, [{ key: ['good'], event: 1, cells: Object.values(samples) }]);
      const ids = ['good', 'short', 'long', 'cut'];
      const [good, ...keys] = encodeRowKeys(
        everyType.hash,
        [columnOf(everyType.entity[0]!.type, ids)],
        ids.length,
      );
      const [stored] = await beneath!.getMany([good as string], context());
      const bad = [Uint8Array.of(255, 1, 2), new Uint8Array(200).fill(255), stored!.slice(0, -1)];
      await beneath!.putNewest(
        keys.map((key, i) => ({ key, value: bad[i]! })),
        context(),
      );
      const rows = await read(online, everyType, [['short'], ['good'], ['long'], ['cut']]);
      assert.deepEqual([...rows.status], [status.FAILED, status.PRESENT, status.FAILED, status.FAILED]);
      assert.ok(cellsOf(rows)[3]!.every((cell) => cell === null));
      assert.equal(rows.error?.code, 'DATA_LOSS');
      assert.ok(cellsOf(rows)[0]!.every((cell) => cell === null));
    });

    it('marks the rows that a store could not read as FAILED and answers the others', async () => {
      const online = await open(simple, (store) =>
        faulty(store, { failKeys: (key) => key.endsWith(':b'), operations: ['getMany'] }),
      );
      await write(
        online,
        simple,
        ['a', 'b'].map((key) => ({ key: [key], event: 1, cells: [1] })),
      );
      const rows = await read(online, simple, [['a'], ['b'], ['c']]);
      assert.deepEqual([...rows.status], [status.PRESENT, status.FAILED, status.MISSING]);
      assert.equal(rows.error?.code, 'UNAVAILABLE');
    });

    it('throws where the store could not be read at all', async () => {
      const online = await open(simple, (store) => faulty(store, { failures: Infinity }));
      await assert.rejects(
        read(online, simple, [['a']]),
        (error) => isVivaceError(error) && error.code === 'UNAVAILABLE',
      );
    });

    it('has an empty ledger at first, and then what was added to it, view by view', async () => {
      const online = await open(simple);
      assert.deepEqual(await online.readLedger(context()), emptyLedger('simple'));
      const run = { startedAt: 1, endedAt: 2, after: null, until: 5, rows: 3, written: 2 };
      await online.writeLedger(
        { ...emptyLedger('simple'), covered: [{ after: null, until: 5 }], runs: [run] },
        context(),
      );
      // By another, who has not read it.
      const later = { ...run, startedAt: 3, after: 5, until: 9 };
      await online.writeLedger(
        { ...emptyLedger('simple'), covered: [{ after: 5, until: 9 }], runs: [later] },
        context(),
      );
      const { covered, runs } = await online.readLedger(context());
      assert.deepEqual([covered, runs], [[{ after: null, until: 9 }], [run, later]]);
      const other = part.face(onlineStore).open(pair);
      assert.deepEqual(await other.readLedger(context()), emptyLedger('pair'));
      // It is not a row.
      const rows = await read(online, simple, [['#ledger']]);
      assert.deepEqual([...rows.status], [status.MISSING]);
    });

    it('lists the versions that have a ledger, with their entities and last runs', async () => {
      const online = await open(simple);
      const store = part.face(onlineStore);
      assert.deepEqual(await store.versions(context()), []);
      const run = { startedAt: 7, endedAt: 8, after: null, until: 5, rows: 3, written: 2 };
      await online.writeLedger({ ...emptyLedger('simple'), runs: [run] }, context());
      await store.open(pair).writeLedger(emptyLedger('pair'), context());
      assert.deepEqual(await store.versions(context()), [
        { hash: simple.hash, view: 'simple', entity: [{ name: 'id', type: 'string' }], lastRunAt: 7 },
        {
          hash: pair.hash,
          view: 'pair',
          entity: [
            { name: 'name', type: 'string' },
            { name: 'number', type: 'int64' },
          ],
        },
      ]);
    });

    it('lists a version that has rows and no ledger', async () => {
      const plan = { failures: 0 };
      const online = await open(simple, (store) => faulty(store, plan));
      const store = part.face(onlineStore);
      plan.failures = 1;
      const row = { key: ['a'], event: 10, cells: [1] };
      await assert.rejects(async () => write(online, simple, [row]));
      await Promise.all([write(online, simple, [row]), write(online, simple, [{ ...row, key: ['b'] }])]);
      assert.deepEqual(await store.versions(context()), [
        { hash: simple.hash, view: 'simple', entity: [{ name: 'id', type: 'string' }] },
      ]);
    });

    it('removes keys until a row with a later event time comes', async () => {
      const online = await open(simple);
      await write(online, simple, [
        { key: ['a'], event: 10, cells: [1] },
        { key: ['b'], event: 30, cells: [2] },
        { key: ['c'], event: 10, cells: [3] },
      ]);
      const version = { hash: simple.hash, entity: [{ name: 'id', type: 'string' as const }] };
      const keys = keysOf(simple, [['a'], ['b'], ['nope'], [null]]);
      assert.deepEqual(await part.face(onlineStore).remove(version, { keys, time: 20 }, context()), [
        true,
        false,
        true,
        false,
      ]);
      const all = [['a'], ['b'], ['c'], ['nope']];
      const after = await read(online, simple, all);
      assert.deepEqual(cellsOf(after), [[null], [2], [3], [null]]);
      assert.deepEqual([...after.deletedAt!], [20, -Infinity, -Infinity, 20]);
      await write(online, simple, [{ key: ['a'], event: 20, cells: [4] }]);
      await write(online, simple, [{ key: ['nope'], event: 21, cells: [5] }]);
      assert.deepEqual(cellsOf(await read(online, simple, all)), [[null], [2], [3], [5]]);
    });

    it('drops a version with its ledger, and no other, where the store can', async () => {
      const online = await open(simple);
      const store = part.face(onlineStore);
      if (store.drop === undefined) return;
      await write(online, simple, [{ key: ['a'], event: 10, cells: [1] }]);
      await online.writeLedger(emptyLedger('simple'), context());
      const other = store.open(pair);
      await write(other, pair, [{ key: ['a', 1n], event: 10, cells: [1] }]);
      await other.writeLedger(emptyLedger('pair'), context());
      assert.equal(await store.drop(simple.hash, context()), 2);
      assert.deepEqual([...(await read(online, simple, [['a']])).status], [status.MISSING]);
      assert.deepEqual([...(await read(other, pair, [['a', 1n]])).status], [status.PRESENT]);
      assert.deepEqual(
        (await store.versions(context())).map(({ hash }) => hash),
        [pair.hash],
      );
      assert.equal(await store.drop(simple.hash, context()), 0);
    });

    it('fails to read or to write a ledger where the store does', async () => {
      for (const plan of [{ failures: Infinity }, { failKeys: () => true, operations: ['getMany'] }]) {
        const online = await open(simple, (store) => faulty(store, plan));
        for (const call of [
          () => online.readLedger(context()),
          () => online.writeLedger(emptyLedger('simple'), context()),
        ])
          await assert.rejects(
            async () => call(),
            (error) => isVivaceError(error) && error.code === 'UNAVAILABLE',
          );
      }
    });

    lifecycleContract({
      runner,
      make: () => make(),
      port: onlineStore,
      calls: {
        versions: (started, call) => started.versions(call),
        remove: (started, call) =>
          started.remove({ hash: simple.hash, entity: [] }, { keys: keysOf(simple, [['a']]), time: 1 }, call),
        drop: (started, call) => started.drop?.('none', call),
        open: {
          open: (started) => started.open(simple),
          handle: {
            read: (opened, call) =>
              opened.read(keysOf(simple, [['a']]), new FeatureRows(simple.features, 1), call),
            write: (opened, call) => write(opened, simple, [{ key: ['a'], event: 1, cells: [1] }], call),
            readLedger: (opened, call) => opened.readLedger(call),
            writeLedger: (opened, call) => opened.writeLedger(emptyLedger('simple'), call),
          },
        },
      },
    });
  });
}

const simple = view({ entity: { id: 'string' }, features: { x: { type: 'float32' } } }, 'simple');
const changed = view({ entity: { id: 'string' }, features: { x: { type: 'string' } } }, 'simple');
const pair = view(
  { entity: { name: 'string', number: 'int64' }, features: { x: { type: 'int32' } } },
  'pair',
);

const samples: Record<string, Cell> = {
  float32: 0.5,
  float64: Math.PI,
  int32: -2_147_483_648,
  int64: 9_223_372_036_854_775_807n,
  bool: true,
  string: 'zażółć',
  timestamp: instantOf('2055-02-03T00:00:00.000007Z')!,
  bytes: Uint8Array.of(0, 255, 1),
  'float32[3]': [1, -0.25, 3],
  'int64[2]': [1n, -1n],
  'string[2]': ['', 'b'],
  'list<float64>': [0.1, 0.2],
  'list<string>': ['a', '', '東京'],
  'list<bool>': [],
};

const everyType = view(
  {
    entity: { id: 'string' },
    features: Object.fromEntries(Object.keys(samples).map((type) => [type.replace(/\W+/g, '_'), { type }])),
  },
  'every_type',
);

function keysOf(of: FeatureView, keys: readonly (readonly Cell[])[]): Keys {
  const columns = of.entity.map(({ type }, i) =>
    columnOf(
      type,
      keys.map((key) => key[i] as Cell),
    ),
  );
  return {
    rows: keys.length,
    time: 0,
    column: (name) => columns[of.entity.findIndex((key) => key.name === name)]!,
  };
}

async function write(
  online: OnlineView,
  of: FeatureView,
  rows: readonly Row[],
  call = context(),
): Promise<number> {
  const out = new FeatureRows(of.features, rows.length);
  rows.forEach(({ event, available, cells }, row) => {
    out.eventTime[row] = event;
    out.availableTime[row] = available ?? event;
    cells.forEach((cell, i) => out.columns[i]!.set(row, cell));
  });
  return online.write(
    keysOf(
      of,
      rows.map(({ key }) => key),
    ),
    out,
    call,
  );
}

async function read(
  online: OnlineView,
  of: FeatureView,
  keys: readonly (readonly Cell[])[],
): Promise<FeatureRows> {
  const out = new FeatureRows(of.features, keys.length);
  await online.read(keysOf(of, keys), out, context());
  return out;
}

function cellsOf(rows: FeatureRows): Cell[][] {
  const columns = rows.columns.map((column) => column.finish());
  return Array.from({ length: rows.rows }, (_, row) => columns.map((column) => cellAt(column, row)));
}
