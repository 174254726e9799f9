import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { blobStore, servedLog, VivaceError, type ServerOf } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { callContext, faulty, startPart, type TestPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { at, setClock, valueOf, type StoreFaults } from '../support/price-server.js';
import { asOfRequests, keptServers, priceRow } from '../support/pushed-log.js';
import { pushedRows, writingBy } from '../support/served-log.js';
import { until } from '../support/until.js';

describe('A push whose log or store fails', function () {
  this.timeout(60_000);
  const servers = keptServers();
  let blobs: TestPart;
  beforeEach(async () => {
    blobs = await startPart(memory);
  });
  // The servers have stopped by then.
  afterEach(() => blobs.stop());
  const started: typeof servers.start = (options) =>
    servers.start({ blobs: blobs.face(blobStore), ...options });
  const amounts = async (server: ServerOf): Promise<unknown[]> =>
    (await pushedRows(server, 'price')).map(({ amount }) => amount);

  it('writes nothing to the store where the log cannot be written, and says so', async () => {
    const plan = { failures: Infinity, operations: ['write'] };
    const stored = new Map<string, Uint8Array>();
    const server = await started({
      blobs: faulty(blobs.face(blobStore), plan),
      stored,
      log: { stopMs: 50 },
    });
    const failure = await failureOf(server.features.push('price', [priceRow('a', 1), priceRow('b', 2)]));
    expect(failure).to.match(
      /UNAVAILABLE.*2 of 2 rows may not be stored: "log", which keeps what is pushed, has not confirmed the rows, so none was written to the store: .*push them again, which is safe for all of them/s,
    );
    expect(stored.size).to.equal(0);
  });

  it('is done when it is repeated, and what the log has twice counts once', async () => {
    const plan = { failures: 1, operations: ['write'] };
    const clock = setClock();
    const server = await started({ blobs: faulty(blobs.face(blobStore), plan), clock });
    expect(await failureOf(server.features.push('price', [priceRow('a', 1)]))).to.match(/UNAVAILABLE/);
    clock.ms += 1000;
    expect(await server.features.push('price', [priceRow('a', 1)])).to.include({ accepted: 1, written: 1 });
    // The log writes what it could not, too.
    await until(async () => (await amounts(server)).length === 2);
    expect(await valueOf(server, 'a')).to.equal(1);
    const found = await asOfRequests(server, servers.directory, [
      { sku: 'a', at: at(-1) },
      { sku: 'a', at: at(1500) },
    ]);
    expect(found.map((each) => each['price.amount'])).to.deep.equal([null, 1]);
  });

  it('is in the history where the store fails after the log, and in the store when it is repeated', async () => {
    const faults: StoreFaults = { writes: true };
    const server = await started({ faults });
    expect(await failureOf(server.features.push('price', [priceRow('a', 1)]))).to.match(
      /UNAVAILABLE.*1 of 1 rows/,
    );
    expect(await amounts(server)).to.deep.equal([1]);
    faults.writes = false;
    expect(await server.features.push('price', [priceRow('a', 1)])).to.include({ written: 1 });
    expect(await valueOf(server, 'a')).to.equal(1);
    const [found] = await asOfRequests(server, servers.directory, [{ sku: 'a', at: at(10) }]);
    expect(found).to.include({ 'price.amount': 1 });
  });

  it('leaves nothing in the log where the store cannot be read', async () => {
    const server = await started({ faults: { reads: true } });
    expect(await failureOf(server.features.push('price', [priceRow('a', 1)]))).to.match(/UNAVAILABLE/);
    expect(await amounts(server)).to.deep.equal([]);
  });

  it('names the rows of which only some could be stored; the log has them all', async () => {
    const faults: StoreFaults = { failing: (key) => key.includes('bad') };
    const server = await started({ faults });
    const failure = await failureOf(server.features.push('price', [priceRow('a', 1), priceRow('bad', 2)]));
    expect(failure).to.match(/1 of 2 rows may not be stored/);
    expect((await amounts(server)).sort()).to.deep.equal([1, 2]);
    expect(await valueOf(server, 'a')).to.equal(1);
  });

  it('fails while the log is full, and nothing of it is written', async () => {
    const plan = { failures: Infinity, operations: ['write'] };
    const stored = new Map<string, Uint8Array>();
    const server = await started({
      blobs: faulty(blobs.face(blobStore), plan),
      stored,
      log: { maxBytes: 2_000_000, flushBytes: 1_000_000 },
      parts: { telemetry: { use: 'opentelemetry' } },
    });
    const many = Array.from({ length: 10_000 }, (_, i) => ({
      ...priceRow(`s${i}`, i),
      label: 'x'.repeat(500),
    }));
    const failures: string[] = [];
    for (let i = 0; i < 2; i++) failures.push(await failureOf(server.features.push('price', many)));
    expect(failures[1]).to.match(/RESOURCE_EXHAUSTED.*the log is full, and its store is slow or away/s);
    expect(stored.size).to.equal(0);
    // They were refused, and whoever pushed them knows.
    const { body } = (await server.control.scrape({ signal: new AbortController().signal }))!;
    expect(body)
      .to.match(/vivace_log_held/)
      .and.not.match(/dropped/);
    plan.failures = 0;
  });

  it('ends with its deadline where the store of the log never answers', async () => {
    const hanging = writingBy(
      blobs.face(blobStore),
      (_key, _content, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new VivaceError('ABORTED', 'gone'))),
        ),
    );
    const stored = new Map<string, Uint8Array>();
    const server = await started({ blobs: hanging, stored, log: { stopMs: 50 } });
    expect(await failureOf(server.features.push('price', [priceRow('a', 1)], { deadlineMs: 300 }))).to.match(
      /DEADLINE_EXCEEDED/,
    );
    expect(stored.size).to.equal(0);
  });

  it('is answered, and kept, where the server stops meanwhile', async () => {
    const server = await started({ log: { appendMs: 500 } });
    const pushing = server.features.push('price', [priceRow('a', 1)]);
    await sleep(50);
    await server.stop();
    expect(await pushing).to.include({ written: 1 });
    const again = await started();
    expect(await amounts(again)).to.deep.equal([1]);
  });

  it('waits no longer where the day has changed since the push before', async () => {
    const clock = setClock();
    const log = { appendMs: 50, flushMs: 600_000 };
    const server = await started({ clock, log });
    const before = server.features.push('price', [priceRow('a', 1)]);
    await sleep(10);
    clock.ms += 86_400_000;
    await Promise.all([before, server.features.push('price', [priceRow('b', 2)], { deadlineMs: 5000 })]);
    expect((await amounts(server)).sort()).to.deep.equal([1, 2]);
  });

  it('says which file of the log is broken where its rows are needed', async () => {
    const server = await started();
    await server.features.push('price', [priceRow('a', 1)]);
    const given = blobs.face(blobStore);
    const [file] = await server
      .part(servedLog, 'log')
      .files({ kind: 'pushed', name: 'price' }, {}, callContext());
    await given.write(file!.key, Buffer.from('PAR1'), callContext());
    expect(await failureOf(asOfRequests(server, servers.directory, [{ sku: 'a', at: at(0) }]))).to.match(
      new RegExp(`DATA_LOSS.*${file!.key}`),
    );
  });
});
