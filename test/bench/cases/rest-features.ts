import { Agent, get } from 'node:http';
import { createServer } from 'vivace';
import { figure, type BenchCase } from '../bench-case.js';
import { Child } from '../child.js';
import { interleave, timed } from '../measure.js';

const objects = 100;
const clients = 8;
const requestsOfClient = 25;
const maxInFlight = 64;

/** Features of 100 objects from a service on the same machine, one request for each, beside a loop by hand over connections that are kept. */
export const benchCase: BenchCase = {
  title: `features of ${objects} keys over HTTP, ${clients} clients`,
  async run() {
    const { child, ready: origin } = await Child.start<string>('./children/price-service.js', {});
    const server = await createServer({
      admission: { shedLagMs: 600_000 },
      parts: {
        http: { use: 'node-http', maxSockets: maxInFlight },
        prices: {
          use: 'rest-features',
          client: 'http',
          url: `${origin}/items/{item_id}`,
          keys: { item_id: 'int32' },
          features: { price: { type: 'float32', from: '$.offer.price' } },
          timeoutMs: 30_000,
          maxInFlight,
        },
      },
      pipelines: {
        rank: {
          deadlineMs: 60_000,
          objects: { fields: { item: 'int32' } },
          steps: [{ fetch: 'prices', key: { item_id: 'object.item' } }],
          response: { outputs: { price: 'prices.price' } },
        },
      },
    });
    await server.start();
    const items = Array.from({ length: objects }, (_, i) => i + 1);
    const body = { objects: { item: items } };
    const agent = new Agent({ keepAlive: true, maxSockets: maxInFlight, maxFreeSockets: maxInFlight });
    const all = async (ask: () => Promise<unknown>): Promise<void> => {
      await Promise.all(
        Array.from({ length: clients }, async () => {
          for (let i = 0; i < requestsOfClient; i++) await ask();
        }),
      );
    };
    const measured = await interleave(
      {
        vivace: async () =>
          timed(clients * requestsOfClient, () => all(() => server.predict('rank', body as never))),
        floor: async () =>
          timed(clients * requestsOfClient, () =>
            all(() => Promise.all(items.map((item) => priceOf(agent, origin, item)))),
          ),
      },
      { rounds: 7, warmUp: 2 },
    );
    agent.destroy();
    await server.stop();
    await child.stop();
    const { vivace, floor } = measured;
    const ratio = vivace.wallMicros / floor.wallMicros;
    return [
      {
        what: `${objects} keys at ${clients} clients`,
        vivace: figure(vivace.wallMicros / 1000, 'ms'),
        floor: figure(floor.wallMicros / 1000, 'ms'),
        ratio,
        target: 'ratio ≤ 1.3',
        reached: ratio <= 1.3,
      },
      {
        what: 'CPU per request',
        vivace: figure(vivace.cpuMicros / 1000, 'ms'),
        floor: figure(floor.cpuMicros / 1000, 'ms'),
        ratio: vivace.cpuMicros / floor.cpuMicros,
      },
    ];
  },
};

function priceOf(agent: Agent, origin: string, item: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get(`${origin}/items/${item}`, { agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { offer } = JSON.parse(Buffer.concat(chunks).toString()) as { offer: { price: number } };
        resolve(offer.price);
      });
    }).on('error', reject);
  });
}
