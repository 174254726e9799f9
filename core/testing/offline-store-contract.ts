import assert from 'node:assert/strict';
import { cellAt, columnOf, type Cell, type Column } from '../data/column.js';
import { FeatureRows, type Field } from '../data/feature-rows.js';
import { status } from '../data/status.js';
import { parseType } from '../data/types.js';
import { isVivaceError } from '../kernel/errors.js';
import { microsPerDay, millisPerDay } from '../kernel/time.js';
import type { RunningPart } from '../parts/create-part.js';
import {
  offlineStore,
  type AsOfReader,
  type OfflineStore,
  type SourceReport,
  type Spine,
} from '../ports/offline-store.js';
import type { OnlineStore } from '../ports/online-store.js';
import type { RowBatch } from '../ports/warehouse.js';
import { viewSchema } from '../views/schema.js';
import { compileView, type FeatureView } from '../views/view.js';
import { RowCodec } from '../wire/row-codec.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { Runner } from './runner.js';
import { callContext } from './start-part.js';
import { withFile } from './with-file.js';

const context = callContext;
const day = microsPerDay;

/** Tables that the contract asks for, by name. */
export type ContractTables = Readonly<
  Record<string, { readonly fields: readonly Field[]; readonly batches: readonly RowBatch[] }>
>;

/** What the contract of an offline store needs. */
export interface OfflineStoreSetup {
  readonly runner: Runner;
  /** Makes a part, not started, that can read `tables`, and the (started, empty) online store that it materializes to. */
  make(tables: ContractTables): Promise<{ readonly part: RunningPart; readonly online: OnlineStore }>;
  /** An integer whose squares the warehouse sums exactly, for a warehouse with too narrow sums; default: one beyond 2^53. */
  readonly squared?: bigint;
}

