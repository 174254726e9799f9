import { blobStore, definePlugin, milliseconds, servedLog as port, warehouse } from 'vivace';
import { z } from 'zod';
import { FileLog } from './file-log.js';

const mebibyte = 1024 * 1024;

const options = z.strictObject({
  prefix: z
    .string()
    .regex(/^(?:[\w.-]+\/)*$/, 'is not a folder such as `logs/`, with a slash at its end')
    .default('')
    .describe('folder of the files in the blob store, such as `logs/`; default: none'),
  instance: z
    .string()
    .regex(/^[\w.-]{1,100}$/, 'has 1 to 100 letters, digits, `_`, `.` and `-`')
    .optional()
    .describe('begins the names of its files, and tells processes apart; default: a random one'),
  flushBytes: z
    .int()
    .min(1)
    .default(32 * mebibyte)
    .describe('a file is written once this much is held for it, bytes of memory'),
  flushMs: milliseconds().default(60_000).describe('and at the latest after this long, milliseconds'),
  appendMs: milliseconds({ min: 0 })
    .default(200)
    .describe('how long pushed rows wait for others to share their file, milliseconds'),
  maxBytes: z
    .int()
    .min(1)
    .default(128 * mebibyte)
    .describe('the most that is held, bytes of memory: what does not fit is dropped and counted'),
  retryMs: milliseconds()
    .default(1000)
    .describe('how long it waits before it tries again to write a file, milliseconds'),
  stopMs: milliseconds({ min: 0 })
    .default(4000)
    .describe('how long it tries to write what it still holds when it stops, milliseconds'),
});

export type ServedLogOptions = z.output<typeof options>;

/** Keeps what was served, and what was pushed, as Parquet files in any blob store. */
export const servedLog = definePlugin({
  provides: port,
  name: 'served-log',
  options,
  uses: { encode: warehouse, blobs: blobStore },
  create: (given, slots, context) => new FileLog(given, slots, context),
});
