import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkViews, type ConfigError, createServer, type Views } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import { thrownBy } from '../support/scripted.js';

describe('checkViews with several offline stores', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-check-views-'));
    writeFileSync(join(directory, 'prices.csv'), 'item,euro\na,1\na,2\n');
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const view = (store: string, column: string) => ({
    store,
    entity: { item: 'string' as const },
    source: { table: 'prices.csv' },
    features: { euro: { type: 'float64' as const, of: column } },
  });
  const check = (views: Views) =>
    checkViews(
      () =>
        createServer({
          directory,
          parts: {
            hot: { use: memory },
            cold: { use: memory },
            warm: { use: memory },
            lake: { use: duckdb },
            first: { use: onlineStore, store: 'hot' },
            second: { use: onlineStore, store: 'cold' },
            third: { use: onlineStore, store: 'warm' },
            one: { use: offlineStore, warehouse: 'lake', online: 'first' },
            two: { use: offlineStore, warehouse: 'lake', online: 'second' },
          },
          views,
          pipelines: {},
        }),
      {},
      callContext(60_000),
    );

  it("asks the one that copies to the view's online store, and finds the mistakes of all", async () => {
    const error = await thrownBy(check({ a: view('first', 'ero'), b: view('second', 'eur') }));
    expect((error as unknown as ConfigError).mistakes.map(({ path }) => path[1])).to.deep.equal(['a', 'b']);
  });

  it('says which views no store could be asked about', async () => {
    const notes = await check({ a: view('first', 'euro'), b: view('third', 'eur') });
    expect(notes.get('a')).to.have.length(1);
    expect(notes.get('b')).to.deep.equal([
      'not compared with its source: there are several offline stores, and none of them copies to "third"',
    ]);
  });
});
