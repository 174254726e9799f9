import { expect } from 'chai';
import { Call, createServer, definePipeline, type CallContext } from 'vivace';
import { failure } from '../support/failure.js';
import { adder, echo, table } from '../support/parts.js';
import { scripted, withServer, type ReadRows } from '../support/scripted.js';

describe('Server', () => {
  it('answers within the deadline when a source hangs, and says so', async () => {
    const server = await createServer({
      parts: { slow: { use: table, rows: { a: [1] }, defaults: [5], delayMs: 60_000 } },
      pipelines: {
        slow: {
          request: { id: 'string' },
          deadlineMs: 100,
          steps: [{ fetch: 'slow' }],
          response: { outputs: { value: 'slow.f0' } },
        },
      },
    });
    await server.start();
    const answer = await server.predict('slow', { request: { id: 'a' } });
    expect(answer.outputs).to.deep.equal({ value: 5 });
    expect(answer.degraded).to.deep.equal([
      { step: 'slow', status: 'FAILED', rows: 1, code: 'DEADLINE_EXCEEDED' },
    ]);
    await server.stop();
  });

  it('gives up when its caller does', async () => {
    const server = await createServer({
      parts: { adder: { use: adder, width: 1, onPredict: () => new Promise<void>(() => undefined) } },
      pipelines: { echo },
      drainTimeoutMs: 20,
    });
    await server.start();
    const controller = new AbortController();
    const left = failure(server.predict('echo', { request: { a: 1 } }, { signal: controller.signal }));
    controller.abort();
    expect((await left).code).to.equal('CANCELLED');
    await server.stop();
  });

  it('answers DEADLINE_EXCEEDED when the model does not answer in time', async () => {
    const server = await createServer({
      parts: { adder: { use: adder, width: 1, onPredict: () => new Promise<void>(() => undefined) } },
      pipelines: { echo },
      drainTimeoutMs: 20,
    });
    await server.start();
    const error = await failure(server.predict('echo', { request: { a: 1 } }, { deadlineMs: 20 }));
    expect([error.code, error.httpStatus]).to.deep.equal(['DEADLINE_EXCEEDED', 504]);
    await server.stop();
  });

  it('takes the longest deadlines and budgets, and a call that may take longer', async () => {
    const p = definePipeline({
      request: { id: 'string' },
      deadlineMs: 2 ** 31 - 1,
      steps: [{ fetch: 'later', budgetMs: 2 ** 31 - 1 }],
      response: { outputs: { v: 'later.f0' } },
    });
    const parts = { later: { use: table, rows: { a: [5] }, delayMs: 20 } };
    await withServer({ parts, pipelines: { p } }, async (server) => {
      for (const options of [{}, { deadlineMs: 2 ** 31 }, { deadlineMs: 2 ** 40 }]) {
        const { outputs, degraded } = await server.predict('p', { request: { id: 'a' } }, options);
        expect({ outputs, degraded }).to.deep.equal({ outputs: { v: 5 }, degraded: [] });
      }
    });
  });

  it('warns of no leak where many calls share one signal', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', onWarning);
    try {
      const p = definePipeline({
        request: { id: 'string' },
        steps: [{ fetch: 'later' }],
        response: { outputs: { v: 'later.f0' } },
      });
      const parts = { later: { use: table, rows: { a: [5] }, delayMs: 20 }, m: { use: adder, width: 1 } };
      await withServer({ parts, pipelines: { p } }, async (server) => {
        const { signal } = new AbortController();
        const shared = Array.from({ length: 20 }, () =>
          server.predict('p', { request: { id: 'a' } }, { signal }),
        );
        await Promise.all(shared);
        const { signal: other } = new AbortController();
        const call = new Call({ requestId: 'r', signal: other });
        await Promise.all(Array.from({ length: 20 }, () => server.data.predictors.describe('m', call)));
        await new Promise((resolve) => setImmediate(resolve));
      });
    } finally {
      process.off('warning', onWarning);
    }
    expect(warnings).to.deep.equal([]);
  });

  it('leaves no timer behind where a source asks for its signal after the answer', async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    for (const budget of [{}, { budgetMs: 1_000_000 }]) {
      let kept: CallContext | undefined;
      const read: ReadRows = (_keys, out, context) => {
        kept = context;
        out.column('v').set(0, 1);
      };
      const p = definePipeline({
        request: { id: 'string' },
        deadlineMs: 2_000_000,
        steps: [{ fetch: 'keeps', ...budget }],
        response: { outputs: { v: 'keeps.v' } },
      });
      const parts = { keeps: { use: scripted, features: { v: 'float64' }, read } };
      await withServer({ parts, pipelines: { p } }, async (server) => {
        await server.predict('p', { request: { id: 'a' } });
        const before = timers();
        expect(kept!.signal).to.be.instanceOf(AbortSignal);
        expect(timers()).to.equal(before);
      });
    }
  });
});
