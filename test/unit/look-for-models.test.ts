import { expect } from 'chai';
import { createServer, definePlugin, predictor, VivaceError, type Server } from 'vivace';
import { affineSignature } from 'vivace/testing';
import { z } from 'zod';
import { lookForModels } from '../../adapters/command-line/look-for-models.js';

type Looks = Readonly<Record<string, () => Promise<void>>>;

/** In which of some rounds each predictor is asked, by the name of the predictor. */
class Rounds {
  readonly asked: Record<string, number[]> = {};
  readonly #servers: Server[] = [];
  #round = 0;

  /** A server whose predictors look as they are told to. */
  async serverWith(looks: Looks): Promise<Server> {
    const model = { name: 'affine', version: '1', digest: 'd' };
    const parts = Object.entries(looks).map(([name, look]) => {
      const use = definePlugin({
        provides: predictor,
        name: 'looks',
        options: z.strictObject({}),
        create: () => ({
          describe: async () => ({ model, signature: affineSignature }),
          serving: () => model,
          predict: () => Promise.reject(new Error('nobody asks')),
          refresh: async () => {
            (this.asked[name] ??= []).push(this.#round);
            await look();
          },
        }),
      });
      return [name, { use }] as const;
    });
    const server: Server = await createServer({ parts: Object.fromEntries(parts), pipelines: {} });
    this.#servers.push(server);
    return server.start();
  }

  /** Looks in so many rounds; `serving` says which server serves in one. */
  async run(rounds: number, serving: (round: number) => Server): Promise<void> {
    const controller = new AbortController();
    await lookForModels({
      server: () => serving(this.#round),
      wait: async () => {
        if (++this.#round > rounds) controller.abort();
      },
      signal: controller.signal,
    });
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) await server.stop();
  }
}

const works = (): Promise<void> => Promise.resolve();
const fails = (): Promise<void> => Promise.reject(new VivaceError('UNAVAILABLE', 'no route'));

describe('serve --watch looks for new versions of models', () => {
  let rounds: Rounds;
  beforeEach(() => (rounds = new Rounds()));
  afterEach(() => rounds.stop());

  it('in every round where looks succeed, and less and less often where they fail', async () => {
    const server = await rounds.serverWith({ works, fails });
    await rounds.run(60, () => server);
    expect(rounds.asked['works']).to.deep.equal(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(rounds.asked['fails']).to.deep.equal([1, 3, 7, 15, 31, 47]);
  });

  it('in every round again after one has succeeded', async () => {
    let times = 0;
    const server = await rounds.serverWith({ mends: () => (++times <= 2 ? fails() : works()) });
    await rounds.run(10, () => server);
    expect(rounds.asked['mends']).to.deep.equal([1, 3, 7, 8, 9, 10]);
  });

  it('at once after an edit', async () => {
    const before = await rounds.serverWith({ fails });
    const after = await rounds.serverWith({ fails });
    await rounds.run(8, (round) => (round < 6 ? before : after));
    expect(rounds.asked['fails']).to.deep.equal([1, 3, 6, 8]);
  });

  it('of all predictors at the same time', async () => {
    let release: () => void = () => undefined;
    const server = await rounds.serverWith({
      hangs: () => new Promise((resolve) => (release = resolve)),
      frees: async () => release(),
    });
    await rounds.run(2, () => server);
    expect(rounds.asked).to.deep.equal({ hangs: [1, 2], frees: [1, 2] });
  });
});
