import { resolve } from 'node:path';
import { blobStore, defineAdapter, workspace } from 'vivace';
import { systemErrorCode } from 'vivace/kit';
import { z } from 'zod';
import { FileBlobs } from './blobs.js';
import { signMs } from './owner.js';
import { Root } from './root.js';
import { FileWorkspace } from './workspace.js';

const options = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(
      'Directory of the blobs or staged directories, created with the first write; relative to the configuration file.',
    ),
});

/** A directory: a `BlobStore` with one file per blob, and a `Workspace`. Several processes may use it at once. */
export const filesystem = defineAdapter({
  provides: [blobStore, workspace],
  name: 'filesystem',
  options,
  create: ({ path }, _uses, context) => {
    const root = new Root(resolve(context.directory, path));
    const directories = new FileWorkspace(root);
    context.every(signMs, () => directories.holds.sign());
    return {
      faces: [new FileBlobs(root), directories] as const,
      start: () => root.open(),
      stop: () => directories.holds.clear(),
      errorCode: systemErrorCode,
    };
  },
});
