import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainingSetByHand } from '../bench/shop/by-hand.js';
import { trainingSet } from '../bench/shop/measured.js';
import { smallShop, writeRequests, writeShop } from '../bench/shop/shop.js';

/** Of several lines of an invoice the statement by hand takes another one. */
const tied = ['last_line.product', 'last_line.quantity', 'last_line.price'];
/** The statement by hand takes a difference of squares, which is not exact. */
const rounded = ['customer.price_spread', 'product.price_spread'];

describe('The training set of a shop', function () {
  this.timeout(120_000);
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-by-hand-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  it('has the rows that one statement by hand gives, late lines and silent customers among them', async () => {
    const file = (name: string): string => join(directory, `${name}.parquet`);
    await writeShop(file('lines'), smallShop);
    await writeRequests(file('requests'), 5000, smallShop);
    const given = { lines: file('lines'), requests: file('requests') };
    await trainingSet({ ...given, set: 'withLast', out: file('set') });
    await trainingSetByHand({ ...given, out: file('by-hand') });
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const rows = async (sql: string): Promise<readonly unknown[][]> =>
      (await connection.runAndReadAll(sql)).getRows();
    const columns = (await rows(`DESCRIBE SELECT * FROM '${file('by-hand')}'`))
      .map(([name]) => name as string)
      .filter((name) => name.includes('.'));
    expect(columns).to.have.length(32);
    const differs = columns.map((name) => {
      const [a, b] = [`v."${name}"`, `h."${name}"`];
      if (tied.includes(name)) return `(${a} IS NULL) <> (${b} IS NULL)`;
      return rounded.includes(name)
        ? `(${a} IS NULL) <> (${b} IS NULL) OR ABS(${a} - ${b}) > 1e-4`
        : `${a} IS DISTINCT FROM ${b}`;
    });
    const [counts] =
      await rows(`SELECT COUNT(*), ${differs.map((each) => `COUNT(*) FILTER (${each})`).join(', ')}
      FROM '${file('set')}' AS v JOIN '${file('by-hand')}' AS h
      ON v."request.moment" = h.time AND v."request.customer" = h.customer AND v."request.product" = h.product`);
    connection.disconnectSync();
    instance.closeSync();
    expect(counts!.map(Number)).to.deep.equal([5000, ...columns.map(() => 0)]);
  });
});
