import { expect } from 'chai';
import type { Server } from 'vivace';
import { failureOf } from '../support/failure.js';
import { at, faultyStore, priceServer, row, setClock, type StoreFaults } from '../support/price-server.js';

describe('server.features.read', () => {
  let server: Server;
  const clock = setClock();
  const faults: StoreFaults = {};
  before(async () => {
    server = await priceServer({ clock, store: { use: faultyStore(faults) } });
    await server.features.push('price', [
      row('a', 1.5),
      { ...row('b', null), tags: null },
      row('old', 4, -3_600_001),
    ]);
    await server.features.push('stock', [{ sku: 'a', shop: 1, pieces: 7, eventTime: at(0) }]);
  });
  after(() => server.stop());

  it('reads features of several views, with statuses where not all are PRESENT', async () => {
    const read = await server.features.read(['stock.pieces', 'price.tags'], {
      sku: ['a', 'a'],
      shop: [1, 1],
    });
    expect(read).to.have.property('requestId').that.is.a('string');
    expect(read).to.deep.include({
      features: { 'stock.pieces': [7, 7], 'price.tags': [['new'], ['new']] },
      statuses: {},
      degraded: [],
    });
  });

  it('says why a value is not there', async () => {
    const { features, statuses, degraded } = await server.features.read(['price'], {
      sku: ['a', 'b', 'old', 'none', null, 'a'],
    });
    expect(features).to.deep.equal({
      'price.amount': [1.5, 9, 9, 9, 9, 1.5],
      'price.tags': [['new'], null, null, null, null, ['new']],
    });
    expect(statuses).to.deep.equal({
      'price.amount': ['PRESENT', 'DEFAULTED', 'DEFAULTED', 'DEFAULTED', 'DEFAULTED', 'PRESENT'],
      'price.tags': ['PRESENT', 'NULL', 'STALE', 'MISSING', 'MISSING', 'PRESENT'],
    });
    expect(degraded).to.deep.equal([
      { view: 'price', status: 'MISSING', rows: 2 },
      { view: 'price', status: 'STALE', rows: 1 },
    ]);
  });

  it('answers an outage with its code, and never with defaults', async () => {
    faults.reads = true;
    expect(await failureOf(server.features.read(['price'], { sku: ['a'] }))).to.match(
      /^UNAVAILABLE .*is down/,
    );
    faults.reads = false;
  });

  it('names what is wrong', async () => {
    const refused = (features: readonly string[], keys: object): Promise<string> =>
      failureOf(server.features.read(features, keys as never));
    expect(await refused([], {})).to.match(/^INVALID_ARGUMENT features: name at least one/);
    expect(await refused(['price', 'prise.amount'], {})).to.equal(
      'INVALID_ARGUMENT features[1]: there is no view "prise"; did you mean "price"?',
    );
    expect(await refused(['price.amuont'], {})).to.match(
      /features\[0\]: "price" has no feature "amuont"; did you/,
    );
    expect(await refused(['price', 'price.amount'], {})).to.match(
      /features\[1\]: "price.amount" is asked for twice$/,
    );
    expect(await refused(['price'], { sku: [1] })).to.equal(
      'INVALID_ARGUMENT keys.sku[0]: 1 is not a string',
    );
    expect(await refused(['stock'], { sku: ['a'], shop: [1, 2] })).to.match(
      /keys.shop: 2 values, but another key has 1$/,
    );
    expect(await refused(['price'], { sky: ['a'] })).to.equal(
      'INVALID_ARGUMENT keys.sky: unknown field; did you mean "sku"?',
    );
    expect(await refused(['price'], { sku: Array.from({ length: 10_001 }, () => 'a') })).to.match(
      /at most 10000$/,
    );
    expect(
      await refused(
        Array.from({ length: 1001 }, () => 'price.amount'),
        {},
      ),
    ).to.match(/at most 1000$/);
  });

  it('compiles a list of features once', () => {
    const { features } = server.data;
    const description = features.describeRead(['price.amount']);
    expect(features.describeRead(['price.amount'])).to.equal(description);
    for (let i = 0; i < 200; i++)
      features.describeRead(i % 2 === 0 ? ['price', `stock.pieces`] : ['stock', 'price.tags']);
    expect(features.describeRead(['price.amount'])).to.equal(description);
  });
});
