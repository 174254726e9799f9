import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  columnOf,
  FeatureRows,
  keyValueStore,
  onlineStore as port,
  parseType,
  type Definition,
} from 'vivace';
import { lmdb } from 'vivace/adapters/lmdb';
import { memory } from 'vivace/adapters/memory';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, makePart, onlineStoreContract, startPart } from 'vivace/testing';
import { view } from '../../core/testing/view.js';

const stores: [string, Definition, (directory: string) => object][] = [
  ['memory', memory, () => ({})],
  ['lmdb', lmdb, (directory) => ({ path: directory })],
];

for (const [name, definition, options] of stores) {
  describe(`online-store over ${name}`, () => {
    const stops: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) await stop();
    });
    onlineStoreContract({
      runner: { describe, it, beforeEach, afterEach },
      make: async (wrap = (store) => store) => {
        const directory = await mkdtemp(join(tmpdir(), 'vivace-online-'));
        const store = await startPart(definition, options(directory));
        stops.push(
          () => store.stop(),
          () => rm(directory, { recursive: true }),
        );
        return makePart(onlineStore, {}, { uses: { store: wrap(store.face(keyValueStore)) } });
      },
    });
  });
}

describe('online-store', () => {
  it('reads at once from a store that answers at once', async () => {
    const store = await startPart(memory);
    const part = await startPart(onlineStore, {}, { uses: { store: store.face(keyValueStore) } });
    const of = view({ entity: { id: 'string' }, features: { x: { type: 'float32' } } });
    const keys = { rows: 1, time: 0, column: () => columnOf(parseType('string'), ['a']) };
    expect(part.face(port).open(of).read(keys, new FeatureRows(of.features, 1), callContext())).to.equal(
      undefined,
    );
    await part.stop();
    await store.stop();
  });
});
