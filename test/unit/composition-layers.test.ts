import { expect } from 'chai';
import { nodeLayer, runLayer, type NodeLayer, type RunLayer } from 'vivace';
import { module, simple } from '../support/composed.js';
import { adder } from '../support/parts.js';
import { thrownBy, withServer } from '../support/scripted.js';

describe('Layers', () => {
  const noting = (name: string, order: number, notes: string[]): NodeLayer => ({
    name,
    order,
    wrap: (node, next) => (run) => {
      notes.push(`${name} > ${node.alias}`);
      const running = next(run);
      if (running === undefined) notes.push(`${name} < ${node.alias}`);
      return running;
    },
  });

  it('stand around nodes by their order, and what answers at once stays synchronous', async () => {
    const notes: string[] = [];
    const modules = [
      module(({ bind }) => {
        bind(nodeLayer).toConstantValue(noting('inner', 900, notes));
        bind(nodeLayer).toConstantValue(noting('outer', 50, notes));
      }),
    ];
    await withServer({ ...simple, modules }, async (server) => {
      await server.predict('p', { request: { id: 'a' } });
    });
    expect(notes).to.deep.equal(
      ['t', 'double'].flatMap((alias) => [
        `outer > ${alias}`,
        `inner > ${alias}`,
        `inner < ${alias}`,
        `outer < ${alias}`,
      ]),
    );
  });

  it('are asked once per node at start, and cost nothing where they do not go around', async () => {
    const asked: string[] = [];
    const layer: NodeLayer = {
      name: 'none',
      order: 500,
      wrap: ({ alias }) => {
        asked.push(alias);
        return undefined;
      },
    };
    await withServer(
      { ...simple, modules: [module(({ bind }) => void bind(nodeLayer).toConstantValue(layer))] },
      async (server) => {
        for (let i = 0; i < 3; i++) await server.predict('p', { request: { id: 'a' } });
      },
    );
    expect(asked).to.deep.equal(['t', 'double']);
  });

  it('around requests must run the pipeline', async () => {
    const layer: RunLayer = { name: 'lost', order: 250, wrap: () => () => undefined };
    const modules = [module(({ bind }) => void bind(runLayer).toConstantValue(layer))];
    await withServer({ ...simple, modules }, async (server) => {
      const error = await thrownBy(server.predict('p', { request: { id: 'a' } }));
      expect(error.message).to.equal(
        'a layer ended the run without running the pipeline: it must call `next`',
      );
    });
  });

  it('around requests see the frame after `next`, and what cannot be decoded as a failure', async () => {
    const notes: string[] = [];
    const layer: RunLayer = {
      name: 'noting',
      order: 250,
      wrap: (plan, next) => async (run) => {
        notes.push(`${plan.name} ${run.frame === undefined}`);
        try {
          await next(run);
          notes.push(`ended ${run.frame === undefined}`);
        } catch (error) {
          notes.push((error as Error).message);
          throw error;
        }
      },
    };
    await withServer(
      { ...simple, modules: [module(({ bind }) => void bind(runLayer).toConstantValue(layer))] },
      async (server) => {
        await server.predict('p', { request: { id: 'a' } });
        await thrownBy(server.predict('p', { request: { id: 5 } }));
      },
    );
    expect(notes).to.deep.equal(['p true', 'ended false', 'p true', 'request.id: 5 is not a string']);
  });

  it('that throw or reject fail the request with what they threw', async () => {
    for (const wrap of [
      () => () => {
        throw new Error('thrown');
      },
      () => () => Promise.reject(new Error('rejected')),
    ] satisfies NodeLayer['wrap'][]) {
      const modules = [
        module(({ bind }) => void bind(nodeLayer).toConstantValue({ name: 'failing', order: 250, wrap })),
      ];
      await withServer({ ...simple, modules }, async (server) => {
        expect((await thrownBy(server.predict('p', { request: { id: 'a' } }))).message).to.match(
          /thrown|rejected/,
        );
      });
    }
  });

  it('leave a model that never answers at the deadline', async () => {
    const never = new Promise<void>(() => undefined);
    const parts = { add: { use: adder, width: 1, onPredict: () => never } };
    const p = {
      request: { x: 'float64' },
      deadlineMs: 50,
      steps: [{ predict: 'add', inputs: { x: ['x'] } }],
      response: { outputs: { sum: 'add.sum' } },
    } as const;
    await withServer({ parts, pipelines: { p }, drainTimeoutMs: 50 }, async (server) => {
      expect(await thrownBy(server.predict('p', { request: { x: 1 } }))).to.have.property(
        'code',
        'DEADLINE_EXCEEDED',
      );
    });
  });
});
