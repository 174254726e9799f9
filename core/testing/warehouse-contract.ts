import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { cellAt, columnOf, type Cell } from '../data/column.js';
import { fieldsOf, type Field } from '../data/feature-rows.js';
import { parseType } from '../data/types.js';
import { isVivaceError } from '../kernel/errors.js';
import { instantOf } from '../kernel/time.js';
import type { RunningPart } from '../parts/create-part.js';
import {
  warehouse,
  type Dialect,
  type RowBatch,
  type TableRows,
  type Warehouse,
} from '../ports/warehouse.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';
import { withFile } from './with-file.js';

const context = callContext;

/** What every `Warehouse` promises. */
export function warehouseContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('Warehouse contract', () => {
    let part: RunningPart;
    let lake: Warehouse;
    let sql: Dialect;
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      lake = part.face(warehouse);
      sql = lake.dialect;
    });
    afterEach(() => part.stop());

    const answer = async (text: string): Promise<Cell[][]> =>
      cellsOf(await all(lake.query({ sql: text }, context())));
    const value = async (expression: string, from?: string): Promise<Cell> =>
      (
        await answer(`SELECT ${expression} AS x${from === undefined ? '' : ` FROM ${from} AS s`}`)
      )[0]![0] as Cell;

    it('loads and gives back every scalar type, and nulls', async () => {
      const nulls = Object.keys(samples).map(() => null);
      const cells = [Object.values(samples), nulls, Object.values(samples)];
      await using loaded = await lake.load(table(Object.keys(samples), cells), context());
      const expected = Object.keys(samples).map((type) => ({ name: `c_${type}`, type: parseType(type) }));
      const statement = { sql: `SELECT * FROM ${loaded.name}`, fields: expected };
      const { fields, rows } = await all(lake.query(statement, context()));
      assert.deepEqual(rows, cells);
      assert.deepEqual(fields, expected);
    });

    it('gives more rows than one batch holds, in the order asked for', async () => {
      const n = 50_001;
      const shuffled = integers('x', n, (i) => (i * 7919) % n);
      await using loaded = await lake.load(shuffled, context());
      let expected = 0n;
      for await (const batch of lake.query({ sql: `SELECT x FROM ${loaded.name} ORDER BY x` }, context())) {
        for (let row = 0; row < batch.rows; row++) assert.equal(cellAt(batch.columns[0]!, row), expected++);
      }
      assert.equal(expected, BigInt(n));
    });

    it('describes the columns of a query', async () => {
      const fields = await lake.describe(
        { sql: `SELECT ${sql.cast('1', parseType('float64'))} AS a, 'x' AS b` },
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
      const [span, text] = await lake.describe(statement, context());
      assert.deepEqual([span!.name, span!.type, text!.type!.name], ['span', undefined, 'string']);
      assert.match(span!.nativeType, /interval/i);
      await assert.rejects(
        all(lake.query(statement, context())),
        (error) =>
          isVivaceError(error) && error.code === 'INVALID_ARGUMENT' && error.message.includes('"span"'),
      );
    });

    it('looks a table up: its columns, and what stands after FROM', async () => {
      await createTable(lake, 'vivace_contract', `SELECT 7 AS x, '1.10' AS y`);
      const wanted = [{ name: 'y', type: parseType('int32') }, { name: 'gone' }];
      const { from, columns } = await lake.source('vivace_contract', wanted, context());
      assert.deepEqual(
        columns.map(({ name }) => name),
        ['x', 'y'],
      );
      assert.equal(columns[1]!.type!.name, 'string');
      const [row] = await answer(`SELECT x, y FROM ${from}`);
      assert.deepEqual([Number(row![0]), row![1]], [7, '1.10']);
      await assert.rejects(
        lake.source('no_such_table', [], context()),
        (error) =>
          isVivaceError(error) && error.code === 'NOT_FOUND' && error.message.includes('no_such_table'),
      );
    });

    it('converts texts as they are written: no digit is lost, a time without zone is UTC', async () => {
      const converted = (text: string, type: string): Promise<Cell> =>
        value(sql.fromText(sql.literal(text), parseType(type)));
      assert.equal(await converted('9223372036854775807', 'int64'), 9_223_372_036_854_775_807n);
      assert.equal(Number(await converted('2.5', 'int32')), 3);
      assert.equal(Number(await converted('-2.5', 'int64')), -3);
      assert.equal(await converted('1.10', 'float64'), 1.1);
      assert.equal(await converted('true', 'bool'), true);
      const ten = instantOf('2024-01-05T10:00:00Z');
      assert.equal(await converted('2024-01-05 10:00:00', 'timestamp'), ten);
      assert.equal(await converted('2024-01-05T10:00:00Z', 'timestamp'), ten);
      assert.equal(await converted('2024-01-05 12:00:00+02:00', 'timestamp'), ten);
    });

    it('fails for a text that is not a value of the type, or gives null where it only tries', async () => {
      for (const type of ['int32', 'float64', 'bool', 'timestamp'].map(parseType)) {
        const text = sql.literal('much');
        assert.equal(await value(sql.fromText(text, type, { attempt: true })), null, type.name);
        await assert.rejects(
          value(sql.fromText(text, type)),
          (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
          type.name,
        );
      }
      assert.equal(await value(sql.cast(sql.literal('x'), parseType('int64'), { attempt: true })), null);
    });

    it('never rounds a decimal that its column cannot hold', async () => {
      const decimal = (text: string): Promise<Cell> => value(sql.decimal(sql.literal(text)));
      assert.equal(await decimal('0.1'), 0.1);
      assert.equal(await decimal('-1234567890.25'), -1_234_567_890.25);
      for (const text of ['12345678901234567.25', '9007199254740993'])
        await assert.rejects(
          decimal(text),
          (error) =>
            isVivaceError(error) && error.code === 'INVALID_ARGUMENT' && error.message.includes('digits'),
        );
    });

    it('fails a query with a message, but only where the expression is evaluated', async () => {
      await using three = await lake.load(
        integers('n', 3, (i) => i + 1),
        context(),
      );
      const guarded = (n: number): Promise<Cell> =>
        value(`CASE WHEN n < ${n} THEN n ELSE ${sql.fail("it's too much")} END`, three.name);
      assert.equal(Number(await guarded(4)), 1);
      await assert.rejects(
        guarded(2),
        (error) =>
          isVivaceError(error) &&
          error.code === 'INVALID_ARGUMENT' &&
          error.message.includes("it's too much") &&
          !error.message.includes('CASE'),
      );
    });

    it('keeps the sign of zero through a join of few rows', async () => {
      const right = table(
        ['string', 'int64', 'float32', 'float64'],
        [
          ['a', 1n, -0, -0],
          ['b', 1n, 0, 0],
        ],
        ['key', 'available', 'single', 'double'],
      );
      const left = table(['int32', 'string', 'int64'], [[0, 'a', 5n]], ['row', 'key', 'time']);
      await using l = await lake.load(left, context());
      await using r = await lake.load(right, context());
      const join = sql.asOfJoin({
        left: l.name,
        right: r.name,
        keys: [{ left: 'key', right: 'key' }],
        time: 'time',
        since: 'available',
        keep: ['row'],
        columns: ['single', 'double'],
      });
      const fields = fieldsOf({ row: 'int32', single: 'float32', double: 'float64' });
      const { rows } = await all(lake.query({ sql: join, fields }, context()));
      assert.deepEqual(rows, [[0, -0, -0]]);
    });

    it('estimates the bytes of a query without running it, where it bills them', async () => {
      const estimated = await lake.estimate?.({ sql: 'SELECT 1 AS x' }, context());
      assert.ok(estimated === undefined || (Number.isSafeInteger(estimated.bytes) && estimated.bytes >= 0));
    });

    it('writes its rows in the types that are asked for', async () => {
      const statement = {
        sql: `SELECT ${sql.cast('7', parseType('int32'))} AS a, ${sql.cast('0.1', parseType('float32'))} AS b`,
        fields: fieldsOf({ a: 'int32', b: 'float32' }),
      };
      const { fields, rows } = await all(lake.query(statement, context()));
      assert.deepEqual(fields, statement.fields);
      assert.deepEqual(rows, [[7, Math.fround(0.1)]]);
    });

    it('binds named parameters', async () => {
      const statement = {
        sql: `SELECT ${sql.parameter('text')} AS a, ${sql.parameter('n')} + 1 AS b`,
        parameters: { text: "it's", n: 41 },
      };
      const { rows } = await all(lake.query(statement, context()));
      assert.deepEqual(
        rows.map((row) => [row[0], Number(row[1])]),
        [["it's", 42]],
      );
    });

    it('writes literals and names so that nothing in them is SQL', async () => {
      assert.equal(await value(sql.literal('\'; DROP TABLE x; --\\ "ż"')), '\'; DROP TABLE x; --\\ "ż"');
      for (const number of [-1.5, 1e300, -(2 ** 70), 5e-324, NaN, -Infinity])
        assert.deepEqual(await value(sql.literal(number)), number);
      assert.equal(await value(sql.literal(true)), true);
      const { fields } = await all(lake.query({ sql: `SELECT 1 AS ${sql.identifier('select')}` }, context()));
      assert.deepEqual(
        fields.map((field) => field.name),
        ['select'],
      );
    });

    it('rounds toward minus infinity in floorDivide', async () => {
      const divide = async (n: string): Promise<number> => Number(await value(sql.floorDivide(n, '10')));
      assert.deepEqual(
        [await divide('25'), await divide('-25'), await divide('-20'), await divide('0')],
        [2, -3, -2, 0],
      );
      assert.equal(await value(sql.floorDivide('9007199254740993', '1')), 9_007_199_254_740_993n);
    });

    it('divides, and by zero too', async () => {
      const float = (text: string): string => sql.cast(text, parseType('float64'));
      assert.equal(await value(sql.divide(float('1'), float('4'))), 0.25);
      assert.equal(Number.isFinite(await value(sql.divide(float('1'), float('0')))), false);
    });

    it('computes with float64 as IEEE 754 does: what is too large is infinite, and null stays null', async () => {
      const { floats } = sql;
      const greatest = Number.MAX_VALUE;
      // Columns: an engine may refuse to fold constants that are too large.
      const fields = fieldsOf({ a: 'float64', b: 'float64' });
      const rows = [
        [0.1, 0.2],
        [greatest, greatest],
        [-greatest, greatest],
        [Infinity, -Infinity],
        [NaN, 1],
        [-0, 0],
        [1, null],
      ] as const;
      const columns = fields.map(({ type }, i) =>
        columnOf(
          type,
          rows.map((row) => row[i]!),
        ),
      );
      await using loaded = await lake.load(
        { fields, batches: [{ fields, columns, rows: rows.length }] },
        context(),
      );
      const computed = ['add', 'subtract', 'multiply'].map((name) =>
        floats[name as 'add' | 'subtract' | 'multiply']('a', 'b'),
      );
      const asked = [...computed, floats.exp('a'), floats.isNaN('a'), floats.isNaN('b')];
      const found = await answer(
        `SELECT ${asked.map((each, i) => `${each} AS x${i}`).join(', ')} FROM ${loaded.name}`,
      );
      const wanted = rows.map(([a, b]) => [
        ...(b === null ? [null, null, null] : [a + b, a - b, a * b]),
        Math.exp(a),
        Number.isNaN(a),
        b === null ? null : Number.isNaN(b),
      ]);
      // Tables have no order.
      const texts = (all: readonly (readonly Cell[])[]): string[] =>
        all
          .map((row) =>
            row
              .map((cell) =>
                Object.is(cell, -0)
                  ? '-0'
                  : String(typeof cell === 'number' ? Number(cell.toPrecision(12)) : cell),
              )
              .join(),
          )
          .sort();
      assert.deepEqual(texts(found), texts(wanted));
    });

    it('finds a null inside of a list', async () => {
      const ones = (where: string): string => `(SELECT [1, 1] AS items FROM (SELECT 1 AS n) AS s ${where})`;
      const found = async (list: string): Promise<boolean> =>
        Number(await value(`CASE WHEN ${sql.hasNull(list)} THEN 1 ELSE 0 END`)) === 1;
      assert.equal(await found('[1, 2]'), false);
      assert.equal(await found('[1, NULL]'), true);
      assert.equal(await found(`(SELECT items FROM ${ones('')} AS o)`), false);
      assert.equal(await found(`(SELECT items FROM ${ones('WHERE n > 1')} AS o)`), false);
    });

    it('sums doubles, and their squared deviations from the mean', async () => {
      const item = sql.cast('1000000000 + n', parseType('float64'));
      await using three = await lake.load(
        integers('n', 3, (i) => i + 1),
        context(),
      );
      const over = async (aggregate: string, where = ''): Promise<unknown> =>
        value(aggregate, `(SELECT ${item} AS x, n FROM ${three.name} AS t ${where})`);
      assert.equal(await over(sql.total('x')), 3_000_000_006);
      assert.equal(await over(sql.total('CASE WHEN n > 1 THEN x END')), 2_000_000_005);
      assert.equal(await over(sql.squaredDeviations('x')), 2);
      assert.equal(await over(sql.total('x'), 'WHERE n > 3'), null);
      assert.equal(await over(sql.squaredDeviations('x'), 'WHERE n > 3'), null);
    });

    it('sums doubles of any size, with the same bits whatever their order and number, where it says so', async () => {
      const values = [1e16, 0.1, -1e16, 3e-9, 0.7, 1e300, -1e300, 5e-324, 12.34, 1e-200];
      const over = async (of: readonly number[], aggregates: readonly string[]): Promise<unknown[]> => {
        const rows: TableRows = {
          fields: [{ name: 'x', type: parseType('float64') }],
          batches: [
            {
              fields: [{ name: 'x', type: parseType('float64') }],
              columns: [columnOf(parseType('float64'), of)],
              rows: of.length,
            },
          ],
        };
        await using table = await lake.load(rows, context());
        const from = `(SELECT *, (SELECT MAX(ABS(x)) FROM ${table.name} AS g) AS greatest FROM ${table.name} AS t)`;
        return await Promise.all(aggregates.map(async (aggregate) => value(aggregate, from)));
      };
      const totals = async (of: readonly number[]): Promise<unknown[]> =>
        over(of, [sql.total('x'), sql.total('x', 'greatest')]);
      const squares = async (of: readonly number[]): Promise<unknown> =>
        (await over(of, [sql.squaredDeviations('x')]))[0];
      const near = (found: unknown, wanted: number): void =>
        assert.ok(
          Math.abs(Number(found) - wanted) <= Math.abs(wanted) * 1e-12 + 1e-30,
          `${String(found)} is not ${wanted}`,
        );
      const cases: readonly (readonly [readonly number[], number])[] = [
        [[0.1, 0.2, 0.3], 0.6],
        [[-1e-9, 1e9, 12.5], 1e9 + 12.5],
        [[2.5e-300, 2.5e-300], 5e-300],
        [[1e300, 1e-300], 1e300],
        [[0, 0], 0],
      ];
      for (const [of, wanted] of cases) {
        const [total, byGreatest] = await totals(of);
        near(total, wanted);
        near(byGreatest, wanted);
      }
      near(await squares([0.1, 0.1, 0.1]), 0);
      near(await squares([1, 3, 1e-9]), 14 / 3 - (8 / 3) * 1e-9);
      for (const [of, wanted] of [
        [[1, Infinity], Infinity],
        [[-Infinity, 1], -Infinity],
        [[Infinity, 1, -Infinity], NaN],
        [[NaN, 1], NaN],
      ] as const)
        assert.deepEqual((await totals(of)).map(Number), [wanted, wanted]);
      if (sql.totalsByGreatest !== true) return;
      const [total, byGreatest] = await totals(values);
      assert.equal(byGreatest, total);
      const small = values.filter((each) => Math.abs(each) < 1e100);
      const deviations = await squares(small);
      for (let turn = 1; turn < values.length; turn++) {
        const turned = (of: readonly number[]): number[] =>
          [...of.slice(turn), ...of.slice(0, turn)].toReversed();
        assert.deepEqual(await totals(turned(values)), [total, total]);
        assert.equal(await squares(turned(small)), deviations);
      }
    });

    it('picks the value of the first or the last row that has one', async () => {
      const rows = [
        [1n, 2n, 'a'],
        [2n, 1n, 'b'],
        [2n, 3n, null],
        [1n, 1n, 'c'],
        [2n, 1n, 'bb'],
      ];
      const loaded = table(['int64', 'int64', 'string'], rows, ['n', 'm', 'x']);
      await using events = await lake.load(loaded, context());
      const of = (end: 'first' | 'last', where = ''): Promise<Cell> =>
        value(sql.pick('x', { order: ['n', 'm', 'x'], end }), `(SELECT * FROM ${events.name} AS e ${where})`);
      assert.deepEqual([await of('first'), await of('last')], ['c', 'bb']);
      assert.equal(await of('last', 'WHERE n < 2'), 'a');
      assert.equal(await of('last', 'WHERE x IS NULL'), null);
    });

    it('picks a value of each scalar type', async () => {
      const types = Object.keys(samples);
      const names = types.map((type) => `c_${type}`);
      await using one = await lake.load(table(types, [Object.values(samples)]), context());
      const picked = names.map(
        (name) => `${sql.pick(name, { order: [name], end: 'last' })} AS ${sql.identifier(name)}`,
      );
      const fields = types.map((type, i) => ({ name: names[i]!, type: parseType(type) }));
      const statement = { sql: `SELECT ${picked.join(', ')} FROM ${one.name}`, fields };
      const { rows } = await all(lake.query(statement, context()));
      assert.deepEqual(rows, [Object.values(samples)]);
    });

    it('keeps different values in a list, up to a number of them, and gives back a row for each', async () => {
      const rows = [
        ['a', 1.5],
        ['a', 0],
        ['a', -0],
        ['a', NaN],
        ['a', NaN],
        ['a', null],
        ['a', 1.5],
        ['b', null],
        ['c', 2],
      ];
      await using loaded = await lake.load(table(['string', 'float64'], rows, ['k', 'x']), context());
      const different = async (most: number): Promise<Record<string, number>> => {
        const lists = `SELECT k, ${sql.distinct('x', most + 1)} AS items FROM ${loaded.name} GROUP BY k`;
        const values = `SELECT k, ${sql.withoutNulls('items')} AS items FROM (${lists}) AS l`;
        await using kept = await lake.keep({ sql: values }, context());
        const each = sql.unnest({ from: kept.name, list: 'items', item: 'item', keep: ['k'] });
        const counted = await answer(`SELECT k, COUNT(DISTINCT item) AS n FROM (${each}) AS i GROUP BY k`);
        return Object.fromEntries(counted.map(([k, n]) => [k as string, Number(n)]));
      };
      assert.deepEqual(await different(10), { a: 3, c: 1 });
      // A null is one of the values, of which there is one more than are asked for.
      const { a, ...others } = await different(1);
      assert.ok(a === 1 || a === 2, String(a));
      assert.deepEqual(others, { c: 1 });
    });

    it('keeps sums of squares of int64 exact', async () => {
      const square = `(${sql.exact('4000000000')} * ${sql.exact('4000000000')})`;
      assert.equal(
        await value(`CASE WHEN ${square} - ${square} + ${sql.exact('7')} = 7 THEN 'exact' ELSE 'not' END`),
        'exact',
      );
    });

    it('keeps the answer of a query as a table until it is disposed of, once or twice', async () => {
      const kept = await lake.keep({ sql: 'SELECT 7 AS x' }, context());
      assert.equal(Number((await answer(`SELECT x + 1 AS y FROM ${kept.name}`))[0]![0]), 8);
      await Promise.all([kept[Symbol.asyncDispose](), kept[Symbol.asyncDispose]()]);
      await kept[Symbol.asyncDispose]();
      await assert.rejects(answer(`SELECT * FROM ${kept.name}`), isVivaceError);
    });

    it('makes a table of its own in every call', async () => {
      const statement = { sql: 'SELECT 7 AS x' };
      const tables = await Promise.all([lake.keep(statement, context()), lake.keep(statement, context())]);
      assert.notEqual(tables[0].name, tables[1].name);
      await tables[0][Symbol.asyncDispose]();
      await using other = tables[1];
      assert.equal(Number((await answer(`SELECT x FROM ${other.name}`))[0]![0]), 7);
    });

    it('drops the table when its user fails, and hands the failure on as it is', async () => {
      let name = '';
      const thrown = new Error('as the test asked');
      const failing = async (): Promise<void> => {
        await using kept = await lake.keep({ sql: 'SELECT 1 AS x' }, context());
        name = kept.name;
        throw thrown;
      };
      await assert.rejects(failing, (error) => error === thrown);
      await assert.rejects(answer(`SELECT * FROM ${name}`), isVivaceError);
    });

    it('drops the table when its user is aborted', async () => {
      const abort = new AbortController();
      const call = { signal: abort.signal };
      let name = '';
      const failing = async (): Promise<void> => {
        await using kept = await lake.keep({ sql: 'SELECT 1 AS x' }, call);
        name = kept.name;
        abort.abort();
        await all(lake.query({ sql: `SELECT * FROM ${name}` }, call));
      };
      await assert.rejects(failing, (error) => isVivaceError(error) && error.code === 'CANCELLED');
      // The aborted user does not wait for the table to be gone.
      for (let there = true; there;)
        there = await answer(`SELECT * FROM ${name}`).then(
          () => true,
          () => false,
        );
    });

    it('leaves a table alone while the part stops, and waits for it', async () => {
      const loaded = await lake.load(table(['int64'], [[7n]]), context());
      const stopping = part.stop(60_000);
      while (part.guarded.state === 'ready') await turn();
      await assert.rejects(
        async () => lake.keep({ sql: 'SELECT 1 AS x' }, context()),
        (error) => isVivaceError(error) && error.code === 'UNAVAILABLE',
      );
      assert.equal(part.guarded.state, 'stopping');
      await loaded[Symbol.asyncDispose]();
      await stopping;
      assert.equal(part.guarded.state, 'stopped');
    });

    it('stops without a table that is never disposed of; disposing of it then does no harm', async () => {
      const kept = await lake.keep({ sql: 'SELECT 1 AS x' }, context());
      await part.stop(1);
      assert.equal(part.guarded.state, 'stopped');
      await kept[Symbol.asyncDispose]();
    });

    describe('kept days', function () {
      const set = `contract-${process.pid}-${Date.now()}`;
      let sets = 0;
      const name = (): string => `${set}-${sets++}`;
      /** Rows of the days of a set, in the order of days and values. */
      const rowsOf = async (of: string, days: { first?: number; last?: number } = {}): Promise<Cell[][]> => {
        const from = await lake.keptDays!(of, days, context());
        return from === undefined ? [] : answer(`SELECT kept_day, x FROM ${from} ORDER BY kept_day, x`);
      };
      const keep = async (of: string, days: readonly number[], rows: readonly [day: number, x: string][]) => {
        const cells = rows.map(([day, x]) => [BigInt(day), x]);
        await using loaded = await lake.load(table(['int64', 'string'], cells, ['kept_day', 'x']), context());
        await lake.keepDays!(of, { days, statement: { sql: `SELECT * FROM ${loaded.name}` } }, context());
      };
      const kept = (what: string, test: () => Promise<void>): void =>
        it(what, async () => {
          if (lake.keepDays !== undefined) await test();
        });

      kept('replaces the rows of days, and leaves those of others', async () => {
        const of = name();
        assert.equal(await lake.keptDays!(of, {}, context()), undefined);
        await keep(of, [-1, 0, 1], [[-1, 'a'], [0, 'b'], [0, 'bb'], [1, 'c']]); // prettier-ignore
        await keep(of, [0, 2], [[0, 'B'], [2, 'd']]); // prettier-ignore
        assert.deepEqual(await rowsOf(of), [[-1n, 'a'], [0n, 'B'], [1n, 'c'], [2n, 'd']]); // prettier-ignore
        await keep(of, [1], []);
        assert.deepEqual(await rowsOf(of, { first: 0 }), [[0n, 'B'], [2n, 'd']]); // prettier-ignore
        assert.deepEqual(await rowsOf(of, { first: 0, last: 1 }), [[0n, 'B']]);
        assert.deepEqual(await rowsOf(of, { last: -1 }), [[-1n, 'a']]);
      });

      kept('keeps days of years, one after the other and many at once', async () => {
        const of = name();
        const expected = new Map<number, string>();
        const put = async (days: readonly number[], text: string): Promise<void> => {
          await keep(of, days, days.map((day) => [day, text])); // prettier-ignore
          days.forEach((day) => expected.set(day, text));
          assert.deepEqual(
            await rowsOf(of),
            [...expected].sort(([a], [b]) => a - b).map(([day, x]) => [BigInt(day), x]),
          );
        };
        await put(Array.from({ length: 400 }, (_, i) => 19_000 + i), 'first'); // prettier-ignore
        for (let day = 19_395; day < 19_420; day += 6) await put([day, day + 1], 'next');
        await put([19_010, 19_300, 19_419], 'again');
        await put([18_000], 'before');
      });

      kept('keeps values as they are: integers of 128 bits, signs of zero, NaN, nulls, lists', async () => {
        const of = name();
        const types = Object.keys(samples);
        const special = [-0, NaN, 0, 5e-324, null];
        await using loaded = await lake.load(
          table(
            [...types, 'float64'],
            special.map((x) => [...Object.values(samples), x]),
            [...types.map((type) => `c_${type}`), 'x'],
          ),
          context(),
        );
        const most = sql.exact('9223372036854775807');
        const kepts = `SELECT ${sql.cast('5', parseType('int64'))} AS kept_day, *, ${most} * ${most} AS large FROM ${loaded.name}`;
        await lake.keepDays!(of, { days: [5], statement: { sql: kepts } }, context());
        const from = (await lake.keptDays!(of, {}, context()))!;
        const fields = [...types, 'float64'].map((type, i) => ({
          name: i === types.length ? 'x' : `c_${type}`,
          type: parseType(type),
        }));
        const names = fields.map((field) => field.name).join(', ');
        const { rows } = await all(lake.query({ sql: `SELECT ${names} FROM ${from}`, fields }, context()));
        assert.deepEqual(
          rows.map((row) => row.slice(0, -1)),
          special.map(() => Object.values(samples)),
        );
        assert.deepEqual(new Set(rows.map((row) => row.at(-1))), new Set(special));
        const negative = rows.filter((row) => Object.is(row.at(-1), -0));
        assert.equal(negative.length, lake.dialect.remote === true ? negative.length : 1);
        const difference = `large - ${most} * ${most} + ${sql.exact('7')}`;
        assert.equal(
          await value(`CASE WHEN MIN(${difference}) = 7 THEN 'exact' ELSE 'not' END`, from),
          'exact',
        );
      });

      kept('leaves the rows that were there where the query fails', async () => {
        const of = name();
        await keep(of, [1, 2], [[1, 'a'], [2, 'b']]); // prettier-ignore
        const broken = `SELECT ${sql.cast('1', parseType('int64'))} AS kept_day, CASE WHEN 1 = 1 THEN ${sql.fail('broken')} ELSE 'x' END AS x`;
        await assert.rejects(
          async () => lake.keepDays!(of, { days: [1], statement: { sql: broken } }, context()),
          isVivaceError,
        );
        assert.deepEqual(await rowsOf(of), [[1n, 'a'], [2n, 'b']]); // prettier-ignore
      });

      kept('takes names, and nothing that leads elsewhere', async () => {
        for (const wrong of ['', '..', '../a', 'a/b', 'a.b', 'A', 'a b', '"a"', 'a'.repeat(101)]) {
          for (const call of [
            async () => keep(wrong, [1], [[1, 'a']]),
            async () => lake.keptDays!(wrong, {}, context()),
          ])
            await assert.rejects(
              call,
              (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
              JSON.stringify(wrong),
            );
        }
      });

      kept('has one of the two where two calls replace a day', async () => {
        const of = name();
        const days = [19_000, 19_100, 19_101];
        const put = (text: string) => keep(of, days, days.flatMap((day) => [[day, text], [day, text]])); // prettier-ignore
        await put('a');
        await Promise.all([put('b'), put('c')]);
        const rows = await rowsOf(of);
        for (const day of days) {
          const texts = rows.filter(([d]) => d === BigInt(day)).map(([, x]) => x);
          assert.ok(['b,b', 'c,c'].includes(texts.join()), `${day}: ${texts.join()}`);
        }
        assert.equal(rows.length, 6);
      });
    });

    it('joins as of: the greatest available time that is not after, per key', async () => {
      const right = table(
        ['string', 'int64', 'string'],
        [
          ['a', 10n, 'a10'],
          ['a', 20n, 'a20'],
          ['b', 15n, 'b15'],
        ],
        ['key', 'available', 'value'],
      );
      const times: [string, bigint][] = [
        ['a', 9n],
        ['a', 10n],
        ['a', 19n],
        ['a', 99n],
        ['b', 14n],
        ['b', 16n],
        ['c', 99n],
      ];
      const left = table(
        ['int32', 'string', 'int64'],
        times.map((row, i) => [i, ...row]),
        ['row', 'key', 'time'],
      );
      await using l = await lake.load(left, context());
      await using r = await lake.load(right, context());
      const join = {
        left: l.name,
        right: r.name,
        keys: [{ left: 'key', right: 'key' }],
        time: 'time',
        since: 'available',
        keep: ['row'],
        columns: ['value'],
      };
      const statement = { sql: sql.asOfJoin(join), fields: fieldsOf({ row: 'int32', value: 'string' }) };
      const { fields, rows } = await all(lake.query(statement, context()));
      assert.deepEqual(fields, statement.fields);
      rows.sort((one, other) => (one[0] as number) - (other[0] as number));
      assert.deepEqual(rows, [
        [1, 'a10'],
        [2, 'a10'],
        [3, 'a20'],
        [5, 'b15'],
      ]);
    });

    it('runs queries side by side', async () => {
      const answers = await Promise.all([1, 2, 3, 4].map(async (n) => Number(await value(String(n)))));
      assert.deepEqual(answers, [1, 2, 3, 4]);
    });

    it('lets a reader leave early', async () => {
      await using many = await lake.load(
        integers('n', 200_000, (i) => i),
        context(),
      );
      for await (const batch of lake.query({ sql: `SELECT n FROM ${many.name}` }, context())) {
        assert.ok(batch.rows < 200_000);
        break;
      }
      assert.equal(Number(await value('1')), 1);
    });

    it('gives up when the caller does', async () => {
      const abort = new AbortController();
      await using many = await lake.load(
        integers('n', 200_000, (i) => i),
        context(),
      );
      const pairs = `${many.name} AS a CROSS JOIN ${many.name} AS b CROSS JOIN ${many.name} AS c`;
      const running = all(
        lake.query(
          { sql: `SELECT SUM(a.n * b.n) AS x FROM ${pairs} WHERE a.n + c.n > 5` },
          { signal: abort.signal },
        ),
      );
      setTimeout(() => abort.abort(), 20);
      await assert.rejects(running, (error) => isVivaceError(error) && error.code === 'CANCELLED');
    });

    it('refuses broken SQL as INVALID_ARGUMENT, and names a table that is not there as NOT_FOUND', async () => {
      await assert.rejects(
        answer('SELEC 1'),
        (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
      );
      await assert.rejects(
        answer(`SELECT * FROM ${sql.table('no_such_table')}`),
        (error) =>
          isVivaceError(error) && error.code === 'NOT_FOUND' && error.message.includes('no_such_table'),
      );
    });

    const one = { sql: 'SELECT 1 AS x' };
    it('makes a file of rows in memory, where it can, and reads it back: every scalar type, and nulls', async () => {
      if (lake.encode === undefined || lake.decode === undefined) return;
      const nulls = Object.keys(samples).map(() => null);
      const cells = [Object.values(samples), nulls, Object.values(samples)];
      const content = await lake.encode(table(Object.keys(samples), cells), 'parquet', context());
      const { fields, rows } = await all(lake.decode(content, 'parquet', context()));
      assert.deepEqual(rows, cells);
      assert.deepEqual(
        fields.map(({ name, type }) => `${name} ${type.name}`),
        Object.keys(samples).map((type) => `c_${type} ${type}`),
      );
      const some = await all(lake.decode(content, 'parquet', context(), ['c_string', 'gone', 'c_int32']));
      assert.deepEqual(
        some.rows,
        cells.map((row) => [row[5], row[2]]),
      );
      assert.equal((await all(lake.decode(content, 'parquet', context(), ['gone']))).rows.length, 3);
    });

    it('makes a file of no rows, and of batches one after the other', async () => {
      if (lake.encode === undefined || lake.decode === undefined) return;
      const none = await lake.encode(table(['int32'], []), 'parquet', context());
      assert.deepEqual((await all(lake.decode(none, 'parquet', context()))).rows, []);
      const { fields, batches } = table(['int32'], [[1], [2]]);
      const twice = {
        fields,
        batches: [...(batches as Iterable<RowBatch>), ...(batches as Iterable<RowBatch>)],
      };
      const content = await lake.encode(twice, 'parquet', context());
      assert.deepEqual((await all(lake.decode(content, 'parquet', context()))).rows, [[1], [2], [1], [2]]);
    });

    it('fails with DATA_LOSS for bytes that are not a whole file', async () => {
      if (lake.encode === undefined || lake.decode === undefined) return;
      const content = await lake.encode(table(['string'], [['a'], ['b']]), 'parquet', context());
      const middle = Buffer.from(content);
      middle.fill(255, 8, content.length - 40);
      for (const broken of [Buffer.alloc(0), Buffer.from('hello'), content.subarray(0, -20), middle])
        await assert.rejects(
          all(lake.decode(broken, 'parquet', context())),
          (error) => isVivaceError(error) && error.code === 'DATA_LOSS',
        );
    });

    lifecycleContract({
      runner,
      make,
      port: warehouse,
      prepare: (started) => createTable(started, 'vivace_contract', 'SELECT 1 AS x'),
      calls: {
        describe: (started, call) => started.describe(one, call),
        source: (started, call) => started.source('vivace_contract', [{ name: 'x' }], call),
        estimate: (started, call) => started.estimate?.(one, call),
        query: (started, call) => started.query(one, call),
        keep: { open: (started, call) => started.keep(one, call), handle: {} },
        keepDays: (started, call) =>
          started.keepDays?.(
            'lifecycle',
            {
              days: [1],
              statement: { sql: `SELECT ${started.dialect.cast('1', parseType('int64'))} AS kept_day` },
            },
            call,
          ),
        keptDays: (started, call) => started.keptDays?.('lifecycle', {}, call),
        load: { open: (started, call) => started.load(table(['int32'], [[1]]), call), handle: {} },
        encode: (started, call) => started.encode?.(table(['int32'], [[1]]), 'parquet', call),
        decode: async (started, call) =>
          all(
            started.decode!(
              await started.encode!(table(['int32'], [[1]]), 'parquet', context()),
              'parquet',
              call,
            ),
          ),
        export: (started, call) => withFile('rows.csv', (path) => started.export(one, path, call)),
      },
    });
  });
}

async function createTable(lake: Warehouse, name: string, query: string): Promise<void> {
  const sql = `CREATE OR REPLACE TABLE ${lake.dialect.table(name)} AS ${query}`;
  for await (const _ of lake.query({ sql }, context(60_000)));
}

const samples: Record<string, Cell> = {
  float32: 0.5,
  float64: Math.PI,
  int32: -2_147_483_648,
  int64: -9_223_372_036_854_775_808n,
  bool: true,
  string: 'zażółć gęślą',
  timestamp: instantOf('1905-02-03T00:00:00.000007Z')!,
  bytes: Uint8Array.of(0, 255, 1),
};

function table(
  types: readonly string[],
  rows: readonly (readonly Cell[])[],
  names = types.map((type) => `c_${type}`),
): TableRows {
  const fields = types.map((type, i) => ({ name: names[i] as string, type: parseType(type) }));
  const columns = fields.map(({ type }, i) =>
    columnOf(
      type,
      rows.map((row) => row[i] as Cell),
    ),
  );
  return { fields, batches: [{ fields, rows: rows.length, columns }] };
}

/** A table of one int64 column. */
function integers(name: string, rows: number, value: (row: number) => number): TableRows {
  const fields = fieldsOf({ [name]: 'int64' });
  const values = Array.from({ length: rows }, (_, row) => BigInt(value(row)));
  return { fields, batches: [{ fields, rows, columns: [columnOf(fields[0]!.type, values)] }] };
}

async function all(batches: AsyncIterable<RowBatch>): Promise<{ fields: readonly Field[]; rows: Cell[][] }> {
  let fields: readonly Field[] = [];
  const rows: Cell[][] = [];
  for await (const batch of batches) {
    fields = batch.fields;
    for (let row = 0; row < batch.rows; row++) rows.push(batch.columns.map((column) => cellAt(column, row)));
  }
  return { fields, rows };
}

function cellsOf({ rows }: { rows: Cell[][] }): Cell[][] {
  return rows;
}
