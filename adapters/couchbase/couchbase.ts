import type { Cluster } from 'couchbase';
import { defineAdapter, keyValueStore, longMilliseconds, milliseconds, secret } from 'vivace';
import { tlsFiles } from 'vivace/kit';
import { z } from 'zod';
import { CouchbaseStore } from './store.js';

const options = z
  .strictObject({
    url: z
      .string()
      .regex(/^couchbases?:\/\/./, 'must begin with couchbase:// or couchbases://')
      // Messages name it.
      .regex(/^[^@]*$/, 'must not hold a user or a password: give `username` and `password`')
      .optional()
      .describe(
        'Connection string: `couchbases://host1,host2` with TLS, `couchbase://…` without. Required without a `client`.',
      ),
    bucket: z.string().min(1).describe('Name of the bucket.'),
    scope: z.string().min(1).default('_default').describe('Name of the scope.'),
    collection: z.string().min(1).default('_default').describe('Name of the collection.'),
    username: z.string().min(1).optional().describe('Name of the user; none with a client certificate.'),
    password: secret().optional().describe('Password of the user.'),
    caFile: tlsFiles.caFile.describe(
      "PEM file of the certificate authorities to trust for the servers' certificates; default: those of Couchbase Capella and Mozilla.",
    ),
    certFile: tlsFiles.certFile.describe(
      'PEM file of a client certificate to log in with, instead of a user; needs `keyFile`.',
    ),
    keyFile: tlsFiles.keyFile,
    prefix: z
      .string()
      .max(40)
      .default('')
      .describe('Prefix of each key, for a collection that is shared; default: none.'),
    timeoutMs: milliseconds()
      .optional()
      .describe(
        'How long one read may take, milliseconds, or until the deadline of the caller; default 2,500, with `profile` 20,000.',
      ),
    writeTimeoutMs: milliseconds()
      .default(10_000)
      .describe('How long one write may take, milliseconds, or until the deadline of the caller.'),
    connectTimeoutMs: milliseconds()
      .default(10_000)
      .describe('How long the first connection may take, milliseconds; with `profile` always 120,000.'),
    maxInFlight: z
      .int()
      .min(1)
      .default(10_000)
      .describe('Most reads of keys that may wait for the servers at a time; further calls are refused.'),
    durability: z
      .enum(['none', 'majority', 'majorityAndPersistToActive', 'persistToMajority'])
      .default('none')
      .describe(
        'Where a write must have arrived before it is answered; `none`: in the memory of one server.',
      ),
    ttlMs: longMilliseconds()
      .optional()
      .describe(
        'How long a document stays after it was last written or found unchanged, milliseconds, rounded up to seconds; default: never.',
      ),
    profile: z
      .enum(['wanDevelopment'])
      .optional()
      .describe("The SDK's time-outs for a cluster far away; not for production."),
    client: z
      .custom<Cluster>()
      .optional()
      .describe('A connected cluster of the SDK, from code, instead of `url`; it is not closed.'),
  })
  .refine(({ url, client }) => (url === undefined) !== (client === undefined), {
    message: 'is required, unless there is a client',
    path: ['url'],
  });

/** A Couchbase collection as a `KeyValueStore`: one binary document per key. */
export const couchbase = defineAdapter({
  provides: keyValueStore,
  name: 'couchbase',
  system: { database: 'couchbase' },
  sdk: { couchbase: { min: '4.7.0' } },
  options,
  create: (settings, _uses, { directory }) => new CouchbaseStore(settings, directory),
});

/** The options, parsed. */
export type CouchbaseSettings = z.output<typeof options>;
