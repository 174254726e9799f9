import { createServer } from 'vivace';
import { asChild } from '../child.js';
import { pushes, pushTimes, rowsOfPush, type Pushed } from '../pushed-rows.js';

/** Pushes rows to Redis, newer ones each time. */
await asChild(async (given: Pushed) => {
  const names = Array.from({ length: given.features }, (_, i) => `f${i}`);
  const server = await createServer({
    parts: { hot: { use: 'redis', url: given.url }, online: { use: 'online-store', store: 'hot' } },
    views: {
      wide: {
        store: 'online',
        entity: { id: 'string' },
        features: Object.fromEntries(names.map((name) => [name, { type: 'float32' }])),
      } as never,
    },
    pipelines: {},
  });
  await server.start();
  const ready = await pushTimes((push) => {
    const { id, eventTime, features } = rowsOfPush(push, given);
    const rows = id.map((each, row) => ({
      id: each,
      eventTime,
      ...Object.fromEntries(names.map((name, i) => [name, features[row * names.length + i]!])),
    }));
    return () => server.features.push('wide', rows);
  }, pushes);
  await server.stop();
  return { ready };
});
