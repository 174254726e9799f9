import { strict as assert } from 'node:assert';
import { columnOf, FeatureRows, onlineStore, parseType, type Keys, type Server } from 'vivace';
import { createShop } from './shop.js';

async function push(server: Server, prices: Readonly<Record<string, number>>): Promise<void> {
  const view = server.views.get('product_price')!;
  const products = columnOf(parseType('string'), Object.keys(prices));
  const keys: Keys = { rows: products.rows, time: 0, column: () => products };
  const rows = new FeatureRows(view.features, products.rows);
  Object.values(prices).forEach((price, row) => rows.column('price').set(row, price));
  for (const times of [rows.eventTime, rows.availableTime]) times.fill(Date.now() * 1000);
  const online = server.part(onlineStore, 'online');
  await online.open(view).write(keys, rows, { signal: AbortSignal.timeout(1000) });
}

describe('example custom-step', () => {
  it('prices products with the injected service, over memory instead of the store', async () => {
    const server = await createShop('.', { hot: { use: 'memory' } });
    await server.start();
    await push(server, { tea: 5, pot: 20 });
    const answer = await server.predict('prices', {
      request: { customer: 'ada' },
      objects: [{ product: 'pot' }, { product: 'tea' }],
    });
    assert.deepEqual(answer.objects, [
      { index: 1, product: 'tea', price: 4.5 },
      { index: 0, product: 'pot', price: 18 },
    ]);
    await server.stop();
  });
});
