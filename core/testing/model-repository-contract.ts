import { modelRepository, type ModelRepository } from '../ports/model-repository.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { aliases } from './model-repository/aliases.js';
import { collection } from './model-repository/collection.js';
import { copies } from './model-repository/copies.js';
import {
  bytesOf,
  defaultFiles,
  manifestOf,
  one,
  repositoryFixture,
  type ModelRepositorySetup,
} from './model-repository/fixture.js';
import { stored } from './model-repository/stored.js';
import { versions } from './model-repository/versions.js';
import { callContext } from './start-part.js';

/** What every `ModelRepository` promises. */
export function modelRepositoryContract(setup: ModelRepositorySetup): void {
  const { runner, make } = setup;
  runner.describe('ModelRepository contract', () => {
    const fixture = repositoryFixture(setup);
    versions(fixture);
    stored(fixture);
    aliases(fixture);
    collection(fixture);
    copies(fixture);

    let added = 1;
    const addOne = (to: ModelRepository, version: string, call = callContext()): Promise<void> =>
      to.add(manifestOf({ ...one, version }), (path) => bytesOf(defaultFiles[path]!), call);
    lifecycleContract({
      runner,
      make,
      port: modelRepository,
      async prepare(started) {
        await addOne(started, one.version);
        await addOne(started, '0');
        await started.setAlias('affine', 'stays', '1', callContext());
      },
      calls: {
        resolve: (started, call) => started.resolve('affine@1', call),
        manifest: (started, call) => started.manifest(one, call),
        readFile: (started, call) => started.readFile(one, 'model.bin', call),
        fetch: (started, call) => started.fetch(one, call),
        restore: async (started, call) => started.restore?.(await started.fetch(one, call), call),
        retain: async (started, call) => started.retain?.('affine@1', await started.fetch(one, call), call),
        lastKnown: (started, call) => started.lastKnown?.('affine@1', call),
        // A version that exists is refused: each is added once.
        add: (started, call) => addOne(started, String(++added), call),
        setAlias: (started, call) => started.setAlias('affine', 'champion', '1', call),
        async rollback(started, call) {
          for (const version of ['0', '1']) await started.setAlias('affine', 'back', version, call);
          return started.rollback('affine', 'back', call);
        },
        history: (started, call) => started.history('affine', 'stays', call),
        list: (started, call) => started.list(call),
        collect: (started, call) => started.collect(call, { keep: 100 }),
        verify: (started, call) => started.verify(call),
      },
    });
  });
}