/** What every `OfflineStore` promises. */
export function offlineStoreContract(setup: OfflineStoreSetup): void {
  const { describe, it, afterEach } = setup.runner;
  describe('OfflineStore contract', () => {
    let part: RunningPart | undefined;
    let online: OnlineStore;
    afterEach(async () => {
      await part?.stop();
      part = undefined;
    });

    const open = async (tables: ContractTables): Promise<OfflineStore> => {
      const made = await setup.make(tables);
      part = made.part;
      online = made.online;
      await part.start(context());
      return part.face(offlineStore);
    };
    const read = async (
      store: OfflineStore,
      of: FeatureView,
      requests: readonly Request[],
    ): Promise<FeatureRows> => {
      await using reader = await store.openAsOf([of], context());
      return await reader.read(of, requested(of, requests), context());
    };
    const asOf = async (store: OfflineStore, of: FeatureView, requests: readonly Request[]): Promise<Row[]> =>
      rowsOf(await read(store, of, requests));
    const onlineRows = async (of: FeatureView, keys: readonly (readonly Cell[])[]): Promise<FeatureRows> => {
      const columns = keyColumns(of, keys);
      const out = new FeatureRows(of.features, keys.length);
      await online.open(of).read(
        {
          rows: keys.length,
          time: 0,
          column: (name) => columns[of.entity.findIndex((key) => key.name === name)]!,
        },
        out,
        context(),
      );
      return out;
    };

    describe('plain columns', () => {
      it('answers with the newest row known at the time, and MISSING before there is one', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, 1],
            ['a', 20, 20, 2],
            ['b', 15, 15, 3],
          ]),
        });
        const rows = await asOf(store, plainView, [
          ['a', 9],
          ['a', 10],
          ['a', 19.5],
          ['a', 99],
          ['b', 20],
          ['c', 99],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          [null, 1, 1, 2, 3, null],
        );
        assert.deepEqual(
          rows.map((row) => row.status),
          [status.MISSING, 0, 0, 0, 0, status.MISSING],
        );
        assert.deepEqual([rows[3]!.event, rows[3]!.available], [20 * day, 20 * day]);
      });

      it('rounds halves away from zero where a fraction is wanted as an integer', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, 0.5],
            ['b', 10, 10, 2.5],
            ['c', 10, 10, -2.5],
            ['d', 10, 10, 2.4],
            ['e', 10, 10, null],
          ]),
        });
        for (const [type, expected] of [
          ['int32', [1, 3, -3, 2, null]],
          ['int64', [1n, 3n, -3n, 2n, null]],
        ] as const) {
          const whole = view({ ...plainSpec, features: { x: { type, of: 'value' } } });
          const rows = await asOf(
            store,
            whole,
            ['a', 'b', 'c', 'd', 'e'].map((key) => [key, 10] as const),
          );
          assert.deepEqual(
            rows.map(({ cells }) => cells[0]),
            expected,
          );
        }
      });

      it('uses a row from its available time on, not from its event time on', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, 1],
            ['a', 20, 30, 2],
          ]),
        });
        const rows = await asOf(store, plainView, [
          ['a', 29],
          ['a', 30],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          [1, 2],
        );
      });

      it('never goes back to an older event that became known later', async () => {
        const store = await open({
          t: plain([
            ['a', 20, 20, 2],
            ['a', 10, 30, 1],
            ['a', 25, 40, 3],
          ]),
        });
        const rows = await asOf(store, plainView, [
          ['a', 20],
          ['a', 30],
          ['a', 40],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          [2, 2, 3],
        );
      });

      it('uses a row once its event has happened and it is known, whichever comes later', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 9, 10],
            ['a', 11, 9, 11],
            ['a', 15, 9, 15],
            ['b', 10, 10, 1],
            ['b', 50, 20, 2],
            ['b', 30, 30, 3],
          ]),
        });
        const rows = await asOf(store, plainView, [
          ['a', 9],
          ['a', 10.5],
          ['a', 11.5],
          ['a', 15],
          ['b', 25],
          ['b', 35],
          ['b', 50],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          [null, 10, 11, 15, 1, 3, 2],
        );
      });

      it('of rows about the same future event takes the one that became known last', async () => {
        const store = await open({
          t: plain([
            ['a', 20, 12, 1],
            ['a', 20, 14, 2],
            ['a', 20, 13, 3],
            ['a', 19, 20, 4],
            ['a', 20, 25, 5],
          ]),
        });
        const rows = await asOf(store, plainView, [
          ['a', 19],
          ['a', 20],
          ['a', 24],
          ['a', 25],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          [null, 2, 2, 5],
        );
      });

      it('of rows that became known together takes the newest event, of equal events the later known', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 30, 1],
            ['a', 20, 30, 2],
            ['b', 10, 11, 3],
            ['b', 10, 12, 4],
          ]),
        });
        const rows = await asOf(store, plainView, [
          ['a', 30],
          ['b', 11],
          ['b', 12],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          [2, 3, 4],
        );
      });

      it('of rows with equal times takes the bytewise greater, as online', async () => {
        const values = [3.5, -1, 7, null, 2];
        const store = await open({ t: plain(values.map((value) => ['a', 10, 10, value])) });
        const expected = greatest(
          plainView,
          values.map((value) => [value]),
          10 * day,
        );
        const rows = await asOf(store, plainView, [['a', 10]]);
        assert.deepEqual(rows[0]!.cells, expected);
        await store.materialize(plainView, { untilMs: (10 * day) / 1000 }, context());
        assert.deepEqual(rowsOf(await onlineRows(plainView, [['a']]))[0]!.cells, expected);
      });

      it('keeps nulls apart from missing rows, and leaves out rows without key or time', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, null],
            [null, 10, 10, 1],
            ['b', null, 10, 2],
            ['c', 10, null, 3],
          ]),
        });
        const rows = await asOf(store, plainView, [
          ['a', 99],
          [null, 99],
          ['b', 99],
          ['c', 99],
        ]);
        assert.deepEqual(
          rows.map((row) => row.status),
          [status.PRESENT, status.MISSING, status.MISSING, status.MISSING],
        );
        assert.deepEqual(rows[0]!.cells, [null]);
      });

      it('answers equal requests equally, and many rows in their order', async () => {
        const store = await open({ t: plain(Array.from({ length: 50 }, (_, i) => ['a', i, i, i])) });
        const requests: Request[] = Array.from({ length: 40_000 }, (_, i) => ['a', (i * 7919) % 50]);
        const rows = await asOf(store, plainView, requests);
        assert.ok(rows.every(({ cells }, i) => cells[0] === requests[i]![1]));
      });

      it('uses only the rows that `where` names, and equal rows once where `distinct` says so', async () => {
        const store = await open({
          t: plain([
            ['a', 1, 1, 5],
            ['a', 1, 1, 5],
            ['a', 1, 1, 50],
          ]),
        });
        const counted = view({
          entity: { key: 'string' },
          source: { table: 't', eventTime: 'event', where: { value: { max: 10 } }, distinct: true },
          features: { n: { aggregate: 'count', windowDays: 1 } },
        });
        assert.deepEqual((await asOf(store, counted, [['a', 2]]))[0]!.cells, [1]);
      });
    });

    describe('a source', () => {
      const messages = (report: SourceReport): string[] =>
        report.mistakes.map(({ path, message }) => `${path.join('.')}: ${message}`);

      it('that fits its view has no mistakes, whatever the case of names', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        const shouted = view({
          ...plainSpec,
          source: { ...plainSpec.source, eventTime: 'EVENT', where: { VALUE: { min: 0 } } },
          features: { x: { type: 'float32', of: 'Value' } },
        });
        for (const of of [plainView, staticView, countedView, shouted])
          assert.deepEqual(messages(await store.checkView(of, context())), []);
        assert.deepEqual((await asOf(store, shouted, [['a', 20]]))[0]!.cells, [1]);
      });

      it('that lacks columns, or has others, is described with all its mistakes at once', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        const wrong = view({
          entity: { key: 'string', shop: 'string' },
          source: {
            table: 't',
            key: { shop: 'vallue' },
            eventTime: 'value',
            availableTime: 'avaliable',
            where: { kay: { equals: 'a' } },
          },
          features: { x: { type: 'float32' }, when: { type: 'float64', of: 'event' } },
        });
        const found = messages(await store.checkView(wrong, context()));
        const expected = [
          /^source\.key\.shop: t has no column "vallue"; did you mean "value"\?$/,
          /^source\.eventTime: column "value" of t is .*, but the event time is a time$/,
          /^source\.availableTime: t has no column "avaliable"; did you mean "available"\?$/,
          /^features\.x: t has no column "x"; there are key, event, available, value$/,
          /^features\.when: column "event" of t is .*, but feature "when" is a float64$/,
          /^source\.where\.kay: t has no column "kay"; did you mean "key"\?$/,
        ];
        assert.equal(found.length, expected.length, found.join('\n'));
        expected.forEach((pattern, i) => assert.match(found[i]!, pattern));
        for (const failing of [
          () => store.openAsOf([wrong], context()),
          () => store.materialize(wrong, { untilMs: 0 }, context()),
        ])
          await assert.rejects(
            failing,
            (error) =>
              isVivaceError(error) &&
              error.code === 'INVALID_ARGUMENT' &&
              error.message.includes('view "v"') &&
              error.message.includes('did you mean "available"?') &&
              !error.message.includes('SELECT'),
          );
      });

      it('that is not there is a mistake of the view', async () => {
        const store = await open({ t: plain([]) });
        const gone = view({ ...plainSpec, source: { table: 'no_such_table', eventTime: 'event' } });
        const [mistake, ...others] = (await store.checkView(gone, context())).mistakes;
        assert.deepEqual([mistake!.path, others], [['source', 'table'], []]);
        assert.match(mistake!.message, /no_such_table/);
      });

      it('with a query is described as one with a table is', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        const query = 'SELECT 1 AS other';
        const of = view({ ...plainSpec, source: { query, key: { key: 'other' } } });
        assert.deepEqual(messages(await store.checkView(of, context())), [
          'features.x: the query has no column "value"; there are other',
        ]);
      });

      it('never rounds a key: what is not whole fails', async () => {
        const spec = { entity: { key: 'int64' }, features: { at: { type: 'timestamp', of: 'event' } } };
        const byValue = view({ ...spec, source: { table: 't', key: { key: 'value' }, eventTime: 'event' } });
        const whole = await open({ t: plain([['a', 10, 10, 7]]) });
        assert.deepEqual((await asOf(whole, byValue, [[7n, 20]]))[0]!.cells, [10 * day]);
        await part!.stop();
        const broken = await open({ t: plain([['a', 10, 10, 7.5]]) });
        await assert.rejects(
          asOf(broken, byValue, [[8n, 20]]),
          (error) =>
            isVivaceError(error) &&
            error.code === 'INVALID_ARGUMENT' &&
            error.message.includes('view "v"') &&
            error.message.includes('"value"'),
        );
      });

      it('of a spine is compared with the fields and labels that it declares', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        const columns = {
          who: { column: 'key', type: parseType('string'), path: ['request', 'who'] },
          count: { column: 'key', type: parseType('bool') },
          label: { column: 'labell', path: ['labels', 'label'] },
        };
        const good = { table: 't', columns: { who: columns.who }, time: 'event' };
        assert.deepEqual(messages(await store.checkSpine(good, context())), []);
        const wrong = {
          table: 't',
          columns: { ...columns, at: { column: 'value', type: parseType('timestamp') } },
          time: 'evnt',
        };
        const found = messages(await store.checkSpine(wrong, context()));
        assert.deepEqual(
          found.filter((text) => text.includes('no column')).map((text) => text.split(':')[0]),
          ['labels.label', 'time'],
        );
        assert.match(found.join('\n'), /columns\.at: column "value" of t is .*, but "at" is a time/);
        await assert.rejects(
          async () => store.spine(wrong, context()),
          (error) =>
            isVivaceError(error) &&
            error.code === 'INVALID_ARGUMENT' &&
            error.message.includes('did you mean "event"?'),
        );
      });
    });

    describe('static columns', () => {
      it('are there at every time', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, 1],
            ['b', 10, 10, 2],
          ]),
        });
        const rows = await asOf(store, staticView, [
          ['a', -40_000],
          ['b', 1],
          ['c', 1],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells[0]),
          [1, 2, null],
        );
        assert.equal(rows[0]!.event, 0);
        assert.ok(rows[0]!.available > 0);
      });

      it('are materialized whatever the time', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, 1],
            ['b', 10, 10, 2],
          ]),
        });
        const progress = await store.materialize(staticView, { untilMs: 0 }, context());
        assert.deepEqual(progress, { rows: 2, written: 2, total: 2 });
        assert.deepEqual(rowsOf(await onlineRows(staticView, [['b']]))[0]!.cells, [2]);
      });
    });

    describe('aggregates', () => {
      const features = {
        n: { aggregate: 'count', windowDays: [1, 3] },
        total: { aggregate: 'sum', of: 'value', type: 'int64', windowDays: 3 },
        mean: { aggregate: 'mean', of: 'value', windowDays: 3 },
        deviation: { aggregate: 'stddev', of: 'value', type: 'float64', windowDays: 3 },
        high: { aggregate: 'share', of: 'value', above: 4, windowDays: 3 },
        least: { aggregate: 'min', of: 'value', windowDays: 3 },
        most: { aggregate: 'max', of: 'value', windowDays: 3 },
      } as const;
      const foldedSpec = {
        entity: { key: 'string' },
        source: { table: 't', eventTime: 'event', availableTime: 'available' },
        features,
      };
      const folded = view(foldedSpec);

      it('use the days before the row and nothing later', async () => {
        const store = await open({
          t: integers([
            ['a', 10.5, 10.5, 4],
            ['a', 10.9, 10.9, 8],
            ['a', 12.2, 12.2, 3],
          ]),
        });
        const rows = await asOf(store, folded, [
          ['a', 10.99],
          ['a', 11],
          ['a', 12.99],
          ['a', 13],
          ['a', 14],
          ['a', 15.5],
        ]);
        assert.deepEqual(
          rows.map((row) => row.status),
          [status.MISSING, 0, 0, 0, 0, 0],
        );
        assert.deepEqual(
          rows.map(({ cells }) => cells.slice(0, 3)),
          [
            [null, null, null],
            [2, 2, 12n],
            [0, 2, 12n],
            [1, 3, 15n],
            [0, 1, 3n],
            [0, 1, 3n],
          ],
        );
        assert.deepEqual(rows[1]!.cells.slice(3), [6, Math.sqrt(8), 0.5, 4, 8]);
        assert.deepEqual(rows[4]!.cells.slice(3), [3, null, 0, 3, 3]);
        assert.deepEqual(
          rows.map(({ event }) => event / day),
          [0, 11, 12, 13, 14, 15],
        );
      });

      it('stand on the day on which the longest window has emptied, and then no more', async () => {
        const store = await open({
          t: integers([
            ['a', 10, 10, 4],
            ['a', 30, 30, 6],
          ]),
        });
        const rows = await asOf(store, folded, [
          ['a', 13],
          ['a', 14],
          ['a', 29],
          ['a', 31],
        ]);
        assert.deepEqual(
          rows.map(({ event }) => event / day),
          [13, 14, 14, 31],
        );
        assert.deepEqual(rows[1]!.cells, [0, 0, 0n, null, null, null, null, null]);
      });

      it('are known when the last of their events is', async () => {
        const store = await open({
          t: integers([
            ['a', 10, 10, 4],
            ['a', 11, 20, 6],
          ]),
        });
        const rows = await asOf(store, folded, [
          ['a', 12.5],
          ['a', 15.5],
          ['a', 20],
        ]);
        assert.deepEqual(
          rows.map(({ event, available }) => [event / day, available / day]),
          [
            [11, 11],
            [15, 15],
            [15, 15],
          ],
        );
        assert.deepEqual(
          rows.map(({ cells }) => cells[1]),
          [1, 0, 0],
        );
      });

      it('leave nulls out of everything but the count', async () => {
        const store = await open({
          t: integers([
            ['a', 10, 10, null],
            ['a', 10, 10, 6],
            ['b', 10, 10, null],
          ]),
        });
        const rows = await asOf(store, folded, [
          ['a', 11],
          ['b', 11],
        ]);
        assert.deepEqual(
          rows.map(({ cells }) => cells),
          [
            [2, 2, 6n, 6, null, 1, 6, 6],
            [1, 1, 0n, null, null, null, null, null],
          ],
        );
      });

      it('sum integers exactly', async () => {
        const big = 9_007_199_254_740_993n;
        const store = await open({
          t: integers([
            ['a', 10, 10, big],
            ['a', 10, 10, big],
            ['a', 10, 10, big + 1n],
          ]),
        });
        const { total, least } = features;
        const summed = view({ ...foldedSpec, features: { total, least: { ...least, type: 'int64' } } });
        const { cells } = (await asOf(store, summed, [['a', 11]]))[0]!;
        assert.deepEqual(cells, [big * 3n + 1n, big]);
      });

      it('sum squares of integers exactly, where doubles would keep nothing of their differences', async () => {
        const { squared: big = 9_007_199_254_740_993n } = setup;
        const store = await open({
          t: integers([
            ['a', 10, 10, big],
            ['a', 10, 10, big],
            ['a', 10, 10, big + 1n],
          ]),
        });
        const { cells } = (await asOf(store, folded, [['a', 11]]))[0]!;
        assert.ok(Math.abs((cells[4] as number) - Math.sqrt(1 / 3)) < 1e-12);
      });

      it('put days before 1970 where they belong', async () => {
        const store = await open({ t: integers([['a', -2.5, -2.5, 4]]) });
        const rows = await asOf(store, folded, [
          ['a', -2.1],
          ['a', -2],
        ]);
        assert.deepEqual(
          rows.map((row) => row.status),
          [status.MISSING, status.PRESENT],
        );
      });

      it('refuse a column that is not a number, and say which view', async () => {
        const store = await open({ t: integers([['a', 1, 1, 1]]) });
        const of = view({
          entity: { key: 'string' },
          source: { table: 't', eventTime: 'event' },
          features: { x: { aggregate: 'mean', of: 'key', windowDays: 1 } },
        });
        await assert.rejects(
          asOf(store, of, [['a', 1]]),
          (error) =>
            isVivaceError(error) && error.code === 'INVALID_ARGUMENT' && error.message.includes('view "v"'),
        );
      });
    });

    describe('an open reader', () => {
      const newest = async (reader: AsOfReader): Promise<Cell | undefined> =>
        rowsOf(await reader.read(plainView, requested(plainView, [['a', 99]]), context()))[0]!.cells[0];

      it('reads views again and again, a view that was named twice too, until it is disposed of', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        const reader = await store.openAsOf([plainView, plainView], context());
        assert.deepEqual([await newest(reader), await newest(reader)], [1, 1]);
        await Promise.all([reader[Symbol.asyncDispose](), reader[Symbol.asyncDispose]()]);
        await reader[Symbol.asyncDispose]();
        await assert.rejects(
          async () => newest(reader),
          (error) => isVivaceError(error) && error.code === 'FAILED_PRECONDITION',
        );
      });

      it('hands on what its user throws, as it is', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        const thrown = new TypeError('as the test asked');
        const failing = async (): Promise<void> => {
          await using reader = await store.openAsOf([plainView], context());
          await newest(reader);
          throw thrown;
        };
        await assert.rejects(failing, (error) => error === thrown);
      });

      it('keeps the store from stopping, and goes on reading meanwhile', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        const reader = await store.openAsOf([plainView], context());
        const stopping = part!.stop(60_000);
        assert.equal(await newest(reader), 1);
        assert.equal(part!.guarded.state, 'stopping');
        await reader[Symbol.asyncDispose]();
        await stopping;
      });
    });

    describe('materialize', () => {
      it('copies for each key what an as-of read finds at that time, byte for byte', async () => {
        // Known before their event, with it, and after it; some with the times of another.
        const rows = Array.from(
          { length: 400 },
          (_, i) =>
            [`k${i % 37}`, (i * 7) % 50, ((i * 7) % 50) + (i % 7) - 3, i % 11 === 0 ? null : i / 3] as const,
        );
        const store = await open({ t: plain(rows) });
        const keys = Array.from({ length: 38 }, (_, i) => [`k${i}`]);
        for (const until of [20, 30, 31, 49]) {
          const requests = keys.map(([key]) => [key as string, until] as const);
          await store.materialize(plainView, { untilMs: (until * day) / 1000 }, context());
          const stored = await onlineRows(plainView, keys);
          const found = await read(store, plainView, requests);
          assert.deepEqual([...stored.status], [...found.status]);
          assert.deepEqual(bytesOf(plainView, stored), bytesOf(plainView, found));
        }
      });

      it('copies a row once its event has happened and it is known, as an as-of read finds it', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 9, 10],
            ['a', 11, 9, 11],
            ['a', 15, 9, 15],
          ]),
        });
        for (const [until, expected] of [
          [9.5, null],
          [11.5, 11],
          [15, 15],
        ] as const) {
          await store.materialize(plainView, { untilMs: (until * day) / 1000 }, context());
          assert.deepEqual(rowsOf(await onlineRows(plainView, [['a']]))[0]!.cells, [expected]);
          assert.deepEqual((await asOf(store, plainView, [['a', until]]))[0]!.cells, [expected]);
        }
      });

      it('includes rows dated exactly `until`, and nothing known only later', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, 1],
            ['a', 11, 11, 2],
            ['a', 12, 12, 3],
            ['b', 10, 20, 4],
          ]),
        });
        const progress = await store.materialize(plainView, { untilMs: (11 * day) / 1000 }, context());
        assert.deepEqual(progress, { rows: 1, written: 1, total: 1 });
        assert.deepEqual(
          rowsOf(await onlineRows(plainView, [['a'], ['b']])).map(({ cells }) => cells[0]),
          [2, null],
        );
      });

      it('changes nothing when repeated, and goes on where it is repeated with a later time', async () => {
        const store = await open({
          t: plain([
            ['a', 10, 10, 1],
            ['a', 12, 12, 3],
          ]),
        });
        const seen: number[] = [];
        const run = (until: number) =>
          store.materialize(
            plainView,
            { untilMs: (until * day) / 1000, onProgress: ({ rows }) => seen.push(rows) },
            context(),
          );
        assert.equal((await run(11)).written, 1);
        assert.equal((await run(11)).written, 0);
        assert.equal((await run(12)).written, 1);
        assert.equal(seen.at(-1), 1);
      });

      it('estimates what it would be billed for, or says that it is nothing, and writes nothing', async () => {
        const store = await open({ t: plain([['a', 10, 10, 1]]) });
        for (const of of [plainView, staticView, countedView]) {
          const estimate = await store.estimate?.(of, { untilMs: (11 * day) / 1000 }, context());
          assert.ok(estimate === undefined || (Number.isSafeInteger(estimate.bytes) && estimate.bytes >= 0));
        }
        const stored = await onlineRows(plainView, [['a']]);
        assert.deepEqual([...stored.status], [status.MISSING]);
      });

      it('refuses a view whose rows are only pushed', async () => {
        const store = await open({ t: plain([]) });
        const pushed = view({ entity: { key: 'string' }, features: { x: { type: 'float32' } } });
        await assert.rejects(
          store.materialize(pushed, { untilMs: 0 }, context()),
          (error) => isVivaceError(error) && error.code === 'FAILED_PRECONDITION',
        );
      });
    });

    describe('spine', () => {
      const read = async (store: OfflineStore, spine: Partial<Spine>): Promise<Cell[][]> => {
        const whole = {
          table: 't',
          columns: { who: { column: 'key' }, what: { column: 'value' } },
          time: 'event',
          ...spine,
        };
        const { fields, batches } = await store.spine(whole, context());
        assert.deepEqual(
          fields.map(({ name }) => name),
          ['who', 'what', 'time'],
        );
        const rows: Cell[][] = [];
        for await (const batch of batches) {
          for (let row = 0; row < batch.rows; row++)
            rows.push(batch.columns.map((column) => cellAt(column, row)));
        }
        return rows;
      };

      it('gives rows by time, then by every column', async () => {
        const store = await open({
          t: plain([
            ['b', 2, 2, 1],
            ['a', 2, 2, 5],
            ['a', 2, 2, null],
            ['z', 1, 1, 1],
          ]),
        });
        const rows = await read(store, {});
        assert.deepEqual(rows, [
          ['z', 1, day],
          ['a', null, 2 * day],
          ['a', 5, 2 * day],
          ['b', 1, 2 * day],
        ]);
      });

      it('takes rows from a time (inclusive) to another (exclusive), those that `where` names, equal ones once', async () => {
        const store = await open({
          t: plain([
            ['a', 1, 1, 1],
            ['a', 2, 2, 1],
            ['a', 2, 2, 1],
            ['b', 2, 2, 9],
            ['a', 3, 3, 1],
          ]),
        });
        const rows = await read(store, {
          fromMs: (2 * day) / 1000,
          toMs: (3 * day) / 1000,
          where: { value: { max: 5 } },
          distinct: true,
        });
        assert.deepEqual(rows, [['a', 1, 2 * day]]);
      });

      it('samples by the values of a row: the same rows in every run, in their order', async () => {
        const store = await open({
          t: plain(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i, i, i % 7])),
        });
        const all = await read(store, {});
        const some = await read(store, { sample: { of: 10 } });
        assert.ok(some.length > 350 && some.length < 650, `${some.length} rows`);
        const names = new Set(some.map(([who]) => who));
        assert.deepEqual(
          some,
          all.filter(([who]) => names.has(who as string)),
        );
        assert.deepEqual(
          some.slice(0, 5).map(([who]) => who),
          firstSampled,
        );
      });

      it('samples by columns of the table: rows that are equal in these together, whatever else they hold', async () => {
        const store = await open({
          t: plain(Array.from({ length: 4000 }, (_, i) => [`k${i}`, Math.floor(i / 4), i % 3, i % 7])),
        });
        const sample = { of: 5, by: ['event', 'available'] };
        const some = await read(store, { sample: { of: 5, by: ['event'] } });
        const perTime = new Map<Cell, number>();
        for (const [, , time] of some) perTime.set(time!, (perTime.get(time!) ?? 0) + 1);
        assert.ok(perTime.size > 130 && perTime.size < 270, `${perTime.size} times`);
        assert.deepEqual([...new Set(perTime.values())], [4]);
        // A column that the spine does not read decides, and stays out of its rows: i and i + 3 have the same, the two between others.
        const pairs = new Set((await read(store, { sample })).map(([who]) => who));
        assert.ok(pairs.size > 500 && pairs.size < 1100, `${pairs.size} rows`);
        for (let i = 0; i < 4000; i += 4)
          assert.equal(pairs.has(`k${i}`), pairs.has(`k${i + 3}`), `k${i} and k${i + 3}`);
        assert.ok(some.some(([who]) => !pairs.has(who)));
      });
    });

    const { fields, batches } = plain([['a', 10, 10, 1]]);
    lifecycleContract({
      runner: setup.runner,
      make: async () => (await setup.make({ t: plain([['a', 10, 10, 1]]) })).part,
      port: offlineStore,
      calls: {
        checkView: (started, call) => started.checkView(plainView, call),
        checkSpine: (started, call) => started.checkSpine({ table: 't', columns: {}, time: 'event' }, call),
        openAsOf: {
          open: (started, call) => started.openAsOf([plainView], call),
          handle: {
            read: (reader, call) => reader.read(plainView, requested(plainView, [['a', 20]]), call),
          },
        },
        spine: async (started, call) => {
          for await (const _ of (await started.spine({ table: 't', columns: {}, time: 'event' }, call))
            .batches);
        },
        materialize: (started, call) => started.materialize(plainView, { untilMs: 20 * millisPerDay }, call),
        estimate: (started, call) => started.estimate?.(plainView, { untilMs: 20 * millisPerDay }, call),
        save: (started, call) =>
          withFile('rows.csv', (path) => started.save({ fields, batches: [...batches] }, path, call)),
      },
    });
  });
}

