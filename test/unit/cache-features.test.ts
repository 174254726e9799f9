import { expect } from 'chai';
import {
  cache as cachePort,
  cacheStore,
  columnOf,
  FeatureRows,
  parseType,
  status,
  VivaceError,
  type FeatureSource,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { callContext, startPart } from 'vivace/testing';
import { CacheFeatures } from '../../core/steps/cache/cache-features.js';

describe('CacheFeatures', () => {
  it('shows a row that failed as failed to every request that waited for it, never as missing', async () => {
    const ram = await startPart(memory);
    const part = await startPart(cache, {}, { uses: { store: ram.face(cacheStore) } });
    const features = [{ name: 'x', type: parseType('float32') }];
    const source: FeatureSource = {
      async read(keys, out) {
        await new Promise(setImmediate);
        const writer = out.column('x');
        for (let row = 0; row < keys.rows; row++) {
          if (row === 1) out.setFailed(row, new VivaceError('UNAVAILABLE', 'down'));
          else writer.set(row, 5);
        }
      },
    };
    const rows = {
      keys: [{ name: 'k', type: parseType('string') }],
      features,
      part: 'source',
      isStatic: true,
      sourceId: 'abcdefghij',
    };
    const counts = { step: 's', hits: 0, misses: 0 };
    const subject = new CacheFeatures(rows, {
      source,
      cache: part.face(cachePort),
      ttlMs: 1000,
      counts,
    });
    const keys = columnOf(parseType('string'), ['good', 'bad']);
    const read = async (): Promise<number[]> => {
      const out = new FeatureRows(features, 2);
      await subject.read({ rows: 2, time: 0, column: () => keys }, out, callContext());
      return [...out.status];
    };
    const answers = await Promise.all([read(), read(), read()]);
    for (const statuses of answers) expect(statuses).to.deep.equal([status.PRESENT, status.FAILED]);
    await part.stop();
    await ram.stop();
  });
});
