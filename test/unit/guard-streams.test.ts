import { expect } from 'chai';
import { blobStore, defineAdapter, type VivaceError, type PartLifecycle } from 'vivace';
import { callContext, startPart } from 'vivace/testing';
import { z } from 'zod';
import { setImmediate as tick } from 'node:timers/promises';
import { bytes } from '../support/probe-store.js';

describe('guard: streams', () => {
  const streaming = async (read: () => AsyncGenerator<Uint8Array>, lifecycle: PartLifecycle = {}) => {
    const definition = defineAdapter({
      provides: blobStore,
      name: 'probe',
      options: z.strictObject({}),
      create: () => ({
        read,
        head: async () => undefined,
        write: async () => false as const,
        list: async () => ({ blobs: [] }),
        delete: async () => false,
        ...lifecycle,
      }),
    });
    return startPart(definition, {}, { name: 'bucket' });
  };

  it('wraps an error that arises while it is iterated', async () => {
    const part = await streaming(async function* () {
      yield bytes('a');
      throw new Error('cut');
    });
    const seen: Uint8Array[] = [];
    try {
      for await (const chunk of part.face(blobStore).read('k', callContext())) seen.push(chunk);
      expect.fail('it should have failed');
    } catch (error) {
      expect((error as VivaceError).part).to.equal('bucket');
    }
    expect(seen).to.have.length(1);
  });

  it('waits at stop for one that is being iterated, and not for one that never was', async () => {
    const events: string[] = [];
    const part = await streaming(
      async function* () {
        try {
          yield bytes('a');
        } finally {
          events.push('closed');
        }
      },
      { stop: () => void events.push('stopped') },
    );
    part.face(blobStore).read('never iterated', callContext());
    const iterated = part.face(blobStore).read('k', callContext())[Symbol.asyncIterator]();
    await iterated.next();
    const stopped = part.stop();
    await tick();
    expect(events).to.deep.equal([]);
    await iterated.return!();
    await stopped;
    expect(events).to.deep.equal(['closed', 'stopped']);
  });

  it('refuses to be iterated after stop', async () => {
    const part = await streaming(async function* () {
      yield bytes('a');
    });
    const source = part.face(blobStore).read('k', callContext());
    await part.stop();
    const error = await source[Symbol.asyncIterator]()
      .next()
      .catch((failure: unknown) => failure as VivaceError);
    expect((error as VivaceError).code).to.equal('UNAVAILABLE');
  });
});
