import { expect } from 'chai';
import { setImmediate as tick } from 'node:timers/promises';
import { createServer, defineAdapter, workspace, type Definition, type PartLifecycle } from 'vivace';
import { callContext, makePart } from 'vivace/testing';
import { z } from 'zod';
import { eventually } from '../servers/server-process.js';
import { failureOf } from '../support/failure.js';

const never = (): Promise<void> => new Promise(() => undefined);

function partOf(
  lifecycle: PartLifecycle,
  create?: (run: (task: () => Promise<void>) => void) => void,
): Definition {
  const unused = (): never => expect.fail('called');
  return defineAdapter({
    provides: workspace,
    name: 'probe',
    options: z.strictObject({}),
    create: (_, _uses, context) => {
      create?.((task) => context.run(task));
      const holds = { hold: unused, release: unused };
      return {
        find: unused,
        list: unused,
        read: unused,
        stage: unused,
        remove: unused,
        ...holds,
        ...lifecycle,
      };
    },
  });
}

describe('guard: stopping', () => {
  it('leaves a stop behind that never ends, and says so', async () => {
    const logs: string[] = [];
    const part = makePart(partOf({ stop: never }), {}, { onLog: ({ message }) => logs.push(message) });
    await part.start(callContext());
    await part.stop(1, 10);
    expect([part.guarded.state, logs]).to.deep.equal([
      'stopped',
      ['did not stop within 10 ms: it is abandoned'],
    ]);
  });

  it('leaves background work behind that never ends, and says so', async () => {
    const logs: string[] = [];
    const part = makePart(
      partOf({}, (run) => run(never)),
      {},
      { onLog: ({ message }) => logs.push(message) },
    );
    await part.start(callContext());
    await part.stop(10);
    expect(logs).to.deep.equal(['background work did not end within 10 ms: it is abandoned']);
  });

  for (const [how, end] of [
    ['returns', (open: () => void) => open()],
    ['fails', (_: () => void, fail: (error: Error) => void) => fail(new Error('late'))],
  ] as const) {
    it(`stops a part that was given up while it started, when its start ${how}`, async () => {
      const events: string[] = [];
      let open: () => void = () => undefined;
      let fail: (error: Error) => void = () => undefined;
      const part = makePart(
        partOf({
          start: () =>
            new Promise<void>((resolve, reject) => {
              open = resolve;
              fail = reject;
            }).finally(() => events.push('started')),
          stop: () => void events.push('stopped'),
        }),
      );
      const starting = part.start(callContext()).catch(() => undefined);
      await part.stop(1);
      expect(events).to.deep.equal([]);
      end(open, fail);
      await starting;
      await tick();
      expect(events).to.deep.equal(['started', 'stopped']);
    });
  }

  it('stops a part whose start came after the time for it', async () => {
    const events: string[] = [];
    let open: () => void = () => undefined;
    const slow = partOf({
      start: () => new Promise<void>((resolve) => (open = resolve)),
      stop: () => void events.push('stopped'),
    });
    const server = await createServer({ parts: { slow: { use: slow } }, pipelines: {}, startTimeoutMs: 20 });
    expect(await failureOf(server.start())).to.match(/^DEADLINE_EXCEEDED .*did not start within 20 ms/);
    expect(events).to.deep.equal([]);
    open();
    await eventually(() => expect(events).to.deep.equal(['stopped']));
  });
});
