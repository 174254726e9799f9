import assert from 'node:assert/strict';
import type { Cell } from '../../data/column.js';
import { parseType } from '../../data/types.js';
import { isVivaceError } from '../../kernel/errors.js';
import { instantOf } from '../../kernel/time.js';
import { callContext as context } from '../start-part.js';
import type { WarehouseFixture } from './fixture.js';
import { integers, readAll, table } from './tables.js';

/** How values are written, converted and computed in the dialect. */
export function values({ runner, lake, sql, answer, value }: WarehouseFixture): void {
  const { it } = runner;

  it('converts texts as they are written: no digit is lost, a time without zone is UTC', async () => {
    const converted = (text: string, type: string): Promise<Cell> =>
      value(sql().fromText(sql().literal(text), parseType(type)));
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
      const text = sql().literal('much');
      assert.equal(await value(sql().fromText(text, type, { attempt: true })), null, type.name);
      await assert.rejects(
        value(sql().fromText(text, type)),
        (error) => isVivaceError(error) && error.code === 'INVALID_ARGUMENT',
        type.name,
      );
    }
    assert.equal(await value(sql().cast(sql().literal('x'), parseType('int64'), { attempt: true })), null);
  });

  it('never rounds a decimal that its column cannot hold', async () => {
    const decimal = (text: string): Promise<Cell> => value(sql().decimal(sql().literal(text)));
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
    await using three = await lake().load(
      integers('n', 3, (i) => i + 1),
      context(),
    );
    const guarded = (n: number): Promise<Cell> =>
      value(`CASE WHEN n < ${n} THEN n ELSE ${sql().fail("it's too much")} END`, three.name);
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

  it('writes literals and names so that nothing in them is SQL', async () => {
    assert.equal(await value(sql().literal('\'; DROP TABLE x; --\\ "ż"')), '\'; DROP TABLE x; --\\ "ż"');
    for (const number of [-1.5, 1e300, -(2 ** 70), 5e-324, NaN, -Infinity])
      assert.deepEqual(await value(sql().literal(number)), number);
    assert.equal(await value(sql().literal(true)), true);
    const { fields } = await readAll(
      lake().query({ sql: `SELECT 1 AS ${sql().identifier('select')}` }, context()),
    );
    assert.deepEqual(
      fields.map((field) => field.name),
      ['select'],
    );
  });

  it('rounds toward minus infinity in floorDivide', async () => {
    const divide = async (n: string): Promise<number> => Number(await value(sql().floorDivide(n, '10')));
    assert.deepEqual(
      [await divide('25'), await divide('-25'), await divide('-20'), await divide('0')],
      [2, -3, -2, 0],
    );
    assert.equal(await value(sql().floorDivide('9007199254740993', '1')), 9_007_199_254_740_993n);
  });

  it('divides, and by zero too', async () => {
    const float = (text: string): string => sql().cast(text, parseType('float64'));
    assert.equal(await value(sql().divide(float('1'), float('4'))), 0.25);
    assert.equal(Number.isFinite(await value(sql().divide(float('1'), float('0')))), false);
  });

  it('computes with float64 as IEEE 754 does: what is too large is infinite, and null stays null', async () => {
    const { floats } = sql();
    const greatest = Number.MAX_VALUE;
    // Columns: an engine may refuse to fold constants that are too large.
    const rows = [
      [0.1, 0.2],
      [greatest, greatest],
      [-greatest, greatest],
      [Infinity, -Infinity],
      [NaN, 1],
      [-0, 0],
      [1, null],
    ] as const;
    await using loaded = await lake().load(table(['float64', 'float64'], rows, ['a', 'b']), context());
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
      Number(await value(`CASE WHEN ${sql().hasNull(list)} THEN 1 ELSE 0 END`)) === 1;
    assert.equal(await found('[1, 2]'), false);
    assert.equal(await found('[1, NULL]'), true);
    assert.equal(await found(`(SELECT items FROM ${ones('')} AS o)`), false);
    assert.equal(await found(`(SELECT items FROM ${ones('WHERE n > 1')} AS o)`), false);
  });

  it('keeps sums of squares of int64 exact', async () => {
    const square = `(${sql().exact('4000000000')} * ${sql().exact('4000000000')})`;
    assert.equal(
      await value(`CASE WHEN ${square} - ${square} + ${sql().exact('7')} = 7 THEN 'exact' ELSE 'not' END`),
      'exact',
    );
  });
}
