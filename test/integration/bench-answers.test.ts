import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerOf } from 'vivace';
import { airportCode, compiledViews, departure, fillFlightStore, originOf } from '../bench/flight-store.js';
import { rankByHand } from '../bench/rank-by-hand.js';
import { modelFile, serve, writeModels, type Served } from '../bench/serve.js';

const size = { airports: 200, origins: 2 };

describe('the floor of the ranking bench', () => {
  let directory: string;
  let server: ServerOf;
  let served: Served;
  let byHand: Awaited<ReturnType<typeof rankByHand>>;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vivace-bench-test-'));
    served = { store: join(directory, 'online'), models: join(directory, 'models'), pipeline: 'rank' };
    await fillFlightStore(served.store, size);
    await writeModels(served.models);
    server = await serve(served);
    byHand = await rankByHand(
      { store: served.store, model: modelFile(served.models, 'rank') },
      compiledViews(),
    );
  });
  after(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  it('gives the answer that Vivace gives', async () => {
    const destinations = [7, 90, 3, 55, 0, 99].map(airportCode);
    const request = { origin: originOf(0, size), departure };
    const body = { request, objects: destinations.map((destination) => ({ destination })) };
    const given = (await server.predict('rank', body)) as object;
    const floor = JSON.parse(await byHand(JSON.stringify(body))) as object;
    expect({ ...floor, requestId: '' }).to.deep.equal({ ...given, requestId: '' });
  });
});
