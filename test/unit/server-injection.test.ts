import { expect } from 'chai';
import {
  ContainerModule,
  createServer,
  inject,
  injectable,
  keyValueStore,
  type ColumnsIn,
  type ColumnsOut,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { noting, stored } from '../support/lifecycle-parts.js';

describe('Server', () => {
  it('replaces a named part, wired like the original', async () => {
    const events: string[] = [];
    const server = await createServer({
      parts: { source: { use: stored, store: 'hot' }, hot: { use: noting(events) } },
      pipelines: {},
      override: { hot: { use: memory } },
    });
    await server.start();
    const context = { signal: new AbortController().signal };
    await server.part(keyValueStore, 'hot').putNewest([{ key: 'k', value: Uint8Array.of(1) }], context);
    expect(await server.part(keyValueStore, 'hot').getMany(['k'], context)).to.deep.equal([Uint8Array.of(1)]);
    expect(events).to.deep.equal([]);
    await server.stop();
  });

  it("injects a team's own service into its own step", async () => {
    class Prices {
      readonly perKilometre = 2;
    }
    @injectable()
    class Price {
      static readonly reads = { distance: 'float64' } as const;
      static readonly writes = { euro: 'float64' } as const;
      static readonly offline = 'same';
      readonly #prices: Prices;
      constructor(@inject(Prices) prices: Prices) {
        this.#prices = prices;
      }
      run(input: ColumnsIn, out: ColumnsOut): void {
        const distance = input.column('distance').values as Float64Array;
        out.column('euro').values = distance.map((km) => km * this.#prices.perKilometre);
      }
    }
    const server = await createServer({
      parts: {},
      pipelines: {
        price: {
          request: { km: 'float64' },
          steps: [{ step: Price, as: 'price', inputs: { distance: 'request.km' } }],
          response: { outputs: { euro: 'price.euro' } },
        },
      },
      modules: [new ContainerModule(({ bind }) => void bind(Prices).toSelf())],
    });
    await server.start();
    expect((await server.predict('price', { request: { km: 21 } })).outputs).to.deep.equal({ euro: 42 });
    await server.stop();
  });
});
