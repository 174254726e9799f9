import { blobStore, defineAdapter } from 'vivace';
import { bucketOptions, googleFiles, tlsFiles } from 'vivace/kit';
import { z } from 'zod';
import { GcsBlobs } from './blobs.js';

const options = z.strictObject({
  ...bucketOptions,
  projectId: z
    .string()
    .min(1)
    .optional()
    .describe('Google Cloud project; default: that of the credentials, which is nearly always right'),
  ...googleFiles,
  endpoint: z
    .url()
    .optional()
    .describe('another address of the JSON API, such as that of a private endpoint or an emulator'),
  anonymous: z.boolean().default(false).describe('sends no credentials: emulators, public buckets'),
  caFile: tlsFiles.caFile,
  maxRetries: z
    .int()
    .min(0)
    .default(3)
    .describe(
      'how many times the SDK retries a request that failed for the moment (408, 429, 5xx, broken connections), after 0.1, 0.5, 1.5 … seconds',
    ),
  maxSockets: z.int().positive().default(50).describe('most connections; further requests wait'),
});

export type GcsOptions = z.output<typeof options>;

/** Google Cloud Storage as a `BlobStore`. */
export const gcs = defineAdapter({
  provides: blobStore,
  name: 'gcs',
  system: { attributes: { 'gcp.client.service': 'storage' } },
  options,
  sdk: { '@google-cloud/storage': { min: '7.22.0' } },
  create: (given, _uses, context) => new GcsBlobs(given, context),
});
