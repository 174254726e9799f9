import { expect } from 'chai';
import { abortError, VivaceError, type CallContext, type Keys, type FeatureRows } from 'vivace';
import { scripted, scriptedModel, thrownBy, withServer, type ReadRows } from '../support/scripted.js';

/** Resolves when the test says so. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Never answers; ends when its signal aborts. */
const hanging =
  (onAbort: (error: VivaceError) => void = () => undefined): ReadRows =>
  (_keys, _out, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        onAbort(abortError(signal));
        reject(abortError(signal));
      });
    });

const one: ReadRows = (_, out) => out.column('v').set(0, 1);
const source = (read: ReadRows, extra: object = {}) => ({
  use: scripted,
  features: { v: 'float64' },
  read,
  ...extra,
});
const request = { id: 'string' } as const;

describe('Executor', () => {
  it('runs independent fetches at the same time and dependents after them', async () => {
    const events: string[] = [];
    const both = gate();
    let begun = 0;
    const meeting =
      (name: string): ReadRows =>
      async (_, out) => {
        events.push(`begin ${name}`);
        if (++begun === 2) both.open();
        // Each waits for the other: one after the other, this would never end.
        await both.opened;
        out.column('v').set(0, `${name}!`);
        events.push(`end ${name}`);
      };
    const last: ReadRows = (keys: Keys, out: FeatureRows) => {
      events.push('last');
      out.column('v').set(0, `${String(keys.column('x').values[0])} ${String(keys.column('y').values[0])}`);
    };
    const answer = await withServer(
      {
        parts: {
          a: { use: scripted, features: { v: 'string' }, read: meeting('a') },
          b: { use: scripted, features: { v: 'string' }, read: meeting('b') },
          c: { use: scripted, keys: { x: 'string', y: 'string' }, features: { v: 'string' }, read: last },
        },
        pipelines: {
          p: {
            request,
            steps: [{ fetch: 'a' }, { fetch: 'b' }, { fetch: 'c', key: { x: 'a.v', y: 'b.v' } }],
            response: { outputs: { v: 'c.v' } },
          },
        },
      },
      (server) => server.predict('p', { request: { id: '1' } }),
    );
    expect(answer.outputs.v).to.equal('a! b!');
    expect(events.at(-1)).to.equal('last');
  });

  it('lets a failed request go: what it still waits for is aborted, nothing new begins', async () => {
    const aborted = gate();
    let reason: VivaceError | undefined;
    let later = 0;
    await withServer(
      {
        parts: {
          slow: source(
            hanging((error) => {
              reason = error;
              aborted.open();
            }),
            { features: { v: 'int32' } },
          ),
          broken: source(async () => {
            await Promise.resolve();
            throw new VivaceError('UNAVAILABLE', 'away');
          }),
          after: source(() => void later++, { keys: { id: 'int32' } }),
        },
        pipelines: {
          p: {
            request,
            deadlineMs: 60_000,
            steps: [
              { fetch: 'slow' },
              { fetch: 'broken', onFailure: 'fail' },
              { fetch: 'after', key: { id: 'slow.v' } },
            ],
            response: { outputs: { v: 'after.v' } },
          },
        },
      },
      async (server) => {
        const error = await thrownBy(server.predict('p', { request: { id: '1' } }));
        expect(error.code).to.equal('UNAVAILABLE');
        await aborted.opened;
      },
    );
    expect(reason?.code).to.equal('CANCELLED');
    expect(later).to.equal(0);
  });

  it('begins nothing after a step that fails at once', async () => {
    const held = gate();
    let later = 0;
    await withServer(
      {
        parts: {
          first: source(
            async (_, out) => {
              await held.opened;
              out.column('v').set(0, 1);
            },
            { features: { v: 'int32' } },
          ),
          broken: source(() => {
            throw new VivaceError('UNAVAILABLE', 'away');
          }),
          after: source(() => void later++, { keys: { id: 'int32' } }),
        },
        pipelines: {
          p: {
            request,
            steps: [
              { fetch: 'first' },
              { fetch: 'broken', onFailure: 'fail' },
              { fetch: 'after', key: { id: 'first.v' } },
            ],
            response: { outputs: { v: 'after.v' } },
          },
        },
      },
      async (server) => {
        expect((await thrownBy(server.predict('p', { request: { id: '1' } }))).code).to.equal('UNAVAILABLE');
        held.open();
        await new Promise((resolve) => setImmediate(resolve));
      },
    );
    expect(later).to.equal(0);
  });

  it('reports the first of two failures', async () => {
    const failing =
      (message: string): ReadRows =>
      async () => {
        await Promise.resolve();
        throw new VivaceError('UNAVAILABLE', message);
      };
    const error = await thrownBy(
      withServer(
        {
          parts: { a: source(failing('first')), b: source(failing('second')) },
          pipelines: {
            p: {
              request,
              steps: [
                { fetch: 'a', onFailure: 'fail' },
                { fetch: 'b', onFailure: 'fail' },
              ],
              response: { outputs: { v: 'b.v' } },
            },
          },
        },
        (server) => server.predict('p', { request: { id: '1' } }),
      ),
    );
    expect(error.message).to.contain('first');
  });

  it('gives a fetch up at its budget, and only that fetch', async () => {
    const answer = await withServer(
      {
        parts: { slow: source(hanging()), fast: source(one) },
        pipelines: {
          p: {
            request,
            deadlineMs: 60_000,
            steps: [
              { fetch: 'slow', budgetMs: 5 },
              { fetch: 'fast', budgetMs: 60_000 },
            ],
            response: { outputs: { slow: 'slow.v', fast: 'fast.v' } },
          },
        },
      },
      (server) => server.predict('p', { request: { id: '1' } }),
    );
    expect(answer.outputs).to.deep.equal({ slow: null, fast: 1 });
    expect(answer.degraded).to.deep.equal([
      { step: 'slow', status: 'FAILED', rows: 1, code: 'DEADLINE_EXCEEDED' },
    ]);
  });

  it('tells a fetch when it will be given up: at its budget, or at four fifths of the deadline', async () => {
    const left: (number | undefined)[] = [];
    const note: ReadRows = (_, out, { deadline }) => {
      left.push(deadline === undefined ? undefined : deadline - performance.now());
      out.column('v').set(0, 1);
    };
    await withServer(
      {
        parts: { brief: source(note), long: source(note) },
        pipelines: {
          p: {
            request,
            deadlineMs: 60_000,
            steps: [{ fetch: 'brief', budgetMs: 10_000 }, { fetch: 'long' }],
            response: { outputs: { v: 'brief.v' } },
          },
        },
      },
      (server) => server.predict('p', { request: { id: '1' } }),
    );
    expect(left[0]).to.be.within(1, 10_000);
    expect(left[1]).to.be.within(10_001, 48_000);
  });

  it('gives up a source that does not listen to its signal, and drops what it writes later', async () => {
    const held = gate();
    let wrote = false;
    await withServer(
      {
        parts: {
          deaf: source(async (_, out) => {
            await held.opened;
            out.column('v').set(0, 99);
            wrote = true;
          }),
        },
        pipelines: {
          p: { request, steps: [{ fetch: 'deaf', budgetMs: 1 }], response: { outputs: { v: 'deaf.v' } } },
        },
      },
      async (server) => {
        const answer = await server.predict('p', { request: { id: '1' } });
        held.open();
        await new Promise((resolve) => setImmediate(resolve));
        expect(wrote).to.equal(true);
        expect(answer.outputs.v).to.equal(null);
      },
    );
  });

  it('keeps a fifth of the deadline for what comes after the fetches', async () => {
    const seen: VivaceError[] = [];
    const answer = await withServer(
      {
        parts: {
          slow: source(hanging((error) => seen.push(error))),
          model: {
            use: scriptedModel,
            signature: {
              inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['slow.v'] }],
              outputs: [{ name: 'y', datatype: 'FP64', shape: [-1] }],
              over: 'row',
            },
            predict: (_: unknown, { rows }: { rows: number }) => [
              { name: 'y', datatype: 'FP64', shape: [rows], data: Float64Array.of(5) },
            ],
          },
        },
        pipelines: {
          p: {
            request,
            deadlineMs: 50,
            steps: [{ fetch: 'slow' }, { predict: 'model' }],
            response: { outputs: { y: 'model.y' } },
          },
        },
      },
      (server) => server.predict('p', { request: { id: '1' } }),
    );
    expect(answer.outputs.y).to.equal(5);
    expect(seen[0]!.message).to.match(/time for fetches of 40 ms/);
  });

  it("obeys the caller's deadline where it is shorter", async () => {
    const answer = await withServer(
      {
        parts: { slow: source(hanging()) },
        pipelines: {
          p: {
            request,
            deadlineMs: 60_000,
            steps: [{ fetch: 'slow' }],
            response: { outputs: { v: 'slow.v' } },
          },
        },
      },
      (server) => server.predict('p', { request: { id: '1' } }, { deadlineMs: 100 }),
    );
    expect(answer.degraded).to.deep.equal([
      { step: 'slow', status: 'FAILED', rows: 1, code: 'DEADLINE_EXCEEDED' },
    ]);
  });

  it('frees what a caller who leaves was waiting for', async () => {
    const controller = new AbortController();
    let freed: VivaceError | undefined;
    const begun = gate();
    const read: ReadRows = (keys, out, context: CallContext) => {
      begun.open();
      return hanging((error) => (freed = error))(keys, out, context);
    };
    await withServer(
      {
        parts: { slow: source(read) },
        pipelines: {
          p: {
            request,
            deadlineMs: 60_000,
            steps: [{ fetch: 'slow' }],
            response: { outputs: { v: 'slow.v' } },
          },
        },
      },
      async (server) => {
        const left = thrownBy(server.predict('p', { request: { id: '1' } }, { signal: controller.signal }));
        await begun.opened;
        controller.abort();
        expect((await left).code).to.equal('CANCELLED');
      },
    );
    expect(freed?.code).to.equal('CANCELLED');
  });

  it('refuses a call whose caller has left before it began', async () => {
    let calls = 0;
    const error = await thrownBy(
      withServer(
        {
          parts: { a: source(() => void calls++) },
          pipelines: { p: { request, steps: [{ fetch: 'a' }], response: { outputs: { v: 'a.v' } } } },
        },
        (server) => server.predict('p', { request: { id: '1' } }, { signal: AbortSignal.abort() }),
      ),
    );
    expect([error.code, calls]).to.deep.equal(['CANCELLED', 0]);
  });

  it('cuts off a call with a signal of its own when the server stops', async () => {
    const begun = gate();
    const read: ReadRows = (keys, out, context: CallContext) => {
      begun.open();
      return hanging()(keys, out, context);
    };
    let cut: Promise<Error & { code?: string }> | undefined;
    await withServer(
      {
        parts: { slow: source(read) },
        pipelines: {
          p: {
            request,
            deadlineMs: 60_000,
            steps: [{ fetch: 'slow' }],
            response: { outputs: { v: 'slow.v' } },
          },
        },
        drainTimeoutMs: 10,
      },
      async (server) => {
        cut = thrownBy(
          server.predict('p', { request: { id: '1' } }, { signal: new AbortController().signal }),
        );
        await begun.opened;
      },
    );
    expect((await cut!).code).to.equal('CANCELLED');
  });

  it('keeps concurrent requests apart: one that fails touches no other', async () => {
    const read: ReadRows = async (keys, out) => {
      const [id] = keys.column('id').values as string[];
      await new Promise((resolve) => setImmediate(resolve));
      if (id!.startsWith('bad')) throw new VivaceError('UNAVAILABLE', `${id} is away`);
      out.column('v').set(0, Number(id));
    };
    await withServer(
      {
        parts: { a: source(read) },
        pipelines: {
          p: { request, steps: [{ fetch: 'a', onFailure: 'fail' }], response: { outputs: { v: 'a.v' } } },
        },
      },
      async (server) => {
        const ids = Array.from({ length: 40 }, (_, i) => (i % 4 === 0 ? `bad${i}` : String(i)));
        const settled = await Promise.allSettled(ids.map((id) => server.predict('p', { request: { id } })));
        settled.forEach((outcome, i) => {
          if (outcome.status === 'fulfilled') expect(outcome.value.outputs.v).to.equal(Number(ids[i]));
          else expect((outcome.reason as Error).message).to.contain(ids[i]);
        });
        expect(settled.filter((outcome) => outcome.status === 'rejected')).to.have.length(10);
      },
    );
  });
});
