import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTrainingSet, createServer, httpServer, materializeViews, type Server } from 'vivace';
import { callContext } from 'vivace/testing';
import { randomNumbers } from '../bench/random.js';
import { nightMs, smallShop, writeShop } from '../bench/shop/shop.js';
import { shopParts, shopViews } from '../bench/shop/views.js';

/** `.ci/long` asks 5,000 times. */
const requests = process.env['SHOP'] === 'whole' ? 5000 : 300;
const night = 60;
const outputs = {
  customer_lines: 'customer.lines_7d',
  customer_spread: 'customer.price_spread',
  product_revenue: 'product.revenue_28d',
  product_bulk: 'product.bulk_7d',
  pair_lines: 'pair.lines_90d',
  pair_quantity: 'pair.quantity',
} as const;

describe('A training set of whole requests to a shop', function () {
  this.timeout(requests * 400 + 60_000);
  let directory: string;
  let server: Server;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-grouped-shop-'));
    await writeShop(join(directory, 'lines.parquet'), smallShop);
    const random = randomNumbers(5);
    const below = (limit: number): number => Math.floor(random() * limit);
    const code = (letter: string, number: number): string => `${letter}${String(number).padStart(5, '0')}`;
    const lines = Array.from({ length: requests }, (_, i) => {
      const moment = new Date(nightMs(night) + i * 17_000).toISOString();
      const customer = code('C', below(smallShop.customers + 5));
      return Array.from(
        { length: 1 + below(40) },
        () => `r${i},${customer},${moment},${code('P', below(smallShop.products + 5))}`,
      );
    }).flat();
    writeFileSync(join(directory, 'shown.csv'), `shown,customer,moment,product\n${lines.join('\n')}\n`);
    server = await createServer({
      parts: {
        ...shopParts({ use: 'memory' }),
        web: { use: 'express', port: 0 },
        api: { use: 'rest', server: 'web' },
      },
      views: shopViews('lines.parquet', { everyMs: 86_400_000, offsetMs: 3 * 3_600_000 }),
      pipelines: {
        shown: {
          request: { customer: 'string', moment: 'timestamp' },
          time: 'request.moment',
          objects: { fields: { product: 'string' }, max: 40 },
          steps: [{ fetch: 'customer' }, { fetch: 'product' }, { fetch: 'pair' }],
          response: { outputs },
        },
      },
      directory,
    });
    await server.start();
    await materializeViews(server, { untilMs: nightMs(night) }, callContext(60_000));
  });
  after(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  it(`has what ${requests} of 1 to 40 objects are answered over HTTP, number for number`, async () => {
    const file = join(directory, 'set.parquet');
    await buildTrainingSet(
      server,
      file,
      { pipeline: 'shown', spine: { table: 'shown.csv', time: 'moment', group: 'shown' } },
      callContext(60_000),
    );
    const names = ['request.customer', 'object.product', ...Object.values(outputs)];
    const found = await rowsOf(
      `SELECT CAST(EPOCH_MS(time) AS DOUBLE), ${names.map((name) => `"${name}"`).join(', ')} FROM '${file}'`,
    );
    const groups = new Map<number, unknown[][]>();
    for (const [ms, ...row] of found) groups.set(ms as number, [...(groups.get(ms as number) ?? []), row]);
    expect(groups.size).to.equal(requests);
    const url = `${server.part(httpServer, 'web').address() as string}/v1/pipelines/shown/predict`;
    for (const [ms, rows] of groups) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          request: { customer: rows[0]![0], moment: new Date(ms).toISOString() },
          objects: rows.map(([, product]) => ({ product })),
        }),
      });
      const { objects } = (await response.json()) as { objects: Record<string, number | null>[] };
      const answered = objects.map((each) => Object.keys(outputs).map((name) => float32(each[name])));
      expect(answered).to.deep.equal(rows.map(([, , ...values]) => values.map(float32)));
    }
    // Both kinds of customers and products are among them.
    const values = found.map((row) => row[3]);
    expect(values.some((value) => value === null)).to.equal(true);
    expect(values.some((value) => typeof value === 'number' && value > 0)).to.equal(true);
  });
});

/** JSON has the shortest text of a float32, which is another double. */
function float32(value: unknown): number | null {
  return value === null || value === undefined ? null : Math.fround(Number(value));
}

async function rowsOf(sql: string): Promise<readonly unknown[][]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRows();
  connection.disconnectSync();
  instance.closeSync();
  return rows;
}
