import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asOf,
  cellAt,
  createServer,
  materializeViews,
  type AsOfBlock,
  type Plan,
  type ServerOf,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { explainNode as explainedRow } from '../../core/json/explain.js';
import { explainNode } from '../../core/pipeline/explain.js';
import { randomNumbers } from '../bench/random.js';
import { nightMs, smallShop, writeShop } from '../bench/shop/shop.js';
import { shopParts, shopViews } from '../bench/shop/views.js';

const dayMs = 86_400_000;
const delayMs = 600_000;
/** A job at 03:00 that takes ten minutes. */
const nightly = { everyMs: dayMs, offsetMs: 3 * 3_600_000, delayMs };
const firstNight = 40;
const nights = 8;

const pipeline = {
  request: { customer: 'string', moment: 'timestamp' },
  time: 'request.moment',
  steps: [{ fetch: 'customer' }, { fetch: 'last_line' }],
  response: { outputs: { lines: 'customer.lines_7d', product: 'last_line.product' } },
} as const;

/** What a request is told of a view, as text: status, times, and every feature. */
type Told = Readonly<Record<'customer' | 'last_line', string>>;

describe('A job that runs at 03:00', function () {
  this.timeout(180_000);
  let directory: string;
  // Keys: customers and moments of this test's.
  const online = new Map<string, Told>();

  const server = async (refresh?: object): Promise<ServerOf<{ readonly shop: typeof pipeline }>> => {
    const { customer, last_line } = shopViews('lines.parquet', refresh);
    return createServer({
      parts: shopParts({ use: 'memory' }),
      views: {
        customer,
        // Its age is that at the request, not at the run.
        last_line: Object.assign({}, last_line, { maxAgeMs: 250 * 3_600_000 }),
      },
      pipelines: { shop: pipeline },
      directory,
    });
  };

  /** Asks the store after each run, all day long, until the next one is done. */
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-nightly-'));
    await writeShop(join(directory, 'lines.parquet'), smallShop);
    const running = await server(nightly);
    await running.start();
    const random = randomNumbers(3);
    try {
      for (let night = firstNight; night < firstNight + nights; night++) {
        await materializeViews(running, { untilMs: nightMs(night) }, callContext(60_000));
        const from = nightMs(night) + delayMs;
        for (let i = 0; i < smallShop.customers; i++) {
          const within = [from, from + dayMs - 1, from + Math.floor(random() * dayMs)];
          for (const ms of i < 20 ? within : within.slice(2)) {
            const request = {
              customer: `C${String(i).padStart(5, '0')}`,
              moment: new Date(ms).toISOString(),
            };
            const { explain } = await running.predict('shop', { request, explain: true });
            const told = (explain as { request: Record<keyof Told, object> }).request;
            online.set(`${request.customer},${request.moment}`, {
              customer: JSON.stringify(told.customer),
              last_line: JSON.stringify(told.last_line),
            });
          }
        }
      }
    } finally {
      await running.stop();
    }
    writeFileSync(join(directory, 'requests.csv'), `customer,moment\n${[...online.keys()].join('\n')}\n`);
  });
  after(() => rmSync(directory, { recursive: true }));

  /** How many of the requests the as-of executor tells something other than the store did. */
  const differences = async (refresh?: object): Promise<Record<keyof Told, number>> => {
    const history = await server(refresh);
    const count = { customer: 0, last_line: 0 };
    let requests = 0;
    try {
      await history.startOnly(['history']);
      await asOf(
        history,
        { pipeline: 'shop', spine: { table: 'requests.csv', time: 'moment' } },
        async (blocks, { plan }) => {
          for await (const block of blocks)
            for (const [request, told] of toldOf(block, plan)) {
              requests++;
              for (const alias of ['customer', 'last_line'] as const)
                if (told[alias] !== online.get(request)![alias]) count[alias]++;
            }
        },
        callContext(60_000),
      );
    } finally {
      await history.stop();
    }
    expect(requests).to.equal(online.size);
    return count;
  };

  it('serves, at every moment until the next one is done, what the as-of executor knows with this `refresh`', async () => {
    const statuses = new Set([...online.values()].map((told) => /"status":"(\w+)"/.exec(told.last_line)![1]));
    expect([...statuses].sort()).to.deep.equal(['MISSING', 'PRESENT', 'STALE']);
    expect(await differences(nightly)).to.deep.equal({ customer: 0, last_line: 0 });
  });

  it('serves less than the as-of executor knows where the views say nothing of it', async () => {
    const { customer, last_line } = await differences();
    expect(customer).to.be.greaterThan(online.size * 0.02);
    expect(last_line).to.be.greaterThan(online.size * 0.02);
  });

  it('serves something different from what is known with another delay', async () => {
    const { customer, last_line } = await differences({ ...nightly, delayMs: 0 });
    expect(customer).to.be.greaterThan(0);
    expect(last_line).to.be.greaterThan(0);
  });
});

function* toldOf({ frame }: AsOfBlock, plan: Plan): Generator<[request: string, told: Told]> {
  const customers = frame.column(plan.columns.find(({ name }) => name === 'request.customer')!.place);
  const explained = plan.nodes.map((node) => [node.alias, explainNode(node, frame)] as const);
  for (let row = 0; row < frame.requests; row++) {
    const request = `${cellAt(customers, row) as string},${new Date(frame.time[row]! / 1000).toISOString()}`;
    yield [
      request,
      Object.fromEntries(
        explained.map(([alias, node]) => [alias, JSON.stringify(explainedRow(node, row))]),
      ) as Told,
    ];
  }
}
