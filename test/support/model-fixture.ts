import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  blobStore,
  modelRepository as port,
  type BlobStore,
  type BundleManifest,
  type ModelRepository,
  workspace,
  type Workspace,
} from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { memory } from 'vivace/adapters/memory';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
import { manifestOf } from '../fixtures/bundles.js';

/** A model repository over blobs in memory and a temporary directory. */
export interface RepositoryFixture {
  readonly blobs: BlobStore;
  readonly workspace: Workspace;
  readonly repository: ModelRepository;
  readonly directory: string;
  /** Adds a version of one file and, if asked, points an alias at it. */
  add(
    content: Uint8Array | string,
    entry: string,
    more?: Partial<BundleManifest> & { alias?: string },
  ): Promise<void>;
  close(): Promise<void>;
}

/** Starts a `RepositoryFixture`. */
export async function startRepository(): Promise<RepositoryFixture> {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-'));
  const bucket = await startPart(memory);
  const blobs = bucket.face(blobStore);
  const disk = await startPart(filesystem, { path: directory });
  const uses = { blobs, workspace: disk.face(workspace) };
  const models = await startPart(modelRepository, {}, { uses });
  const repository = models.face(port);
  return {
    blobs,
    workspace: uses.workspace,
    repository,
    directory,
    async add(content, entry, { alias, ...more } = {}) {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      const manifest = manifestOf(bytes, entry, more);
      await repository.add(manifest, () => bytes, callContext());
      if (alias !== undefined)
        await repository.setAlias(manifest.name, alias, manifest.version, callContext(), {
          incompatible: true,
        });
    },
    async close() {
      await models.stop();
      await bucket.stop();
      await disk.stop();
      rmSync(directory, { recursive: true });
    },
  };
}
