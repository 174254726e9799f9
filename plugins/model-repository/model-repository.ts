import { blobStore, definePlugin, modelRepository as port, optional, workspace } from 'vivace';
import { z } from 'zod';
import { BlobRepository } from './blob-repository.js';

/** Versioned models as bundles in any blob store, downloaded to a workspace and verified when they are fetched. */
export const modelRepository = definePlugin({
  provides: port,
  name: 'model-repository',
  options: z.strictObject({}),
  uses: { blobs: blobStore, workspace: optional(workspace) },
  create: (_options, { blobs, workspace: directory }) => new BlobRepository(blobs, directory),
});
