import { expect } from 'chai';
import { columnOf, fieldsOf, materializeViews, servedLog, type RowBatch } from 'vivace';
import { callContext } from 'vivace/testing';
import { numbersFrom } from '../../core/testing/offline-store/histories.js';
import { failureOf } from '../support/failure.js';
import { at, nowMs, setClock, valueOf } from '../support/price-server.js';
import { asOfRequests, keptPrice, keptServers, priceRow, quoting } from '../support/pushed-log.js';
import { pushedRows } from '../support/served-log.js';

/** A row as a log has it. */
function columnsOfRow(sku: string, amount: number, ms: number): RowBatch {
  const fields = fieldsOf({
    sku: 'string',
    eventTime: 'timestamp',
    availableTime: 'timestamp',
    amount: 'float64',
    label: 'string',
  });
  const cells = [sku, ms * 1000, ms * 1000, amount, null];
  return { fields, rows: 1, columns: fields.map(({ type }, i) => columnOf(type, [cells[i]!])) };
}

describe('A log of what is pushed', function () {
  this.timeout(60_000);
  const servers = keptServers();

  it('has the rows that were pushed, with both times, when the push is answered', async () => {
    const server = await servers.start();
    await server.features.push('price', [priceRow('a', 1.5, -1000, 'new'), priceRow('b', null)]);
    expect(await pushedRows(server, 'price')).to.deep.equal([
      {
        sku: 'a',
        eventTime: (nowMs - 1000) * 1000,
        availableTime: nowMs * 1000,
        amount: 1.5,
        label: 'new',
      },
      { sku: 'b', eventTime: nowMs * 1000, availableTime: nowMs * 1000, amount: null, label: null },
    ]);
  });

  it('gets no row a second time that the store holds already, and none that is older', async () => {
    const server = await servers.start();
    await server.features.push('price', [priceRow('a', 1), priceRow('b', 2)]);
    expect(await server.features.push('price', [priceRow('a', 1), priceRow('b', 3, -5)])).to.include({
      written: 0,
    });
    expect(await server.features.push('price', [priceRow('a', 1), priceRow('b', 3, 5)])).to.include({
      written: 1,
    });
    expect((await pushedRows(server, 'price')).map(({ sku, amount }) => [sku, amount])).to.deep.equal([
      ['a', 1],
      ['b', 2],
      ['b', 3],
    ]);
  });

  it('is one file for each push of ten thousand rows', async () => {
    const server = await servers.start();
    const rows = Array.from({ length: 10_000 }, (_, i) => priceRow(`s${i}`, i));
    expect(await server.features.push('price', rows)).to.include({ written: 10_000 });
    const files = await server
      .part(servedLog, 'log')
      .files({ kind: 'pushed', name: 'price' }, {}, callContext());
    expect(files).to.have.lengthOf(1);
    expect(await pushedRows(server, 'price')).to.have.lengthOf(10_000);
  });

  it('lets a training set see what a read at each time has seen', async () => {
    const clock = setClock();
    const random = numbersFrom(5);
    const below = (limit: number): number => Math.floor(random() * limit);
    const server = await servers.start({ clock });
    const seen: { sku: string; at: string; amount: unknown; label: unknown }[] = [];
    for (let i = 0; i < 40; i++) {
      const pushed = Array.from({ length: 1 + below(3) }, () => {
        const ms = clock.ms - nowMs - below(8) * 1000;
        return priceRow(`s${below(5)}`, below(10) === 0 ? null : below(100) / 4, ms, `l${below(3)}`);
      });
      await server.features.push('price', pushed);
      clock.ms += 1 + below(1500);
      const sku = `s${below(6)}`;
      const { features } = await server.features.read(['price'], { sku: [sku] });
      const [amount, label] = [features['price.amount']![0], features['price.label']![0]];
      seen.push({ sku, at: new Date(clock.ms).toISOString(), amount, label });
      clock.ms += 1;
    }
    const found = await asOfRequests(server, servers.directory, seen);
    expect(found.map((each) => ({ amount: each['price.amount'], label: each['price.label'] }))).to.deep.equal(
      seen.map(({ amount, label }) => ({ amount, label })),
    );
    expect(seen.filter(({ amount }) => amount !== null)).to.have.lengthOf.above(20);
  });

  it('refills a store that has lost its rows, with what it held', async () => {
    const stored = new Map<string, Uint8Array>();
    const clock = setClock();
    const server = await servers.start({ clock, stored });
    await server.features.push('price', [priceRow('a', 1), priceRow('b', 2, 0, 'x')]);
    await server.features.push('price', [priceRow('a', 7, 10)]);
    clock.ms += 1000;
    const before = new Map(stored);
    const first = await materializeViews(server, {}, callContext());
    expect(first).to.have.lengthOf(1);
    expect(first[0]).to.include({ rows: 2, written: 0 });
    const ofRows = (): Map<string, Uint8Array> => new Map([...stored].filter(([key]) => before.has(key)));
    expect(ofRows()).to.deep.equal(before);
    for (const key of before.keys()) stored.delete(key);
    expect(await valueOf(server, 'a')).to.equal(null);
    const [again] = await materializeViews(server, {}, callContext());
    expect(again).to.include({ rows: 2, written: 2 });
    expect(again!.why).to.match(/lost rows/);
    expect(ofRows()).to.deep.equal(before);
    expect(await valueOf(server, 'a')).to.equal(7);
  });

  it('gives a run what was pushed since the last one, and what came to the log later than an hour before', async () => {
    const clock = setClock();
    const stored = new Map<string, Uint8Array>();
    const server = await servers.start({ clock, stored });
    const day = 86_400_000;
    for (let i = 0; i < 3; i++) {
      await server.features.push('price', [priceRow(`s${i}`, i, i * day)]);
      const [run] = await materializeViews(server, {}, callContext());
      // The newest of the run before is looked at once more.
      expect(run).to.include({ rows: Math.min(i + 1, 2), written: 0 });
      clock.ms += day;
    }
    const late = columnsOfRow('late', 9, nowMs + 2 * day - 3_000_000);
    await server.part(servedLog, 'log').append({ kind: 'pushed', name: 'price' }, late, callContext());
    const [run] = await materializeViews(server, {}, callContext());
    expect(run).to.include({ rows: 2, written: 1 });
    expect(await valueOf(server, 'late')).to.equal(9);
  });

  it('keeps values of every type, and vectors', async () => {
    const types = {
      f: 'float32',
      i: 'int64',
      t: 'timestamp',
      y: 'bytes',
      flag: 'bool',
      v: 'float32[3]',
      l: 'list<int64>',
    };
    const features = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }]));
    const stored = new Map<string, Uint8Array>();
    const server = await servers.start({
      stored,
      price: { ...keptPrice, entity: { sku: 'string', shop: 'int64' }, features },
      pipelines: {},
    });
    const pushed = {
      sku: 'ż',
      shop: '9007199254740993',
      f: 0.1,
      i: '-9223372036854775808',
      t: '2026-01-01T00:00:00.123456Z',
      y: 'AAEC',
      flag: false,
      v: [1, -0, 2.5],
      l: ['9007199254740993'],
      eventTime: at(0),
    };
    await server.features.push('price', [
      pushed,
      { ...pushed, sku: 'n', ...Object.fromEntries(Object.keys(types).map((name) => [name, null])) },
    ]);
    const before = new Map(stored);
    stored.clear();
    await materializeViews(server, {}, callContext());
    expect(new Map([...stored].filter(([key]) => before.has(key)))).to.deep.equal(before);
  });

  it('gives rows of an earlier definition too: what a feature was not there for is null', async () => {
    const first = await servers.start();
    await first.features.push('price', [priceRow('a', 1, 0, 'x')]);
    await first.stop();
    const features = { amount: { type: 'float64' }, tax: { type: 'float32' } };
    const server = await servers.start({
      price: { ...keptPrice, features },
      pipelines: quoting('amount', 'tax'),
    });
    const [found] = await asOfRequests(server, servers.directory, [{ sku: 'a', at: at(1000) }]);
    expect(found).to.include({ 'price.amount': 1, 'price.tax': null });
  });

  it('widens numbers of an earlier definition, and refuses values that the type does not hold', async () => {
    const price = (type: string): object => ({ ...keptPrice, features: { amount: { type } } });
    const pipelines = quoting('amount');
    const first = await servers.start({ price: price('int32'), pipelines });
    await first.features.push('price', [{ sku: 'a', amount: 3, eventTime: at(0) }]);
    await first.stop();
    const request = [{ sku: 'a', at: at(1000) }];
    for (const type of ['int64', 'float64']) {
      const server = await servers.start({ price: price(type), pipelines });
      const [found] = await asOfRequests(server, servers.directory, request);
      expect(Number(found!['price.amount'])).to.equal(3);
    }
    const server = await servers.start({ price: price('string'), pipelines });
    expect(await failureOf(asOfRequests(server, servers.directory, request))).to.match(
      /FAILED_PRECONDITION.*"amount" was pushed as an int32 .*is a string now/s,
    );
  });

  it('is not that of another view of the same definition, and nor are the rows in the store', async () => {
    const stored = new Map<string, Uint8Array>();
    const clock = setClock();
    const server = await servers.start({ stored, clock, views: { price_us: keptPrice } });
    await server.features.push('price', [priceRow('a', 1)]);
    await server.features.push('price_us', [priceRow('a', 2)]);
    const read = async (): Promise<unknown[]> => {
      const { features } = await server.features.read(['price.amount', 'price_us.amount'], { sku: ['a'] });
      return Object.values(features).flat();
    };
    expect(await read()).to.deep.equal([1, 2]);
    stored.clear();
    // The second push is known a microsecond later than the first one.
    clock.ms += 1;
    await materializeViews(server, {}, callContext());
    expect(await read()).to.deep.equal([1, 2]);
  });

  it('may be empty: nothing was known at any time', async () => {
    const server = await servers.start();
    const [found] = await asOfRequests(server, servers.directory, [{ sku: 'a', at: at(0) }]);
    expect(found).to.include({ 'price.amount': null });
    expect((await materializeViews(server, {}, callContext()))[0]).to.include({ rows: 0 });
  });
});
