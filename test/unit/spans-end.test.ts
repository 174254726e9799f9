import { expect } from 'chai';
import { SpanStatusCode } from '@opentelemetry/api';
import { withinSpan } from '../../core/kernel/span.js';
import { setImmediate as tick } from 'node:timers/promises';
import { inMemory } from '../support/in-memory-telemetry.js';
import { thrownBy, withServer } from '../support/scripted.js';
import { tracedSource } from '../support/traced-source.js';

describe('A span ends', () => {
  it('with its call, though the source heeds no signal', async () => {
    const caller = new AbortController();
    let release = (): void => undefined;
    const spans = await tracedSource(
      () => {
        caller.abort();
        return new Promise<void>((resolve) => (release = resolve));
      },
      async (server) => {
        const call = { signal: caller.signal };
        expect((await thrownBy(server.predict('p', { objects: [{ id: 'a' }] }, call))).code).to.equal(
          'CANCELLED',
        );
        await tick();
        await tick();
        release();
      },
    );
    const { attributes, status } = spans.named('feature-source read');
    expect(attributes['error.type']).to.equal('CANCELLED');
    expect(status.code).to.equal(SpanStatusCode.UNSET);
  });

  it('with what is iterated, though that cannot be closed', async () => {
    const { part, spans, finished } = inMemory({ contextManager: true });
    await withServer({ parts: { telemetry: { use: part } }, pipelines: {} }, async () => {
      spans.reset();
      const endless: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next: async () => Promise.resolve({ value: 1, done: false }),
          return: async () => Promise.reject(new Error('stuck')),
        }),
      };
      const read = async (): Promise<void> => {
        for await (const _ of withinSpan({ name: 'stream' }, () => endless)) break;
      };
      expect((await thrownBy(read())).message).to.equal('stuck');
      expect(finished().named('stream').attributes['error.type']).to.equal('INTERNAL');
    });
  });
});
