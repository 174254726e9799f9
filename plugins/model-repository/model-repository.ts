import { blobStore, definePlugin, modelRepository as port, optional, workspace } from 'vivace';
import { z } from 'zod';
import { BlobRepository } from './blob-repository.js';

/** Versioned models as bundles in any blob store, downloaded to a workspace and verified whenever they are fetched. */
export const modelRepository = definePlugin({
  provides: port,
  name: 'model-repository',
  options: z.strictObject({
    keepVersions: z
      .int()
      .min(1)
      .max(1_000)
      .default(2)
      .describe(
        'Copies of each model that the workspace keeps; those that serve, or that an alias last meant, are never removed; default 2',
      ),
  }),
  uses: { blobs: blobStore, workspace: optional(workspace) },
  create: ({ keepVersions }, { blobs, workspace: directory }, { clock }) =>
    new BlobRepository(blobs, { workspace: directory, keepVersions, now: () => clock.now() }),
});
