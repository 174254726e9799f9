import { defineAdapter, httpServer } from 'vivace';
import { z } from 'zod';
import { InProcessServer } from './http.js';

const bytes = z.int().positive();

/** The HTTP server of `memory` alone. */
export const memoryHttp = defineAdapter({
  provides: httpServer,
  name: 'memory-http',
  options: z.strictObject({
    bodyLimitBytes: bytes.default(10_485_760).describe('largest body as sent, bytes; default 10 MiB'),
    decompressedLimitBytes: bytes
      .default(41_943_040)
      .describe('largest body after decompression, bytes; default 40 MiB'),
  }),
  create: (limits, _uses, { log }) => new InProcessServer(limits, log),
});