/** Rows that a sample of one in ten begins with: they must be these on every engine. */
const firstSampled = ['k29', 'k47', 'k59', 'k61', 'k67'];

type Request = readonly [key: Cell, day: number];

interface Row {
  readonly cells: Cell[];
  readonly status: number;
  readonly event: number;
  readonly available: number;
}

function view(spec: object): FeatureView {
  return compileView('v', viewSchema.parse({ store: 'online', ...spec }));
}

const plainSpec = {
  entity: { key: 'string' },
  source: { table: 't', eventTime: 'event', availableTime: 'available' },
  features: { x: { type: 'float32', of: 'value' } },
};
const plainView = view(plainSpec);
const staticView = view({ ...plainSpec, source: { table: 't' } });
const countedView = view({ ...plainSpec, features: { n: { aggregate: 'count', windowDays: 2 } } });

type PlainRow = readonly [key: Cell, event: number | null, available: number | null, value: Cell];

const plain = (rows: readonly PlainRow[]): ContractTables[string] => tableOf('float64', rows);
const integers = (rows: readonly PlainRow[]): ContractTables[string] => tableOf('int64', rows);

function tableOf(type: string, rows: readonly PlainRow[]): ContractTables[string] {
  const micros = (days: number | null): number | null => (days === null ? null : Math.round(days * day));
  const types = {
    key: 'string',
    event: 'timestamp',
    available: 'timestamp',
    value: type,
  };
  const fields = Object.entries(types).map(([name, declared]) => ({ name, type: parseType(declared) }));
  const cells = rows.map(([key, event, available, value]) => [key, micros(event), micros(available), value]);
  const columns = fields.map((field, i) =>
    columnOf(
      field.type,
      cells.map((row) => row[i] as Cell),
    ),
  );
  return { fields, batches: [{ fields, columns, rows: rows.length }] };
}

