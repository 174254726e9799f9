import { expect } from 'chai';
import { definePlugin, featureSource, predictor, type Histogram } from 'vivace';
import { affineInput, callContext, startPart } from 'vivace/testing';
import { z } from 'zod';
import { packageVersion } from '../../core/kernel/package-version.js';
import { inMemory, type InMemoryTelemetry } from '../support/in-memory-telemetry.js';
import { startPredictor } from '../support/predictor-fixture.js';
import { withServer } from '../support/scripted.js';

const durations = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const counts = [0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** A source that records histograms of its own. */
const recording = definePlugin({
  provides: featureSource,
  name: 'recording',
  options: z.strictObject({}),
  describe: () => ({ keys: { id: 'string' }, features: { v: 'float64' }, offline: 'pure' }),
  create: (_options, _uses, context) => {
    const histograms: Histogram[] = [
      context.histogram('own.duration', { unit: 's' }),
      context.histogram('own.size', { unit: 'By' }),
      context.histogram('own.rows', { unit: '{row}' }),
      context.histogram('own.ratio', { unit: '1', bounds: [0.5, 0.9, 1] }),
      context.histogram('own.plain'),
    ];
    return {
      read: (_keys, out) => {
        for (const each of histograms) each.record(1, { 'own.kind': 'x' });
        out.column('v').set(0, 1);
      },
    };
  },
});

async function recorded<T>(read: (memory: InMemoryTelemetry) => Promise<T>): Promise<T> {
  const memory = inMemory();
  const pipelines = {
    p: {
      objects: { fields: { id: 'string' } },
      steps: [{ fetch: 'source' }],
      response: { outputs: { v: 'source.v' } },
    },
  } as const;
  const parts = { source: { use: recording }, telemetry: { use: memory.part } };
  return withServer({ parts, pipelines }, async (server) => {
    await server.predict('p', { objects: [{ id: 'a' }] });
    return read(memory);
  });
}

describe('Metrics', () => {
  it('have buckets that suit their unit, those of authors included', async () => {
    const bounds = await recorded((memory) => memory.bounds());
    expect([...bounds.keys()].filter((name) => !name.startsWith('vivace.own.'))).to.have.members([
      'vivace.request.duration',
      'vivace.request.objects',
      'vivace.step.duration',
    ]);
    for (const name of ['request.duration', 'step.duration', 'own.duration'])
      expect(bounds.get(`vivace.${name}`), name).to.deep.equal(durations);
    for (const name of ['request.objects', 'own.rows'])
      expect(bounds.get(`vivace.${name}`), name).to.deep.equal(counts);
    const bytes = bounds.get('vivace.own.size')!;
    expect([bytes[0], bytes.at(-1)]).to.deep.equal([256, 2 ** 30]);
  });

  it('take the bounds that an author gives', async () => {
    const bounds = await recorded((memory) => memory.bounds());
    expect(bounds.get('vivace.own.ratio')).to.deep.equal([0.5, 0.9, 1]);
  });

  it('keep the bounds of the SDK where neither the unit nor the author says any', async () => {
    const bounds = await recorded((memory) => memory.bounds());
    expect(bounds.get('vivace.own.plain')).to.include.members([75, 750, 7500]);
  });

  it('of a predictor have buckets for its times and its rows', async () => {
    const memory = inMemory();
    const telemetry = await startPart(memory.part);
    const fixture = await startPredictor();
    try {
      await fixture.part.face(predictor).predict(affineInput([1, 0]), { rows: 1, ...callContext() });
      const bounds = await memory.bounds();
      expect(bounds.get('vivace.predictor.duration')).to.deep.equal(durations);
      expect(bounds.get('vivace.predictor.batch.rows')).to.deep.equal(counts);
    } finally {
      await fixture.close();
      await telemetry.stop();
    }
  });

  it('name the part beside the attributes of the author', async () => {
    const found = await recorded((memory) => memory.collected());
    expect(found.find(({ name }) => name === 'vivace.own.rows')?.attributes).to.deep.equal({
      'vivace.part': 'source',
      'own.kind': 'x',
    });
  });

  it('come from the scope vivace with the version of the package', async () => {
    expect(await recorded((memory) => memory.scopes())).to.deep.equal([
      { name: 'vivace', version: packageVersion },
    ]);
  });
});
