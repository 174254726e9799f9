import { milliseconds } from 'vivace';
import { z } from 'zod';
import {
  isApplication,
  isRouter,
  type ExpressApplication,
  type ExpressRouter,
  type Middleware,
} from './express-types.js';

const mebibyte = 1024 * 1024;

const shape = z.strictObject({
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('port to listen on; 0 takes any free one; default 8080'),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('address to listen on; 0.0.0.0 for every IPv4 interface; default 127.0.0.1'),
  bodyLimitBytes: z
    .int()
    .positive()
    .default(8 * mebibyte)
    .describe(
      'largest body as sent, bytes; more is answered with 413; a pipeline takes less where its requests cannot be as large; default 8 MiB',
    ),
  decompressedLimitBytes: z
    .int()
    .positive()
    .default(8 * mebibyte)
    .describe(
      'largest body after Content-Encoding is undone, bytes; more is answered with 413; default 8 MiB',
    ),
  maxBufferedBytes: z
    .int()
    .positive()
    .default(128 * mebibyte)
    .describe(
      'bytes of all bodies that are held at once, as sent and decompressed, until they are read, more is answered with 503 (a body that middleware has parsed counts by its Content-Length, in chunks not at all); and as many of answers that wait for their peers, of which those that wait longest are cut; default 128 MiB',
    ),
  compressFromBytes: z
    .int()
    .min(0)
    .default(1024)
    .describe(
      'smallest answer that is compressed for a caller whose Accept-Encoding takes gzip or deflate, bytes; 0: none is; not where it is mounted on a `router`; default 1 KiB',
    ),
  headerLimitBytes: z
    .int()
    .min(1024)
    .default(16_384)
    .describe('largest request line and headers together, bytes; more is answered with 431; default 16 KiB'),
  headersTimeoutMs: milliseconds()
    .default(10_000)
    .describe('time for all headers to arrive, milliseconds; then 408; default 10 s'),
  requestTimeoutMs: milliseconds()
    .default(30_000)
    .describe('time for the whole request to arrive, milliseconds; then 408; default 30 s'),
  writeTimeoutMs: milliseconds()
    .default(30_000)
    .describe(
      'time for the peer to take the whole answer, milliseconds; then the connection is cut; default 30 s',
    ),
  keepAliveTimeoutMs: milliseconds()
    .default(65_000)
    .describe(
      'how long an idle connection stays open, milliseconds; longer than the load balancer in front keeps it; default 65 s',
    ),
  maxConnections: z
    .int()
    .positive()
    .optional()
    .describe('open connections above which new ones are closed at once; default no limit'),
  drainIdleMs: milliseconds({ min: 0 })
    .default(250)
    .describe(
      'how long draining lets an idle connection send a request already on its way, milliseconds; default 250',
    ),
  stopTimeoutMs: milliseconds({ min: 0 })
    .default(5_000)
    .describe(
      'how long stopping waits for answers to be sent before it cuts connections, milliseconds; default 5 s',
    ),
  middleware: z
    .array(
      z.union([
        z.string().regex(/^\.{0,2}\/.+\.[cm]?js$/, 'the path of a .js file, such as ./auth.js'),
        z.custom<Middleware>((value) => typeof value === 'function', 'express middleware'),
      ]),
    )
    .default([])
    .describe(
      'express middleware before every route of this part, in order: modules whose default export it is, such as ./auth.js; in code also functions; default none',
    ),
  middlewareTimeoutMs: milliseconds()
    .default(10_000)
    .describe(
      'how long middleware may take to answer or to go on, milliseconds; more is answered with 504; default 10 s',
    ),
  probes: z
    .strictObject({
      port: z.int().min(0).max(65_535).describe('port to listen on; 0 takes any free one'),
      host: z.string().min(1).optional().describe('address to listen on; default: that of the part'),
      stuckAfterMs: milliseconds()
        .default(30_000)
        .describe(
          'how long the event loop may stand before the server counts as stuck, milliseconds; default 30 s',
        ),
    })
    .optional()
    .describe(
      'answer /health/live, /health/ready and /health/startup on a port of their own, in a thread of their own: { port, host, stuckAfterMs }; default: no such thread',
    ),
  app: z
    .custom<ExpressApplication>(isApplication, 'an express application')
    .optional()
    .describe("in code only: your express application; gets every request on this port that is not Vivace's"),
  router: z
    .custom<ExpressRouter>(isRouter, 'an express router')
    .optional()
    .describe('in code only: a router of your own application to mount on; then nothing listens here'),
});

export const options = shape.refine((given) => given.app === undefined || given.router === undefined, {
  path: ['app'],
  message:
    'give either `app` (gets what Vivace does not take) or `router` (Vivace is mounted there), not both',
});

export type ExpressOptions = z.output<typeof options>;
