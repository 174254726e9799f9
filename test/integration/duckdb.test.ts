import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { carriedFields, cellAt, warehouse, type Cell, type WantedColumn, type Warehouse } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { cpuLimit } from 'vivace/kit';
import { callContext, startPart } from 'vivace/testing';

const data = resolve('node_modules/vega-datasets/data');
const context = callContext;

describe('duckdb', () => {
  let directory: string;
  let lake: Warehouse;
  const stops: (() => Promise<void>)[] = [];
  const open = async (options: object = {}): Promise<Warehouse> => {
    const part = await startPart(duckdb, { threads: 2, ...options }, { directory });
    stops.push(() => part.stop());
    return part.face(warehouse);
  };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vivace-duckdb-'));
    lake = await open();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await rm(directory, { recursive: true });
  });

  const rowsOf = async (sql: string, of = lake): Promise<Cell[][]> => {
    const rows: Cell[][] = [];
    for await (const batch of of.query({ sql }, context())) {
      for (let row = 0; row < batch.rows; row++)
        rows.push(batch.columns.map((column) => cellAt(column, row)));
    }
    return rows;
  };
  const fileOf = async (file: string, wanted: readonly WantedColumn[] = []): Promise<string> =>
    (await lake.source(file, wanted, context())).from;
  const failure = async (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
    work.then(
      () => ({ code: 'none', message: '' }),
      (error: unknown) => error as { code: string; message: string },
    );

  it('takes as many threads as the CPU limit of the container, unless it is told how many', async () => {
    const sql = "SELECT current_setting('threads')";
    expect(await rowsOf(sql)).to.deep.equal([[2n]]);
    expect(await rowsOf(sql, await open({ threads: 0 }))).to.deep.equal([[BigInt(cpuLimit())]]);
  });

  it('streams the 3,000,000 flights as typed columns', async () => {
    const totals = { rows: 0, delay: 0n, last: 0, origins: new Set<string>() };
    const sql = `SELECT date, delay, origin, destination FROM ${await fileOf(join(data, 'flights-3m.parquet'))}`;
    for await (const { rows, columns } of lake.query({ sql }, context())) {
      const [date, delay, origin] = columns as unknown as [
        { values: Float64Array },
        { values: BigInt64Array },
        { values: string[] },
      ];
      totals.rows += rows;
      totals.last = Math.max(totals.last, date.values[rows - 1] as number);
      totals.delay += delay.values[0] as bigint;
      for (const name of origin.values) totals.origins.add(name);
    }
    expect([totals.rows, totals.origins.size]).to.deep.equal([3_000_000, 229]);
    expect(new Date(totals.last / 1000).toISOString().slice(0, 10)).to.equal('2001-07-01');
  });

  it('reads Parquet, CSV and JSON files beside the configuration', async () => {
    await writeFile(join(directory, 'a.csv'), 'x,when\n1,2001-02-03 04:05:06\n2,\n');
    await writeFile(join(directory, 'b.json'), '{"x": 1.5}\n{"x": null}\n');
    await lake.export({ sql: 'SELECT 7 AS x' }, 'deep/c.parquet', context());
    expect(
      await rowsOf(`SELECT * FROM ${await fileOf('a.csv', [{ name: 'x' }, { name: 'when' }])}`),
    ).to.deep.equal([
      [1n, Date.UTC(2001, 1, 3, 4, 5, 6) * 1000],
      [2n, null],
    ]);
    expect(await rowsOf(`SELECT * FROM ${await fileOf('b.json')}`)).to.deep.equal([[1.5], [null]]);
    expect(await rowsOf(`SELECT * FROM ${await fileOf('deep/c.parquet')}`)).to.deep.equal([[7]]);
  });

  it('writes CSV with a header', async () => {
    await lake.export({ sql: `SELECT 1 AS a, 'x,y' AS b` }, 'out.csv', context());
    expect(await readFile(join(directory, 'out.csv'), 'utf8')).to.equal('a,b\n1,"x,y"\n');
  });

  it('keeps tables in its file, and opens it read-only', async () => {
    const writer = await open({ path: 'data/lake.db' });
    await rowsOf('CREATE TABLE t AS SELECT 5 AS x', writer);
    await stops.pop()!();
    const reader = await open({ path: 'data/lake.db', readOnly: true });
    expect(await rowsOf('SELECT * FROM t', reader)).to.deep.equal([[5]]);
    await using table = await reader.keep({ sql: 'SELECT * FROM t' }, context());
    expect(await rowsOf(`SELECT x * 2 FROM ${table.name}`, reader)).to.deep.equal([[10]]);
    expect((await failure(rowsOf('CREATE TABLE u AS SELECT 1', reader))).code).to.equal('INVALID_ARGUMENT');
  });

  it('turns dates and timestamps of every precision into microseconds', async () => {
    const [row] =
      await rowsOf(`SELECT DATE '1969-12-31', TIMESTAMP_S '2001-01-01 00:00:01', TIMESTAMP_MS '2001-01-01 00:00:00.001',
      TIMESTAMP_NS '1969-12-31 23:59:59.999999999', TIMESTAMPTZ '2001-01-01 02:00:00+02', epoch_us(DATE '1970-01-02')`);
    const year = Date.UTC(2001) * 1000;
    expect(row).to.deep.equal([-86_400_000_000, year + 1_000_000, year + 1000, -1, year, 86_400_000_000n]);
  });

  it('gives small integers as int32, decimals as float64, wide integers as int64, enums as strings', async () => {
    const sql = `SELECT 1::TINYINT a, 65535::USMALLINT b, 4294967295::UINTEGER c, 1.25::DECIMAL(10,2) d, 5::HUGEINT e, 7::UBIGINT f, 'x'::ENUM('x', 'y') g, false h`;
    expect(await rowsOf(sql)).to.deep.equal([[1, 65_535, 4_294_967_295n, 1.25, 5n, 7n, 'x', false]]);
    expect((await lake.describe({ sql }, context())).map((field) => field.type?.name)).to.deep.equal([
      'int32',
      'int32',
      'int64',
      'float64',
      'int64',
      'int64',
      'string',
      'bool',
    ]);
  });

  it('reads lists and fixed vectors, and loads them', async () => {
    const sql = `SELECT [1.5::FLOAT, 2] AS a, ['x', '']::VARCHAR[2] AS b, CAST([] AS BIGINT[]) AS c, CAST(NULL AS FLOAT[3]) AS d`;
    const expected = [[[1.5, 2], ['x', ''], [], null]];
    expect(await rowsOf(sql)).to.deep.equal(expected);
    const fields = carriedFields(await lake.describe({ sql }, context()));
    expect(fields.map((field) => field.type?.name)).to.deep.equal([
      'list<float32>',
      'string[2]',
      'list<int64>',
      'float32[3]',
    ]);
    const batches = lake.query({ sql }, context());
    await using table = await lake.load({ fields, batches }, context());
    expect(await rowsOf(`SELECT * FROM ${table.name}`)).to.deep.equal(expected);
  });

  it('gives nulls as 0, NaN and empty beneath an unset bit, and strings of every length', async () => {
    const sql = `SELECT CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS n, CASE WHEN i % 3 = 0 THEN NULL ELSE i::DOUBLE END AS f,
      CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('é', (i % 20)::INT) END AS s FROM range(5000) AS r(i) ORDER BY i`;
    for await (const { columns } of lake.query({ sql }, context())) {
      const [n, f, s] = columns as unknown as [
        { values: BigInt64Array },
        { values: Float64Array },
        { values: string[] },
      ];
      for (let i = 0; i < 5000; i++) {
        const isNull = i % 3 === 0;
        expect([n.values[i], f.values[i], s.values[i]]).to.deep.equal(
          isNull ? [0n, NaN, ''] : [BigInt(i), i, 'é'.repeat(i % 20)],
        );
        expect(columns.map((column) => cellAt(column, i) === null)).to.deep.equal([isNull, isNull, isNull]);
      }
    }
  });

  it('reads right while memory is collected: a vector is freed with its chunk', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const reading = new AbortController();
    const collecting = (async () => {
      while (!reading.signal.aborted) {
        collect();
        await turn();
      }
    })();
    const doubles = Array.from({ length: 20 }, (_, i) => `(i + ${i})::DOUBLE AS d${i}`).join(', ');
    const sql = `SELECT 'row number ' || i AS s, ${doubles} FROM range(40000) AS r(i)`;
    let at = 0;
    let wrong = 0;
    for await (const { columns, rows } of lake.query({ sql }, context())) {
      const [names, ...numbers] = columns.map((column) => column.values) as [string[], ...Float64Array[]];
      for (let row = 0; row < rows; row++, at++) {
        if (names[row] !== `row number ${at}` || numbers.some((values, i) => values[row] !== at + i)) wrong++;
      }
    }
    reading.abort();
    await collecting;
    expect([at, wrong]).to.deep.equal([40_000, 0]);
  });

  it('names a column whose type no column carries', async () => {
    const { code, message } = await failure(rowsOf(`SELECT {'a': 1} AS nested`));
    expect(code).to.equal('INVALID_ARGUMENT');
    expect(message).to.include('"nested"');
    expect(
      (await failure(rowsOf('SELECT 170141183460469231731687303715884105727 AS wide'))).message,
    ).to.include('"wide"');
  });

  it('names a file that is not there, a column that is not there, and a value that does not fit', async () => {
    const missing = await failure(fileOf('nope.parquet'));
    expect([missing.code, missing.message.includes('nope.parquet')]).to.deep.equal(['NOT_FOUND', true]);
    expect((await failure(rowsOf('SELECT nope FROM range(3)'))).code).to.equal('INVALID_ARGUMENT');
    expect((await failure(rowsOf(`SELECT CAST('x' AS INTEGER)`))).code).to.equal('INVALID_ARGUMENT');
    expect((await failure(lake.export({ sql: 'SELECT 1' }, 'out.xlsx', context()))).code).to.equal(
      'INVALID_ARGUMENT',
    );
  });

  it('says RESOURCE_EXHAUSTED where memory runs out', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const client = await DuckDBInstance.create(':memory:', { memory_limit: '16MB', temp_directory: '' });
    const small = await open({ client });
    const work = small.keep({ sql: 'SELECT i, md5(i::VARCHAR) AS m FROM range(2000000) AS r(i)' }, context());
    expect((await failure(work)).code).to.equal('RESOURCE_EXHAUSTED');
  });

  it('gives up loading rows when the caller does', async () => {
    const abort = new AbortController();
    const fields = carriedFields(await lake.describe({ sql: 'SELECT 1 AS x' }, context()));
    async function* forever() {
      for (;;) {
        for await (const batch of lake.query({ sql: 'SELECT 1 AS x' }, context())) yield batch;
        abort.abort();
      }
    }
    const loading = lake.load({ fields, batches: forever() }, { signal: abort.signal });
    expect((await failure(loading)).code).to.equal('CANCELLED');
  });

  it('ends the query of a caller who leaves while it connects', async () => {
    const abort = new AbortController();
    const endless = 'SELECT COUNT(*) AS n FROM range(1000000) AS a, range(1000000) AS b, range(1000000) AS c';
    const keeping = failure(lake.keep({ sql: endless }, { signal: abort.signal }));
    abort.abort();
    expect((await keeping).code).to.equal('CANCELLED');
  });

  it('works over an open instance, and leaves it open', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const client = await DuckDBInstance.create(':memory:');
    const connection = await client.connect();
    await connection.run('CREATE TABLE mine AS SELECT 3 AS x');
    const part = await startPart(duckdb, { client });
    expect(await rowsOf('SELECT * FROM mine', part.face(warehouse))).to.deep.equal([[3]]);
    await part.stop();
    expect((await connection.runAndReadAll('SELECT * FROM mine')).getRows()).to.deep.equal([[3]]);
    connection.disconnectSync();
    client.closeSync();
  });
});