function keyColumns(of: FeatureView, keys: readonly (readonly Cell[])[]): Column[] {
  return of.entity.map(({ type }, i) =>
    columnOf(
      type,
      keys.map((key) => key[i] as Cell),
    ),
  );
}

function requested(
  of: FeatureView,
  requests: readonly Request[],
): { rows: number; columns: Column[]; time: Float64Array } {
  const time = Float64Array.from(requests, ([, at]) => Math.round(at * day));
  return {
    rows: requests.length,
    columns: keyColumns(
      of,
      requests.map(([key]) => [key]),
    ),
    time,
  };
}

function rowsOf(rows: FeatureRows): Row[] {
  const columns = rows.columns.map((column) => column.finish());
  return Array.from({ length: rows.rows }, (_, row) => ({
    cells: columns.map((column) => cellAt(column, row)),
    status: rows.status[row] as number,
    event: rows.eventTime[row] as number,
    available: rows.availableTime[row] as number,
  }));
}

function bytesOf(of: FeatureView, rows: FeatureRows): string[] {
  const encoded = new RowCodec(of.features).encode(
    rows,
    rows.columns.map((column) => column.finish()),
  );
  return encoded.map((bytes) => Buffer.from(bytes).toString('hex'));
}

function greatest(of: FeatureView, rows: readonly (readonly Cell[])[], time: number): readonly Cell[] {
  const out = new FeatureRows(of.features, rows.length);
  rows.forEach((cells, row) => cells.forEach((cell, i) => out.columns[i]!.set(row, cell)));
  out.eventTime.fill(time);
  out.availableTime.fill(time);
  const encoded = bytesOf(of, out);
  return rows[encoded.indexOf(encoded.toSorted().at(-1)!)]!;
}
