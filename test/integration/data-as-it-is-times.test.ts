import { expect } from 'chai';
import {
  cellAt,
  columnOf,
  offlineStore as offlineStorePort,
  parseType,
  status,
  warehouse,
  type CallContext,
  type Cell,
  type FeatureView,
  type Statement,
  type Warehouse,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { offlineStore } from 'vivace/plugins/offline-store';
import { callContext, startPart } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs, failure, micros } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { file, parquet, read, mistakes, spine, logged } = data;

  describe('times that no column holds', () => {
    const rows = (time: string): string =>
      `SELECT * FROM (VALUES ('a', TIMESTAMP '2024-01-05', TIMESTAMP '2024-01-05'), ('b', TIMESTAMP '${time}', TIMESTAMP '2024-01-05'), ('c', TIMESTAMP '2024-01-05', TIMESTAMP '${time}')) AS t(k, "at", known)`;
    const source = { eventTime: 'at', availableTime: 'known' };

    for (const [name, time] of Object.entries({ plus: 'infinity', minus: '-infinity', far: '20000-01-01' })) {
      it(`end a run that has them as event, available or request time: ${time}`, async () => {
        const table = await parquet(`times-${name}.parquet`, rows(time));
        const of = view({
          entity: { k: 'string' },
          source: { table, ...source },
          features: { x: { type: 'string', of: 'k' } },
        });
        const expected = [
          `source.eventTime: column "at" of ${table}: 1 of 3 times cannot be used: it is infinite, or outside the years 0000 to 9999`,
          `source.availableTime: column "known" of ${table}: 1 of 3 times cannot be used: it is infinite, or outside the years 0000 to 9999`,
        ];
        expect(await mistakes(of)).to.deep.equal(expected);
        for (const run of [
          () => data.store.openAsOf([of], callContext()),
          () => data.store.materialize(of, { untilMs: Date.parse('2024-02-01') }, callContext()),
        ]) {
          const message = await failure(run);
          expect(message).to.match(
            /^INVALID_ARGUMENT .*view "v": column "at" of times-.*: 1 of 3 times cannot be used/,
          );
          expect(message).to.contain('"known"');
        }
        // Outside its bounds too: nothing vanishes.
        const bounded = () =>
          spine(table, {}, { toMs: Date.parse('2024-02-01'), fromMs: Date.parse('2024-01-01') });
        expect(await failure(bounded)).to.match(
          /^INVALID_ARGUMENT .*column "at" of .*: 1 of 3 times cannot be used/,
        );
        const { mistakes: found } = await data.store.checkSpine(
          { table, columns: {}, time: 'at' },
          callContext(),
        );
        expect(found.map(({ path }) => path)).to.deep.equal([['time']]);
      });
    }

    it('are null in features, labels and fields, counted and said once', async () => {
      const table = await parquet('until.parquet', rows('infinity'));
      const of = view({
        entity: { k: 'string' },
        source: { table },
        features: { at: { type: 'timestamp' } },
      });
      const there = micros('2024-01-05T00:00:00Z');
      expect(await read(of, ['a', 'b'])).to.deep.equal([[there], [null]]);
      const note = `column "at" of ${table}: 1 of 3 times is infinite, or outside the years 0000 to 9999, and null instead`;
      expect(logged.map(({ message }) => message)).to.deep.equal([`view "v": ${note}`]);
      logged.splice(0);
      await data.store.materialize(of, { untilMs: 0 }, callContext());
      const out = await onlineRow(of, 'b');
      expect(out).to.deep.equal([status.PRESENT, null]);
      expect(logged.map(({ message }) => message)).to.deep.equal([`view "v": ${note}`]);
      logged.splice(0);
      const known = {
        table,
        time: 'at',
        columns: { known: { column: 'known' } },
        where: { k: { equals: 'c' } },
      };
      const { batches } = await data.store.spine(known, callContext());
      for await (const { columns } of batches) expect(cellAt(columns[0]!, 0)).to.equal(null);
      expect(logged.map(({ message }) => message)).to.deep.equal([
        `spine: column "known" of ${table}: 1 of 1 times is infinite, or outside the years 0000 to 9999, and null instead`,
      ]);
    });

    async function onlineRow(of: FeatureView, key: string): Promise<[number, Cell]> {
      const { FeatureRows } = await import('vivace');
      const out = new FeatureRows(of.features, 1);
      const column = columnOf(parseType('string'), [key]);
      await data.online.open(of).read({ rows: 1, time: 0, column: () => column }, out, callContext());
      return [out.status[0]!, cellAt(out.columns[0]!.finish(), 0)];
    }
  });

  describe('times of a table', () => {
    it('are looked at by their least and greatest alone, those of a query one by one', async () => {
      const statements: string[] = [];
      const recording: Warehouse = new Proxy(data.lake, {
        get: (target, name: keyof Warehouse) =>
          name === 'keep' || name === 'query'
            ? (statement: Statement, context: CallContext) => {
                statements.push(statement.sql);
                return target[name](statement, context);
              }
            : (Reflect.get(target, name) as unknown),
      });
      const part = await startPart(offlineStore, {}, { uses: { warehouse: recording, online: data.online } });
      const history = part.face(offlineStorePort);
      const table = await parquet('timed.parquet', `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", 1 AS v`);
      const of = (source: object): FeatureView =>
        view({
          entity: { k: 'string' },
          source: { eventTime: 'at', ...source },
          features: { v: { type: 'int32' } },
        });
      const guarded = async (source: object): Promise<boolean> => {
        statements.splice(0);
        await history.materialize(of(source), { untilMs: Date.parse('2025-01-01') }, callContext());
        return statements.some((sql) => sql.includes('a time cannot be stored'));
      };
      try {
        expect(await guarded({ table })).to.equal(false);
        expect(await guarded({ table: file('timed.csv', 'k,at,v\na,2024-01-05,1\n') })).to.equal(true);
        expect(await guarded({ query: `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS "at", 1 AS v` })).to.equal(
          true,
        );
        expect(await guarded({ table, distinct: true })).to.equal(true);
      } finally {
        await part.stop();
      }
    });
  });

  describe('a client of the user', () => {
    it('with a time zone and an order of its own changes no time and no row', async () => {
      const { DuckDBInstance } = await import('@duckdb/node-api');
      const client = await DuckDBInstance.create(':memory:');
      const connection = await client.connect();
      await connection.run(
        `SET GLOBAL TimeZone = 'America/New_York'; SET GLOBAL default_order = 'DESC'; SET GLOBAL default_null_order = 'NULLS_FIRST'`,
      );
      await connection.run(
        `CREATE TABLE t AS SELECT 'a' AS k, TIMESTAMP '2024-01-05 10:00:00' AS at, '2024-01-05 10:00:00' AS text`,
      );
      const part = await startPart(duckdb, { client });
      const own = await startPart(offlineStore, {}, { uses: { warehouse: part.face(warehouse) } });
      try {
        const of = view({
          entity: { k: 'string' },
          source: { table: 't' },
          features: { at: { type: 'timestamp' }, text: { type: 'timestamp' } },
        });
        await using reader = await own.face(offlineStorePort).openAsOf([of], callContext());
        const keys = { rows: 1, columns: [columnOf(parseType('string'), ['a'])], time: Float64Array.of(0) };
        const found = await reader.read(of, keys, callContext());
        const ten = micros('2024-01-05T10:00:00Z');
        expect(found.columns.map((column) => cellAt(column.finish(), 0))).to.deep.equal([ten, ten]);
        const newest = view({
          entity: { k: 'string' },
          source: {
            query: `SELECT 'a' AS k, i AS n, TIMESTAMP '2024-01-05' + INTERVAL (i) DAY AS at FROM range(9) AS r(i)`,
            eventTime: 'at',
          },
          features: { n: { type: 'int32' } },
        });
        await using rows = await own.face(offlineStorePort).openAsOf([newest], callContext());
        const later = { ...keys, time: Float64Array.of(micros('2024-01-08T12:00:00Z')) };
        const counted = await rows.read(newest, later, callContext());
        expect(cellAt(counted.columns[0]!.finish(), 0)).to.equal(3);
        const zone = await connection.runAndReadAll(`SELECT current_setting('TimeZone')`);
        expect(zone.getRows()).to.deep.equal([['America/New_York']]);
      } finally {
        await own.stop();
        await part.stop();
        connection.disconnectSync();
        client.closeSync();
      }
    });
  });
});
