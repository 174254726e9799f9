import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { expect } from 'chai';
import { cacheStore, definePlugin, defineStep, featureSource, stepTracer } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { z } from 'zod';
import { packageVersion } from '../../core/kernel/package-version.js';
import { inMemory, instrumented } from '../support/in-memory-telemetry.js';
import { withServer } from '../support/scripted.js';

import { objects } from '../support/traced-source.js';
describe('Traces of authors', () => {
  const tracing = definePlugin({
    provides: featureSource,
    name: 'tracing',
    uses: { store: cacheStore },
    options: z.strictObject({}),
    describe: () => ({ keys: { id: 'string' }, features: { v: 'float64' }, offline: 'pure' }),
    create: (_options, { store }, { tracer }) => ({
      read: async (keys, out, call) =>
        tracer.inSpan('look up', call, async (inner, span) => {
          span.setAttribute('own.keys', keys.rows);
          await store.getMany(['a'], inner);
          instrumented('inside');
          tracer.startSpan('by hand', { attributes: { 'own.x': 1 } }, inner.trace).end();
          tracer.startActiveSpan('active', (active) => active.end());
          tracer.startActiveSpan('with options', { kind: SpanKind.CLIENT }, (active) => active.end());
          tracer.startActiveSpan('elsewhere', {}, ROOT_CONTEXT, (active) => active.end());
          out.column('v').set(0, 1);
        }),
    }),
  });
  const working = defineStep({
    name: 'working',
    reads: { v: 'float64' },
    writes: { w: 'float64' },
    offline: 'same',
    create: () => ({
      run: (input, out, call) =>
        stepTracer.inSpan('work', call, () => {
          out.column('w').values = input.column('v').values;
        }),
    }),
  });
  const pipeline = {
    objects: { fields: { id: 'string' } },
    steps: [{ fetch: 'source' }, { step: working, inputs: { v: 'source.v' } }],
    response: { outputs: { w: 'working.w' } },
  } as const;

  async function traced(telemetry?: ReturnType<typeof inMemory>): Promise<unknown> {
    const parts = {
      source: { use: tracing, store: 'ram' },
      ram: { use: memory },
      ...(telemetry === undefined ? {} : { telemetry: { use: telemetry.part } }),
    };
    return withServer({ parts, pipelines: { p: pipeline } }, async (server) =>
      server.predict('p', { objects }),
    );
  }

  it('hang below the call, in parts and in steps, and what is called hangs below them', async () => {
    const telemetry = inMemory({ contextManager: true });
    await traced(telemetry);
    const spans = telemetry.finished();
    const source = ['look up', 'feature-source read', 'fetch source', 'predict p'];
    expect(spans.pathOf('look up')).to.deep.equal(source);
    for (const name of ['cache-store getMany', 'inside', 'by hand', 'active', 'with options'])
      expect(spans.pathOf(name), name).to.deep.equal([name, ...source]);
    expect(spans.pathOf('elsewhere')).to.deep.equal(['elsewhere']);
    expect(spans.pathOf('work')).to.deep.equal(['work', 'step working', 'predict p']);
    expect(spans.named('look up').attributes).to.deep.equal({ 'vivace.part': 'source', 'own.keys': 1 });
    expect(spans.named('by hand').attributes).to.deep.equal({ 'vivace.part': 'source', 'own.x': 1 });
    expect(spans.named('with options').kind).to.equal(SpanKind.CLIENT);
    expect(spans.named('look up').instrumentationScope).to.include({
      name: 'vivace',
      version: packageVersion,
    });
  });

  it('are none where nobody traces, and the work is done', async () => {
    expect(await traced()).to.deep.include({ objects: [{ index: 0, id: 'a', w: 1 }] });
  });
});
