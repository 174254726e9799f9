import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cellAt,
  columnOf,
  keyValueStore,
  offlineStore as offlineStorePort,
  onlineStore as onlineStorePort,
  parseType,
  status,
  warehouse,
  type CallContext,
  type Cell,
  type FeatureView,
  type LogRecord,
  type OfflineStore,
  type OnlineStore,
  type Spine,
  type SpineColumn,
  type Statement,
  type Warehouse,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, startPart } from 'vivace/testing';
import { viewSchema } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';

const micros = (text: string): number => Date.parse(text) * 1000;

function view(spec: object): FeatureView {
  return compileView('v', viewSchema.parse({ store: 'online', ...spec }));
}

describe('Data comes in as it is', () => {
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

  const file = (name: string, text: string): string => {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), text);
    return name;
  };
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
  const failure = async (work: () => Promise<unknown>): Promise<string> =>
    work().then(
      () => 'no failure',
      (error: unknown) => `${(error as { code: string }).code} ${(error as { message: string }).message}`,
    );
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

  const texts = ['1.10', '1e5', '100.50', 'True', '2024-1-5', '007', '10:30:00', '2024-01-05T10:00:00', ' x ', 'NaN',
    '550E8400-E29B-41D4-A716-446655440000', '12345678901234567890', '12345678901234567891', '0x10', '1_000']; // prettier-ignore

  describe('text', () => {
    const keyed = (table: string): FeatureView =>
      view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'string' } } });

    it('declared of a CSV file is text, keys and features alike', async () => {
      const table = file('texts.csv', `k,v\n${texts.map((text) => `${text},${text}`).join('\n')}\n`);
      expect(await read(keyed(table), texts)).to.deep.equal(texts.map((text) => [text]));
    });

    it('declared of a JSON file is text, and numbers keep every digit', async () => {
      const lines = texts.map((text) => JSON.stringify({ k: text, v: text }));
      const table = file('texts.json', `${lines.join('\n')}\n{"k": 98765432109876543210, "v": true}\n`);
      const expected = [...texts.map((text) => [text]), ['true']];
      expect(await read(keyed(table), [...texts, '98765432109876543210'])).to.deep.equal(expected);
    });

    it('declared of folders that are partitions is text', async () => {
      file('parts/k=01/a.csv', 'v\n1.10\n');
      file('parts/k=1e5/a.csv', 'v\n2.20\n');
      expect(await read(keyed('parts/*/a.csv'), ['01', '1e5', '1'])).to.deep.equal([
        ['1.10'],
        ['2.20'],
        undefined,
      ]);
      await parquet('lots/day=007/a.parquet', "SELECT 'x' AS v").catch(() => undefined);
      const byDay = view({
        entity: { day: 'string' },
        source: { table: 'lots/*/*.parquet' },
        features: { v: { type: 'string' } },
      });
      expect(await read(byDay, ['007', '7'])).to.deep.equal([['x'], undefined]);
    });

    it('stands in quotes, in several lines, after other delimiters and in compressed files', async () => {
      const quoted = keyed(file('quoted.csv', '"k","v"\r\n"a ""b"", c","two\nlines"\r\n#d,#\r\n'));
      expect(await read(quoted, ['a "b", c', '#d'])).to.deep.equal([['two\nlines'], ['#']]);
      for (const [name, delimiter] of [
        ['semicolons.csv', ';'],
        ['bars.csv', '|'],
        ['tabs.tsv', '\t'],
      ] as const) {
        const lines = [['k', 'v'], ['1,5', '2,50']].map((fields) => fields.join(delimiter)); // prettier-ignore
        expect(await read(keyed(file(name, `\uFEFF${lines.join('\n')}`)), ['1,5'])).to.deep.equal([['2,50']]);
      }
      expect(await read(keyed(file('single.tsv', 'k\tv,w\n1\t5\n')), ['1']).catch(() => 'gone')).to.equal(
        'gone',
      );
    });

    it('after the rows of a sample is text all the same', async () => {
      const rows = Array.from({ length: 30_000 }, (_, i) => `${i},${i},${i}`);
      const table = file('late.csv', `k,v,label\n${rows.join('\n')}\nzz,1.5,n/a\n`);
      expect(await read(keyed(table), ['7', 'zz'])).to.deep.equal([['7'], ['1.5']]);
      const late = await lake.source(table, [{ name: 'label' }, { name: 'v' }], callContext());
      const types = late.columns.map(({ name, type }) => `${name} ${type?.name}`);
      expect(types).to.deep.equal(['k string', 'v float64', 'label string']);
    });

    it('without a declaration gets the type of all its values, and what a float64 would round is text', async () => {
      const table = file(
        'types.csv',
        `int,float,bool,when,id,code,mixed,none\n1,1.5,true,2024-01-05,12345678901234567890,007,1,\n-2,1e3,FALSE,2024-01-06T00:00:00+02:00,1,8,x,\n`,
      );
      const names = ['int', 'float', 'bool', 'when', 'id', 'code', 'mixed', 'none'];
      const source = await lake.source(table, names.map((name) => ({ name })), callContext()); // prettier-ignore
      expect(source.columns.map(({ type }) => type?.name)).to.deep.equal(
        ['int64', 'float64', 'bool', 'timestamp', 'string', 'string', 'string', 'float64'],
      ); // prettier-ignore
      const json = file('types.json', '[{"id": 12345678901234567890, "x": 1.5}, {"id": 1, "y": {"z": 1}}]');
      const records = await lake.source(json, [{ name: 'id' }, { name: 'x' }], callContext());
      expect(records.columns.map(({ name, type }) => [name, type?.name])).to.deep.equal([
        ['id', 'string'],
        ['x', 'float64'],
        ['y', undefined],
      ]);
    });

    it('of numbers, truth values, times and vectors becomes what it says, and is rounded as numbers are', async () => {
      const spec = {
        entity: { k: 'int64' },
        features: {
          n: { type: 'int32' },
          big: { type: 'int64' },
          f: { type: 'float32' },
          b: { type: 'bool' },
          t: { type: 'timestamp' },
          v: { type: 'float32[2]' },
          l: { type: 'list<int64>' },
        },
      };
      const cells = [
        2.5,
        '9007199254740993',
        '0.1',
        'true',
        '2024-01-05T12:00:00+02:00',
        '"[1, 2.5]"',
        '"[1, 2]"',
      ];
      const csv = file('numbers.csv', `k,n,big,f,b,t,v,l\n9007199254740993,${cells.join(',')}\n`);
      const json = file(
        'numbers.json',
        '{"k": 9007199254740993, "n": 2.5, "big": 9007199254740993, "f": 0.1, "b": true, "t": "2024-01-05 10:00:00", "v": [1, 2.5], "l": [1, 2]}',
      );
      const expected = [3, 9_007_199_254_740_993n, Math.fround(0.1), true, micros('2024-01-05T10:00:00Z'), [1, 2.5], [1n, 2n]]; // prettier-ignore
      for (const table of [csv, json])
        expect(await read(view({ ...spec, source: { table } }), [9_007_199_254_740_993n])).to.deep.equal([
          expected,
        ]);
    });

    it('of a file with a header only has no rows', async () => {
      const table = file('header.csv', 'k,v,n\n');
      const where = { v: { equals: 'paid' }, n: { min: 1 } };
      const of = view({
        entity: { k: 'string' },
        source: { table, where },
        features: { v: { type: 'string' } },
      });
      expect(await read(of, ['k'])).to.deep.equal([undefined]);
      expect(await mistakes(of)).to.deep.equal([]);
      const counted = view({
        entity: { k: 'string' },
        source: { table: file('header2.csv', 'k,at,n\n'), eventTime: 'at' },
        features: { mean: { aggregate: 'mean', of: 'n', windowDays: 1 } },
      });
      expect(await read(counted, ['k'])).to.deep.equal([undefined]);
    });

    it('is compared in `where` as it is declared', async () => {
      const table = file(
        'where.csv',
        'k,n,at,ok\n1.10,9,2024-01-05T00:00:00Z,true\n1.1,10,2024-01-06,false\n',
      );
      const count = async (where: object): Promise<Cell[]> => {
        const of = view({
          entity: { k: 'string' },
          source: { table, where },
          features: { n: { type: 'int32' }, at: { type: 'timestamp' } },
        });
        return (await read(of, ['1.10', '1.1'])).map((cells) => cells?.[0] ?? null);
      };
      expect(await count({ k: { equals: '1.10' } })).to.deep.equal([9, null]);
      expect(await count({ n: { min: 10 } })).to.deep.equal([null, 10]);
      expect(await count({ n: { max: 9.5 } })).to.deep.equal([9, null]);
      expect(await count({ ok: { equals: true } })).to.deep.equal([9, null]);
      expect(await count({ at: { equals: '2024-01-05' } })).to.deep.equal([9, null]);
    });
  });

  describe('a spine', () => {
    it('is read as its fields and labels declare', async () => {
      const table = file(
        'spine.csv',
        `at,id,n,label,free\n2024-01-05 10:00:00,1.10,5,1e5,2\n2024-01-05T13:00:00+02:00,007,6,12345678901234567890,2.5\n`,
      );
      const typed = (column: string, type: string): SpineColumn => ({ column, type: parseType(type) });
      const columns = { id: typed('id', 'string'), n: typed('n', 'int32'), label: typed('label', 'string'), free: { column: 'free' } }; // prettier-ignore
      expect(await spine(table, columns)).to.deep.equal([
        ['1.10', 5, '1e5', 2, micros('2024-01-05T10:00:00Z')],
        ['007', 6, '12345678901234567890', 2.5, micros('2024-01-05T11:00:00Z')],
      ]);
    });

    it('has texts with a tiny fraction neither as an integer nor rounded twice', async () => {
      const table = file('tiny.csv', 'k,v\n2.00000000001,0.49999999999\n');
      const of = (key: string): FeatureView =>
        view({ entity: { k: key }, source: { table }, features: { v: { type: 'int64' } } });
      expect(await mistakes(of('int64'))).to.deep.equal([
        'entity.k: column "k" of tiny.csv: 1 of 1 values is not an int64, such as "2.00000000001"',
      ]);
      expect(await read(of('string'), ['2.00000000001'])).to.deep.equal([[0n]]);
    });

    it('has no value rounded to the integer that its field wants', async () => {
      const table = file('halves.csv', 'at,n\n2024-01-05,1\n2024-01-05,2.5\n');
      const message = await failure(() => spine(table, { n: { column: 'n', type: parseType('int32') } }));
      expect(message).to.match(
        /^INVALID_ARGUMENT .*column "n" of halves\.csv: 1 of 2 values is not an int32, such as "2\.5"$/,
      );
    });
  });

  describe('a spine that cannot be read', () => {
    const spineMistakes = async (table: string, columns: object, more: object): Promise<string[]> =>
      (
        await store.checkSpine({ table, columns, time: 'at', ...more } as Spine, callContext(60_000))
      ).mistakes.map(({ path, message }) => `${path.join('.')}: ${message}`);

    it('by the columns of its sample is a mistake, too', async () => {
      const table = await parquet(
        'nested.parquet',
        `SELECT TIMESTAMP '2024-01-05' AS "at", {'a': 1} AS pair`,
      );
      const sample = (column: string): object => ({ sample: { of: 2, by: [column] } });
      expect(await spineMistakes(table, {}, sample('pair'))).to.deep.equal([
        'sample.by: column "pair" of nested.parquet is STRUCT("a" INTEGER), but `sample.by` is of no type that a column can hold: cast it in a query',
      ]);
      expect((await spineMistakes(table, {}, sample('pairs')))[0]).to.contain('did you mean "pair"?');
    });

    it('names its columns as the user does', async () => {
      const table = await parquet(
        'big.parquet',
        `SELECT TIMESTAMP '2024-01-05' AS "at", 18446744073709551615::UBIGINT AS id, [1, NULL] AS list`,
      );
      expect(await failure(() => spine(table, { label: { column: 'id' } }))).to.contain(
        'column "id": 18446744073709551615 does not fit int64',
      );
      expect(await failure(() => spine(table, {}, { sample: { of: 1, by: ['list'] } }))).to.contain(
        'column "list"',
      );
    });
  });

  describe('numbers', () => {
    it('of a DECIMAL id are exact', async () => {
      const ids = ['12345678901234567', '12345678901234568'];
      const rows = ids.map(
        (id, i) => `(${id}::DECIMAL(18,0), ${id}.00::DECIMAL(20,2), TIMESTAMP '2024-01-05', ${i})`,
      );
      const table = await parquet(
        'decimals.parquet',
        `SELECT * FROM (VALUES ${rows.join(', ')}) AS t(id, wide, "at", v)`,
      );
      for (const key of ['id', 'wide']) {
        const of = view({
          entity: { id: 'int64' },
          source: { table, key: { id: key } },
          features: { v: { type: 'int32' } },
        });
        expect(await read(of, ids.map(BigInt))).to.deep.equal([[0], [1]]);
      }
      const columns = {
        id: { column: 'id', type: parseType('int64') },
        wide: { column: 'wide', type: parseType('int64') },
        label: { column: 'id' },
      };
      const found = (await spine(table, columns)).map((row) => row.slice(0, 3));
      expect(found).to.deep.equal(ids.map((id) => [BigInt(id), BigInt(id), BigInt(id)]));
    });

    it('that would be rounded are refused: labels with a fraction, keys between two integers', async () => {
      const table = await parquet(
        'wide.parquet',
        `SELECT 12345678901234567.25::DECIMAL(20,2) AS label, TIMESTAMP '2024-01-05' AS at, 1 AS v`,
      );
      expect(await failure(() => spine(table, { label: { column: 'label' } }))).to.match(
        /^INVALID_ARGUMENT .*12345678901234567\.25 has more digits than a float64 holds/,
      );
      const of = view({ entity: { label: 'int64' }, source: { table }, features: { v: { type: 'int32' } } });
      expect(await mistakes(of)).to.deep.equal([
        'entity.label: column "label" of wide.parquet: 1 of 1 values is not an int64, such as "12345678901234567.25"',
      ]);
    });

    it('of several files are as wide as the widest, whichever comes first; a column that a file lacks is null there', async () => {
      await parquet('many/1.parquet', `SELECT 'a' AS k, 1::INTEGER AS amount`);
      await parquet('many/2.parquet', `SELECT 1.5::DOUBLE AS amount, 'b' AS k, 7 AS extra`);
      file('mixed/1.csv', 'k,amount\na,1\n');
      file('mixed/2.csv', 'amount;k;extra\n1.5;b;7\n');
      file('lines/1.json', '{"k": "a", "amount": 1}\n');
      file('lines/2.json', '{"amount": 1.5, "k": "b", "extra": 7}\n');
      for (const table of ['many/*.parquet', 'mixed/*.csv', 'lines/*.json']) {
        const features = { amount: { type: 'float64' }, extra: { type: 'int32' } };
        const of = view({ entity: { k: 'string' }, source: { table }, features });
        expect(await read(of, ['a', 'b']), table).to.deep.equal([
          [1, null],
          [1.5, 7],
        ]);
      }
    });
  });

  describe('numbers of several Parquet files', () => {
    const rounded = (type: string, wide: string): RegExp =>
      new RegExp(
        `of .*/\\*\\.parquet: [0-9]+ is ${type.replace(/[()]/g, '\\$&')} in its file and ${wide} in others, which would round it`,
      );
    const pair = async (name: string, first: string, second: string): Promise<string> => {
      await parquet(`${name}/1.parquet`, `SELECT ${first}::INTEGER AS n, TIMESTAMP '2024-01-05' AS "at"`);
      await parquet(`${name}/2.parquet`, `SELECT ${second} AS n, TIMESTAMP '2024-01-05' AS "at"`);
      return `${name}/*.parquet`;
    };
    const keyedBy = (table: string, type: string, more: object = {}): FeatureView =>
      view({ entity: { n: type }, source: { table, ...more }, features: { v: { type, of: 'n' } } });

    it('that the widest type rounds are refused before anything is read, where they are not declared floats', async () => {
      await parquet('wide/3.parquet', `SELECT 1.5::DOUBLE AS n, TIMESTAMP '2024-01-05' AS "at"`);
      for (const type of ['BIGINT', 'UBIGINT', 'DECIMAL(38,0)']) {
        await parquet(
          'wide/1.parquet',
          `SELECT 9007199254740993::${type} AS n, TIMESTAMP '2024-01-05' AS "at"`,
        );
        for (const declared of ['string', 'int64']) {
          const of = keyedBy('wide/*.parquet', declared, { eventTime: 'at' });
          const [found, ...others] = await mistakes(of);
          expect(found, type).to.match(rounded(type, 'DOUBLE'));
          expect(others).to.deep.equal([]);
          expect(await failure(() => read(of, [declared === 'string' ? '1' : 1n]))).to.match(
            /^INVALID_ARGUMENT/,
          );
        }
        expect(await failure(() => spine('wide/*.parquet', { label: { column: 'n' } }))).to.match(
          rounded(type, 'DOUBLE'),
        );
      }
      const float = view({
        entity: { at: 'timestamp' },
        source: { table: 'wide/*.parquet' },
        features: { n: { type: 'float64' } },
      });
      expect((await mistakes(float)).length).to.equal(0);
    });

    it('that the widest type holds are read', async () => {
      await parquet('held/1.parquet', `SELECT 9007199254740992::BIGINT AS n, TIMESTAMP '2024-01-05' AS "at"`);
      await parquet('held/2.parquet', `SELECT 3::DOUBLE AS n, TIMESTAMP '2024-01-05' AS "at"`);
      await parquet('held/3.parquet', `SELECT NULL::BIGINT AS n, TIMESTAMP '2024-01-05' AS "at"`);
      const of = keyedBy('held/*.parquet', 'int64');
      expect(await mistakes(of)).to.deep.equal([]);
      expect(await read(of, [9_007_199_254_740_992n, 3n])).to.deep.equal([[9_007_199_254_740_992n], [3n]]);
    });

    it('with 24 bits beside a FLOAT are refused for a float64, too', async () => {
      const table = await pair('narrow', '16777217', '1.5::FLOAT');
      const of = view({
        entity: { at: 'timestamp' },
        source: { table },
        features: { n: { type: 'float64' } },
      });
      expect((await mistakes(of))[0]).to.match(rounded('INTEGER', 'FLOAT'));
    });
  });

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
          () => store.openAsOf([of], callContext()),
          () => store.materialize(of, { untilMs: Date.parse('2024-02-01') }, callContext()),
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
        const { mistakes: found } = await store.checkSpine({ table, columns: {}, time: 'at' }, callContext());
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
      await store.materialize(of, { untilMs: 0 }, callContext());
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
      const { batches } = await store.spine(known, callContext());
      for await (const { columns } of batches) expect(cellAt(columns[0]!, 0)).to.equal(null);
      expect(logged.map(({ message }) => message)).to.deep.equal([
        `spine: column "known" of ${table}: 1 of 1 times is infinite, or outside the years 0000 to 9999, and null instead`,
      ]);
    });

    async function onlineRow(of: FeatureView, key: string): Promise<[number, Cell]> {
      const { FeatureRows } = await import('vivace');
      const out = new FeatureRows(of.features, 1);
      const column = columnOf(parseType('string'), [key]);
      await online.open(of).read({ rows: 1, time: 0, column: () => column }, out, callContext());
      return [out.status[0]!, cellAt(out.columns[0]!.finish(), 0)];
    }
  });

  describe('times of a table', () => {
    it('are looked at by their least and greatest alone, those of a query one by one', async () => {
      const statements: string[] = [];
      const recording: Warehouse = new Proxy(lake, {
        get: (target, name: keyof Warehouse) =>
          name === 'keep' || name === 'query'
            ? (statement: Statement, context: CallContext) => {
                statements.push(statement.sql);
                return target[name](statement, context);
              }
            : (Reflect.get(target, name) as unknown),
      });
      const part = await startPart(offlineStore, {}, { uses: { warehouse: recording, online } });
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

  describe('static views', () => {
    it('say how many rows have no key, and how many keys stand in several', async () => {
      const table = file('static.csv', 'k,v\na,1\na,2\nb,1\n,5\nc,1\nc,1\nc,1\n');
      const of = view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'int32' } } });
      const notes = [
        'static.csv: 1 of 7 rows has no key, and is left out',
        'static.csv: 2 keys stand in several rows, of which one counts: the one whose bytes are the greatest',
      ];
      expect((await store.checkView(of, callContext())).notes).to.deep.equal(notes);
      expect(await read(of, ['a', 'c'])).to.deep.equal([[2], [1]]);
      expect(logged.map(({ message }) => message)).to.deep.equal(notes.map((note) => `view "v": ${note}`));
      logged.splice(0);
      await store.materialize(of, { untilMs: 0 }, callContext());
      expect(logged.map(({ message }) => message)).to.deep.equal(notes.map((note) => `view "v": ${note}`));
    });

    it('say nothing where nothing is left out', async () => {
      const table = file('clean.csv', 'k,v\na,1\nb,2\n');
      const of = view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'int32' } } });
      expect(await store.checkView(of, callContext())).to.deep.equal({ mistakes: [], notes: [] });
    });
  });

  describe('mistakes of a file', () => {
    const of = (table: string, more: object = {}): FeatureView =>
      view({
        entity: { k: 'string' },
        source: { table, eventTime: 'at' },
        features: { n: { type: 'float64' } },
        ...more,
      });

    it('name the file, the line and what is there', async () => {
      const extra = file(
        'extra.csv',
        'k,at,n\na,2024-01-05,1\nb,2024-01-05,2\nc,2024-01-05,3,4\nd,2024-01-05,5\n',
      );
      expect(await mistakes(of(extra))).to.deep.equal([
        'source.table: lake: extra.csv, line 4: it has 4 fields, but the header names 3 columns',
      ]);
      const short = file('short.csv', 'k,at,n\na,2024-01-05,1\nb,2024-01-05\n');
      expect(await mistakes(of(short))).to.deep.equal([
        'source.table: lake: short.csv, line 3: it has 2 fields, but the header names 3 columns',
      ]);
      for (const work of [
        () => store.openAsOf([of(extra)], callContext()),
        () => store.materialize(of(extra), { untilMs: Date.now() }, callContext()),
      ])
        expect(await failure(work)).to.match(
          /view "v": lake: extra\.csv, line 4: it has 4 fields, but the header names 3 columns$/,
        );
    });

    it('say that a header is not one line', async () => {
      const of = (table: string): FeatureView =>
        view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'string' } } });
      expect(await mistakes(of(file('blank.csv', '\n\nk,v\na,1\n')))).to.deep.equal([
        'source.table: lake: blank.csv begins with an empty line: a CSV file begins with the names of its columns',
      ]);
      expect(await mistakes(of(file('broken.csv', '"x\ny",k,v\n1,a,2\n')))).to.deep.equal([
        'source.table: lake: broken.csv: a name in the header goes on in the next line: write it in one line',
      ]);
    });

    it('say that a file is empty, or is not there', async () => {
      expect(await mistakes(of(file('empty.csv', '')))).to.deep.equal([
        'source.table: lake: empty.csv is empty: a CSV file begins with the names of its columns',
      ]);
      expect(await mistakes(of(file('empty.json', '')))).to.deep.equal([
        'source.table: lake: empty.json is empty: it has no records',
      ]);
      expect((await mistakes(of(file('empty.parquet', ''))))[0]).to.match(
        /^source\.table: lake: .*empty\.parquet' too small to be a Parquet file$/,
      );
      expect(await mistakes(of('gone.csv'))).to.deep.equal(['source.table: lake: there is no file gone.csv']);
      expect(await mistakes(of('gone/*.csv'))).to.deep.equal([
        'source.table: lake: no file matches gone/*.csv',
      ]);
    });

    it('say how many values are not what is declared, and show one', async () => {
      const text = file('bad.csv', 'k,at,n\na,13/01/2024,1\nb,yesterday,\nc,2024-01-05,abc\n,2024-01-05,x\n');
      const expected = [
        'source.eventTime: column "at" of bad.csv: 2 of 4 values are not a time, such as "13/01/2024"',
        'features.n: column "n" of bad.csv: 2 of 4 values are not a float64, such as "abc"',
      ];
      expect(await mistakes(of(text))).to.deep.equal(expected);
      const json = file(
        'bad.json',
        '{"k": "a", "at": "13/01/2024", "n": "abc"}\n{"k": "b", "at": "2024-01-05"}\n',
      );
      expect((await mistakes(of(json))).map((message) => message.replace('bad.json', ''))).to.deep.equal([
        'source.eventTime: column "at" of : 1 of 2 values is not a time, such as "13/01/2024"',
        'features.n: column "n" of : 1 of 2 values is not a float64, such as "abc"',
      ]);
      const message = await failure(() => store.openAsOf([of(text)], callContext()));
      expect(message)
        .to.match(/^INVALID_ARGUMENT .*13\/01\/2024/)
        .and.not.match(/SELECT|CAST|LINE/);
    });

    it('show the value for which an aggregated column is text', async () => {
      const text = file(
        'sums.csv',
        'k,at,n\na,2024-01-05,1.5\nb,2024-01-05,"12,5"\nc,2024-01-05,\nd,2024-01-05,3\n',
      );
      const sum = { aggregate: 'sum', of: 'n', windowDays: 1 };
      expect(await mistakes(of(text, { features: { sum } }))).to.deep.equal([
        'features.sum.of: column "n" of sums.csv is text, but feature "sum" aggregates numbers: 1 of 4 values is not a number, such as "12,5"',
      ]);
    });

    it('say that an aggregated column is the time, and not that it is text', async () => {
      const text = file('times.csv', 'k,n\na,1.5\nb,2\n');
      const sum = { aggregate: 'sum', of: 'n', windowDays: 1 };
      expect(
        await mistakes(of(text, { source: { table: text, eventTime: 'n' }, features: { sum } })),
      ).to.deep.equal([
        'features.sum.of: column "n" of times.csv is the event time, but feature "sum" aggregates numbers',
      ]);
    });

    it('are found in numbers that their types do not hold', async () => {
      const table = await parquet(
        'large.parquet',
        `SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS at, 5000000000 AS n`,
      );
      expect(await mistakes(of(table, { features: { n: { type: 'int32' } } }))).to.deep.equal([
        'features.n: column "n" of large.parquet: 1 of 1 values is not an int32, such as "5000000000"',
      ]);
      expect(await mistakes(of(table, { features: { n: { type: 'timestamp' } } }))).to.deep.equal([
        'features.n: column "n" of large.parquet is BIGINT, but feature "n" is a time',
      ]);
      const sum = { aggregate: 'sum', of: 'k', windowDays: [1, 7] };
      expect(await mistakes(of(table, { features: { sum } }))).to.deep.equal([
        'features.sum.of: column "k" of large.parquet is VARCHAR, but feature "sum_1d" aggregates numbers: 1 of 1 values is not a number, such as "a"',
        'features.sum.of: column "k" of large.parquet is VARCHAR, but feature "sum_7d" aggregates numbers: 1 of 1 values is not a number, such as "a"',
      ]);
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
