import { expect } from 'chai';
import { cacheStore, defineAdapter, keyValueStore, type VivaceError } from 'vivace';
import { callContext, startPart } from 'vivace/testing';
import { z } from 'zod';
import { setImmediate as tick } from 'node:timers/promises';
import { thrown } from '../support/failure.js';
import { bytes, startedStore, storeWith } from '../support/probe-store.js';

/** A store that answers two ticks later; it notes its answers, and that it stopped. */
const slowStore = (events: string[]): ReturnType<typeof startedStore> =>
  startedStore(
    async (keys) => {
      await tick();
      await tick();
      events.push('answered');
      return keys.map(bytes);
    },
    { synchronous: false, stop: () => void events.push('stopped') },
  );

describe('guard: lifecycle', () => {
  it('refuses a second start', async () => {
    const { part } = await startedStore(() => []);
    expect((await part.start(callContext()).catch((error: unknown) => error as VivaceError))?.code).to.equal(
      'FAILED_PRECONDITION',
    );
  });

  it('stops a part whose start failed, and not one that never started', async () => {
    let stops = 0;
    const stop = (): void => {
      stops++;
    };
    await storeWith(() => [], { stop }).stop();
    expect(stops).to.equal(0);
    const failing = storeWith(() => [], { stop, start: () => Promise.reject(new Error('no')) });
    await failing.start(callContext()).catch(() => undefined);
    await failing.stop();
    expect(stops).to.equal(1);
  });

  it('waits at stop for a start that goes on, and stays stopped', async () => {
    const events: string[] = [];
    let open: () => void = () => undefined;
    const part = storeWith(() => [], {
      start: () => new Promise<void>((resolve) => (open = resolve)).then(() => void events.push('opened')),
      stop: () => void events.push('closed'),
    });
    const starting = part.start(callContext());
    const stopping = part.stop();
    open();
    await Promise.all([starting, stopping]);
    expect(events).to.deep.equal(['opened', 'closed']);
    expect(thrown(() => part.face(keyValueStore).getMany(['a'], callContext())).message).to.contain(
      'is stopped',
    );
  });

  it('says of a refused call that it never started', async () => {
    const error = thrown(() =>
      storeWith(() => [])
        .face(keyValueStore)
        .getMany(['a'], callContext()),
    );
    expect([error.code, error.started, error.part]).to.deep.equal(['UNAVAILABLE', false, 'hot']);
  });

  it('waits for what is in flight before it stops the part', async () => {
    const events: string[] = [];
    const { part, store } = await slowStore(events);
    // A joined read has not begun in this tick; it counts all the same.
    const answer = store.getMany(['a'], callContext());
    await part.stop();
    expect(events).to.deep.equal(['answered', 'stopped']);
    expect(await answer).to.deep.equal([bytes('a')]);
  });

  it('waits for a call whose callers have left', async () => {
    const events: string[] = [];
    const { part, store } = await slowStore(events);
    const leaving = new AbortController();
    const left = (async () => store.getMany(['a'], { signal: leaving.signal }))().catch(() => 'left');
    await tick();
    leaving.abort();
    expect(await left).to.equal('left');
    await part.stop();
    expect(events).to.deep.equal(['answered', 'stopped']);
  });

  it('gives one part several faces over one lifecycle, though their operations share names', async () => {
    let starts = 0;
    const definition = defineAdapter({
      provides: [keyValueStore, cacheStore],
      name: 'both',
      options: z.strictObject({}),
      create: () => ({
        start: () => {
          starts++;
        },
        faces: [
          {
            supports: { maxBatch: 9, synchronous: true },
            getMany: () => [bytes('kept')],
            putNewest: () => [],
          },
          { supports: { maxBatch: 9 }, getMany: () => [bytes('cached')], setMany: () => undefined },
        ] as const,
      }),
    });
    const part = await startPart(definition);
    expect(part.face(keyValueStore).getMany(['a'], callContext())).to.deep.equal([bytes('kept')]);
    expect(part.face(cacheStore).getMany(['a'], callContext())).to.deep.equal([bytes('cached')]);
    expect(starts).to.equal(1);
  });
});
