import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  deleteFeatures,
  materializeViews,
  servedLog,
  type DeletedFeatures,
  type PipelineDeclaration,
  type ServerOf,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { at, valueOf } from '../support/price-server.js';
import { asOfRequests, keptServers, keptSpecification, priceRow, quoting } from '../support/pushed-log.js';
import { root } from '../support/repository.js';
import { loggedRows, pushedRows } from '../support/served-log.js';

/** Compares the price of one thing with those of others: two fetches of one view. */
const compare: PipelineDeclaration = {
  request: { mine: 'string', at: 'timestamp' },
  time: 'request.at',
  record: { served: { in: 'log' } },
  objects: { fields: { other: 'string' }, max: 10 },
  steps: [
    { fetch: 'price', as: 'own', key: { sku: 'request.mine' }, onMissing: 'null' },
    { fetch: 'price', as: 'others', key: { sku: 'object.other' }, onMissing: 'null' },
  ],
  response: { outputs: { own: 'own.amount', amount: 'others.amount' } },
};
/** Compares the things of a vector: its elements are keys. */
const pair: PipelineDeclaration = {
  request: { id: 'string', shops: 'int32[2]' },
  record: { served: { in: 'log' } },
  steps: [
    { fetch: 'shop', as: 'first', key: { shop: 'request.shops[0]' }, onMissing: 'null' },
    { fetch: 'shop', as: 'second', key: { shop: 'request.shops[1]' }, onMissing: 'null' },
  ],
  response: { outputs: { first: 'first.size', second: 'second.size' } },
};
const unrelated: PipelineDeclaration = {
  request: { sku: 'string' },
  record: { served: { in: 'log' } },
  steps: [],
  response: { outputs: { sku: 'request.sku' } },
};
const pipelines = { ...quoting('amount'), compare, unrelated };

/** Deletes a key with a blob store that ends its process before it removes a file. */
const program = `
import { createServer, defineAdapter, deleteFeatures, blobStore } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { startPart, callContext } from 'vivace/testing';
import { z } from 'zod';
const [directory, specification] = process.argv.slice(1);
const files = (await startPart(filesystem, { path: directory + '/blobs' })).face(blobStore);
const killed = {
  head: (...args) => files.head(...args),
  read: (...args) => files.read(...args),
  list: (...args) => files.list(...args),
  write: (...args) => files.write(...args),
  delete: () => process.kill(process.pid, 'SIGKILL'),
};
const { parts, ...rest } = JSON.parse(specification);
const server = await createServer({
  ...rest,
  directory,
  parts: {
    ...parts,
    files: {
      use: defineAdapter({ provides: blobStore, name: 'killed', options: z.strictObject({}), create: () => killed }),
    },
  },
});
await deleteFeatures(server, { view: 'price', keys: [[{ sku: 'a' }]] }, callContext());
`;

