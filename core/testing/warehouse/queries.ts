import assert from 'node:assert/strict';
import { cellAt, type Cell } from '../../data/column.js';
import { fieldsOf } from '../../data/feature-rows.js';
import { parseType } from '../../data/types.js';
import { isVivaceError } from '../../kernel/errors.js';
import type { RowBatch } from '../../ports/warehouse.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { createTable, integers, readAll, samples, table } from './tables.js';

/** How queries are described, run and given up. */
export function queries({ runner, lake, sql, answer, value }: WarehouseFixture): void {
  const { it } = runner;

  it('loads and gives back every scalar type, and nulls', async () => {
    const nulls = Object.keys(samples).map(() => null);
    const cells = [Object.values(samples), nulls, Object.values(samples)];
    await using loaded = await lake().load(table(Object.keys(samples), cells), context());
    const expected = Object.keys(samples).map((type) => ({ name: `c_${type}`, type: parseType(type) }));
    const statement = { sql: `SELECT * FROM ${loaded.name}`, fields: expected };
    const { fields, rows } = await readAll(lake().query(statement, context()));
    assert.deepEqual(rows, cells);
    assert.deepEqual(fields, expected);
  });

  it('loads texts, few and many different ones, lists of them, and nulls, in batches of any size', async () => {
    const few = ['', "it's", 'ü€😀', null, 'a\nb'];
    const row = (n: number): Cell[] => [
      BigInt(n),
      few[n % 5]!,
      `text ${n}`,
      n % 3 === 0 ? null : `some ${n % 300}`,
      n % 4 === 0 ? [] : [`x${n % 4}`, 'y'],
    ];
    const types = ['int64', 'string', 'string', 'string', 'list<string>'];
    const names = ['n', 'few', 'many', 'some', 'lists'];
    const sizes = [1, 3000, 0, 700];
    let next = 0;
    const parts = sizes.map((size) =>
      table(
        types,
        Array.from({ length: size }, () => row(next++)),
        names,
      ),
    );
    const batches = parts.flatMap((part) => [...(part.batches as readonly RowBatch[])]);
    await using loaded = await lake().load({ fields: parts[0]!.fields, batches }, context());
    const { rows } = await readAll(
      lake().query({ sql: `SELECT * FROM ${loaded.name} ORDER BY n` }, context()),
    );
    assert.deepEqual(
      rows,
      Array.from({ length: next }, (_, n) => row(n)),
    );
  });

  it('gives more rows than one batch holds, in the order asked for', async () => {
    const n = 50_001;
    const shuffled = integers('x', n, (i) => (i * 7919) % n);
    await using loaded = await lake().load(shuffled, context());
    let expected = 0n;
    for await (const batch of lake().query({ sql: `SELECT x FROM ${loaded.name} ORDER BY x` }, context())) {
      for (let row = 0; row < batch.rows; row++) assert.equal(cellAt(batch.columns[0]!, row), expected++);
    }
    assert.equal(expected, BigInt(n));
  });

  it('describes the columns of a query', async () => {
    const fields = await lake().describe(
      { sql: `SELECT ${sql().cast('1', parseType('float64'))} AS a, 'x' AS b` },
      context(),
    );
    assert.deepEqual(
      fields.map(({ name, type }) => [name, type?.name]),
      [
        ['a', 'float64'],
        ['b', 'string'],
      ],
    );
  });

  it('describes a column that no column type holds, and fails where it is read', async () => {
    const statement = { sql: "SELECT INTERVAL 1 DAY AS span, 'x' AS b" };
    const [span, text] = await lake().describe(statement, context());
    assert.deepEqual([span!.name, span!.type, text!.type!.name], ['span', undefined, 'string']);
    assert.match(span!.nativeType, /interval/i);
    await assert.rejects(
      readAll(lake().query(statement, context())),
      (error) =>
        isVivaceError(error) && error.code === 'INVALID_ARGUMENT' && error.message.includes('"span"'),
    );
  });

  it('looks a table up: its columns, and what stands after FROM', async () => {
    await createTable(lake(), 'vivace_contract', `SELECT 7 AS x, '1.10' AS y`);
    const wanted = [{ name: 'y', type: parseType('int32') }, { name: 'gone' }];
    const { from, columns } = await lake().source('vivace_contract', wanted, context());
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['x', 'y'],
    );
    assert.equal(columns[1]!.type!.name, 'string');
    const [row] = await answer(`SELECT x, y FROM ${from}`);
    assert.deepEqual([Number(row![0]), row![1]], [7, '1.10']);
    await assert.rejects(
      lake().source('no_such_table', [], context()),
      (error) =>
        isVivaceError(error) && error.code === 'NOT_FOUND' && error.message.includes('no_such_table'),
    );
  });

  it('estimates the bytes of a query without running it, where it bills them', async () => {
    const estimated = await lake().estimate?.({ sql: 'SELECT 1 AS x' }, context());
    assert.ok(estimated === undefined || (Number.isSafeInteger(estimated.bytes) && estimated.bytes >= 0));
  });

  it('writes its rows in the types that are asked for', async () => {
    const statement = {
      sql: `SELECT ${sql().cast('7', parseType('int32'))} AS a, ${sql().cast('0.1', parseType('float32'))} AS b`,
      fields: fieldsOf({ a: 'int32', b: 'float32' }),
    };
    const { fields, rows } = await readAll(lake().query(statement, context()));
    assert.deepEqual(fields, statement.fields);
    assert.deepEqual(rows, [[7, Math.fround(0.1)]]);
  });

  it('binds named parameters', async () => {
    const statement = {
      sql: `SELECT ${sql().parameter('text')} AS a, ${sql().parameter('n')} + 1 AS b`,
      parameters: { text: "it's", n: 41 },
    };
    const { rows } = await readAll(lake().query(statement, context()));
    assert.deepEqual(
      rows.map((row) => [row[0], Number(row[1])]),
      [["it's", 42]],
    );
  });

  it('runs queries side by side', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(async (n) => Number(await value(String(n)))));
    assert.deepEqual(answers, [1, 2, 3, 4]);
  });

  it('lets a reader leave early', async () => {
    await using many = await lake().load(
      integers('n', 200_000, (i) => i),
      context(),
    );
    for await (const batch of lake().query({ sql: `SELECT n FROM ${many.name}` }, context())) {
      assert.ok(batch.rows < 200_000);
      break;
    }
    assert.equal(Number(await value('1')), 1);
  });

  it('gives up when the caller does', async () => {
    await using many = await lake().load(
      integers('n', 200_000, (i) => i),
      context(),
    );
    const pairs = `${many.name} AS a CROSS JOIN ${many.name} AS b CROSS JOIN ${many.name} AS c`;
    const statement = { sql: `SELECT SUM(a.n * b.n) AS x FROM ${pairs} WHERE a.n + c.n > 5` };
    // At every stage: while it connects, while the query is prepared, while it runs.
    for (const afterMs of [0, 1, 2, 5, 20]) {
      const abort = new AbortController();
      const running = readAll(lake().query(statement, { signal: abort.signal }));
      setTimeout(() => abort.abort(), afterMs);
      await assert.rejects(running, (error) => isVivaceError(error) && error.code === 'CANCELLED');
    }
  });

  it('refuses broken SQL as INVALID_ARGUMENT, and names a table that is not there as NOT_FOUND', async () => {
    await assert.rejects(
      answer('SELEC 1'),
      (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
    );
    await assert.rejects(
      answer(`SELECT * FROM ${sql().table('no_such_table')}`),
      (error) =>
        isVivaceError(error) && error.code === 'NOT_FOUND' && error.message.includes('no_such_table'),
    );
  });
}
