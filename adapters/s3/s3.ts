import { blobStore, defineAdapter, secret } from 'vivace';
import { bucketOptions, tlsFiles } from 'vivace/kit';
import { z } from 'zod';
import { S3Blobs } from './blobs.js';

const options = z
  .strictObject({
    ...bucketOptions,
    region: z
      .string()
      .min(1)
      .optional()
      .describe('region of the bucket; default: `AWS_REGION` or the profile'),
    endpoint: z
      .url()
      .optional()
      .describe('address of another store that speaks S3, or of a private endpoint; default: that of AWS'),
    forcePathStyle: z
      .boolean()
      .default(false)
      .describe('puts the bucket into the path and not into the host name: MinIO, Ceph, most other stores'),
    accessKeyId: z
      .string()
      .min(1)
      .optional()
      .describe(
        "access key; default: AWS's own search (environment, shared files, web identity, container, instance)",
      ),
    secretAccessKey: secret().optional().describe('secret to `accessKeyId`'),
    sessionToken: secret().optional().describe('token that belongs to a temporary `accessKeyId`'),
    checksums: z
      .enum(['always', 'when-required'])
      .default('always')
      .describe(
        '`always` sends and checks a CRC-32 of everything; `when-required` for stores that do not know checksums',
      ),
    ...tlsFiles,
    maxAttempts: z
      .int()
      .positive()
      .default(3)
      .describe(
        'how many times the SDK sends a request that fails for the moment (429, 5xx, broken connections)',
      ),
    maxSockets: z.int().positive().default(50).describe('most connections; further requests wait'),
  })
  .refine(
    ({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined),
    { message: 'give accessKeyId and secretAccessKey together', path: ['secretAccessKey'] },
  );

export type S3Options = z.output<typeof options>;

/** Amazon S3, or another store that speaks its API, as a `BlobStore`. */
export const s3 = defineAdapter({
  provides: blobStore,
  name: 's3',
  system: { attributes: { 'rpc.system.name': 'aws-api' } },
  options,
  sdk: { '@aws-sdk/client-s3': { min: '3.1175.0' } },
  create: (given, _uses, context) => new S3Blobs(given, context),
});