describe('Deletion of keys in logs', function () {
  this.timeout(60_000);
  const servers = keptServers();
  const started: typeof servers.start = (options) => servers.start({ pipelines, ...options });
  async function serve(server: ServerOf): Promise<void> {
    for (const [mine, others] of [
      ['a', ['b', 'c']],
      ['b', ['a', 'c']],
      ['c', ['b', 'd']],
    ] as const)
      await server.predict('compare', {
        request: { mine, at: at(1000) },
        objects: others.map((other) => ({ other })),
      });
    await server.predict('unrelated', { request: { sku: 'a' } });
    await server.part(servedLog, 'log').flush(callContext());
  }
  const pushed = async (server: ServerOf): Promise<unknown[]> =>
    (await pushedRows(server, 'price')).map(({ sku }) => sku);
  const compared = async (server: ServerOf): Promise<string[]> =>
    (await loggedRows(server.part(servedLog, 'log'), 'compare')).map(
      (each) => `${String(each['request.mine'])} ${String(each['object.other'])}`,
    );
  const remove = (server: ServerOf, skus: readonly string[], dryRun = false): Promise<DeletedFeatures> =>
    deleteFeatures(server, { view: 'price', keys: [skus.map((sku) => ({ sku }))], dryRun }, callContext());

  it('removes rows of what was pushed, and of what was served with these keys, and no other', async () => {
    const server = await started();
    await server.features.push('price', [priceRow('a', 1), priceRow('b', 2), priceRow('c', 3)]);
    await server.features.push('price', [priceRow('d', 4)]);
    await serve(server);
    const { keys, versions, logs } = await remove(server, ['a', 'never']);
    expect([keys, versions.length]).to.deep.equal([2, 1]);
    expect(logs).to.deep.equal([
      { log: 'log', kind: 'pushed', name: 'price', rows: 1, files: 1 },
      { log: 'log', kind: 'served', name: 'compare', rows: 3, files: 1 },
    ]);
    expect(await pushed(server)).to.deep.equal(['b', 'c', 'd']);
    expect(await compared(server)).to.deep.equal(['b c', 'c b', 'c d']);
    expect(await loggedRows(server.part(servedLog, 'log'), 'unrelated')).to.have.lengthOf(1);
    // What comes next is as if the key had never been there.
    const found = await asOfRequests(server, servers.directory, [
      { sku: 'a', at: at(5000) },
      { sku: 'b', at: at(6000) },
    ]);
    expect(found.map((each) => each['price.amount'])).to.deep.equal([null, 2]);
    expect((await remove(server, ['a'])).logs.map(({ rows, files }) => [rows, files])).to.deep.equal([
      [0, 0],
      [0, 0],
    ]);
  });

  it('lets no later materialization bring a key back, and none fail', async () => {
    const server = await started();
    await server.features.push('price', [priceRow('a', 1), priceRow('b', 2)]);
    await materializeViews(server, {}, callContext());
    await remove(server, ['a']);
    await materializeViews(server, {}, callContext());
    await materializeViews(server, { full: true }, callContext());
    expect([await valueOf(server, 'a'), await valueOf(server, 'b')]).to.deep.equal([null, 2]);
  });

  it('lets no later push of an older row bring a key back, neither in the store nor in the log', async () => {
    const server = await started();
    await server.features.push('price', [priceRow('a', 1)]);
    await remove(server, ['a']);
    expect(await server.features.push('price', [priceRow('a', 2), priceRow('b', 3)])).to.include({
      accepted: 2,
      written: 1,
    });
    expect(await pushed(server)).to.deep.equal(['b']);
    expect([await valueOf(server, 'a'), await valueOf(server, 'b')]).to.deep.equal([null, 3]);
    const [again] = await asOfRequests(server, servers.directory, [{ sku: 'a', at: at(5000) }]);
    expect(again).to.include({ 'price.amount': null });
  });

  it('removes a row whose event time is ahead of the clock, as that of a push may be, and does not touch others', async () => {
    const server = await started();
    await server.features.push('price', [
      { ...priceRow('a', 1), eventTime: at(299_000) },
      { ...priceRow('b', 2), eventTime: at(299_000) },
      priceRow('c', 3),
    ]);
    const { versions } = await remove(server, ['a', 'c', 'never']);
    expect(versions.map(({ removed }) => removed)).to.deep.equal([3]);
    expect(await Promise.all(['a', 'b', 'c'].map((sku) => valueOf(server, sku)))).to.deep.equal([
      null,
      2,
      null,
    ]);
    // Only where a row was ahead does the deletion reach as far.
    await server.features.push('price', [
      { ...priceRow('a', 4), eventTime: at(1000) },
      { ...priceRow('c', 5), eventTime: at(1000) },
    ]);
    expect([await valueOf(server, 'a'), await valueOf(server, 'c')]).to.deep.equal([null, 5]);
  });

  it('removes rows that were served by an element of a vector', async () => {
    const shop = { store: 'online', entity: { shop: 'int32' }, features: { size: { type: 'float64' } } };
    const server = await started({ views: { shop }, pipelines: { ...pipelines, pair } });
    for (const [id, shops] of [
      ['x', [1, 2]],
      ['y', [2, 3]],
      ['z', [3, 1]],
    ] as const)
      await server.predict('pair', { request: { id, shops } });
    await server.part(servedLog, 'log').flush(callContext());
    const { logs } = await deleteFeatures(server, { view: 'shop', keys: [[{ shop: 1 }]] }, callContext());
    expect(logs).to.deep.equal([{ log: 'log', kind: 'served', name: 'pair', rows: 2, files: 1 }]);
    const rows = await loggedRows(server.part(servedLog, 'log'), 'pair');
    expect(rows.map((each) => each['request.id'])).to.deep.equal(['y']);
  });

  it('only counts in a dry run', async () => {
    const stored = new Map<string, Uint8Array>();
    const server = await started({ stored });
    await server.features.push('price', [priceRow('a', 1), priceRow('b', 2)]);
    await serve(server);
    const before = [new Map(stored), await pushed(server), await compared(server)];
    const { versions, logs } = await remove(server, ['a'], true);
    expect(versions.map(({ removed }) => removed)).to.deep.equal([0]);
    expect(logs.map(({ rows, files }) => [rows, files])).to.deep.equal([
      [1, 1],
      [3, 1],
    ]);
    expect([stored, await pushed(server), await compared(server)]).to.deep.equal(before);
  });

  it('loses nothing else where its process is killed, and is finished by the next one', async () => {
    const first = await started();
    await first.features.push('price', [priceRow('a', 1), priceRow('b', 2)]);
    await serve(first);
    await first.stop();
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', program, servers.directory, JSON.stringify(keptSpecification)],
      { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect(signal).to.equal('SIGKILL');
    const filesThere = async (): Promise<string[]> =>
      (await readdir(join(servers.directory, 'blobs', 'pushed'), { recursive: true })).filter((name) =>
        name.endsWith('.parquet'),
      );
    expect(await filesThere()).to.have.lengthOf(2);
    const server = await started();
    expect(await pushed(server)).to.deep.equal(['b']);
    expect(await compared(server)).to.have.lengthOf(6);
    await remove(server, ['a']);
    expect(await filesThere()).to.have.lengthOf(1);
    expect(await pushed(server)).to.deep.equal(['b']);
    expect(await compared(server)).to.deep.equal(['b c', 'c b', 'c d']);
  });
});
