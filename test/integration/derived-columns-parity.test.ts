import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTrainingSet, materializeViews } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { expression } from 'vivace/plugins/expression';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import { withServer } from '../support/scripted.js';

const sales = `shop,at,quantity,price
a,2001-01-01T10:00:00Z,2,1.50
a,2001-01-01T11:00:00Z,3,
a,2001-01-02T10:00:00Z,7,0.1
b,2001-01-02T10:00:00Z,0,10
`;
const asked = ['a', 'b', 'c'];

describe('derived columns and expressions in a pipeline', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-expressions-'));
  after(() => rmSync(directory, { recursive: true }));

  it('give the same online and in a training set', async () => {
    writeFileSync(join(directory, 'sales.csv'), sales);
    const spine = ['shop,at,visits', ...asked.map((shop, i) => `${shop},2001-01-03T12:00:00Z,${i}`)];
    writeFileSync(join(directory, 'spine.csv'), `${spine.join('\n')}\n`);
    const configuration = {
      directory,
      parts: {
        hot: { use: memory },
        lake: { use: duckdb },
        online: { use: onlineStore, store: 'hot' },
        history: { use: offlineStore, warehouse: 'lake', online: 'online' },
        ratio: {
          use: expression,
          outputs: {
            each: 'revenue / sales',
            known: 'revenue is not null and sales > 0',
            visits: 'visits + coalesce(revenue, 0)',
          },
        },
      },
      views: {
        shop: {
          store: 'online',
          entity: { shop: 'string' },
          source: {
            table: 'sales.csv',
            eventTime: 'at',
            columns: { revenue: 'quantity * price', sold: 'quantity > 0' },
            where: { sold: { equals: true } },
          },
          features: {
            revenue: { aggregate: 'sum', of: 'revenue', windowDays: 7 },
            sales: { aggregate: 'count', windowDays: 7 },
          },
        },
      },
      pipelines: {
        p: {
          request: { shop: 'string', at: 'timestamp', visits: 'int64' },
          time: 'request.at',
          steps: [
            { fetch: 'shop', onMissing: 'null' },
            {
              transform: 'ratio',
              inputs: { revenue: 'shop.revenue', sales: 'shop.sales', visits: 'request.visits' },
            },
          ],
          response: { outputs: { each: 'ratio.each', known: 'ratio.known', visits: 'ratio.visits' } },
        },
      },
    };
    await withServer(configuration as never, async (server) => {
      await materializeViews(server, { untilMs: Date.parse('2001-01-03T12:00:00Z') }, callContext(60_000));
      const online = [];
      for (const [visits, shop] of asked.entries()) {
        const request = { shop, at: '2001-01-03T12:00:00Z', visits };
        online.push((await server.predict('p', { request })).outputs);
      }
      const revenue = Math.fround(3.7);
      expect(online).to.deep.equal([
        { each: revenue / 3, known: true, visits: revenue },
        { each: null, known: false, visits: 1 },
        { each: null, known: false, visits: 2 },
      ]);
      const set = join(directory, 'set.csv');
      const built = { pipeline: 'p', spine: { table: 'spine.csv', time: 'at' } };
      await buildTrainingSet(server, set, built, callContext(60_000));
      const [head, ...lines] = readFileSync(set, 'utf8').trim().split('\n');
      const names = head!.split(',');
      const cells = lines.map((line) =>
        Object.fromEntries(line.split(',').map((cell, i) => [names[i]!, cell])),
      );
      const trained = cells.map((row) => {
        const value = (name: string): string => row[`ratio.${name}`]!;
        const each = value('each');
        return {
          each: each === '' ? null : Number(each),
          known: value('known') === 'true',
          visits: Number(value('visits')),
        };
      });
      expect(trained).to.deep.equal(online);
    });
  });
});
