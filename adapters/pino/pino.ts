import { resolve } from 'node:path';
import { defineAdapter, logLevels, logSink } from 'vivace';
import { z } from 'zod';
import { PinoSink } from './sink.js';

export const pinoOptions = z.strictObject({
  level: z.enum(logLevels).default('info').describe('records below it are left out'),
  destination: z
    .string()
    .min(1)
    .default('stdout')
    .describe('`stdout`, `stderr`, or a file to append to, relative to the configuration file'),
  pretty: z.boolean().default(false).describe('lines for people instead of JSON'),
  serviceName: z
    .string()
    .min(1)
    .optional()
    .describe('service.name; default: OTEL_SERVICE_NAME, then `vivace`'),
  redact: z
    .array(z.string().min(1))
    .default(['password', 'secret', 'token', 'apiKey', 'authorization', 'cookie'])
    .describe('names of fields, at any depth and in any case, whose values are written as [redacted]'),
  maxBufferBytes: z
    .int()
    .min(65_536)
    .default(16_777_216)
    .describe('most bytes of records to keep while the destination takes none; further records are dropped'),
});

export type PinoOptions = z.output<typeof pinoOptions>;

/** pino: one line of JSON per log record, with the field names of the Elastic Common Schema. */
export const pino = defineAdapter({
  provides: logSink,
  name: 'pino',
  sdk: { pino: { min: '10.4.0' } },
  options: pinoOptions,
  create: (options, _uses, context) => {
    const { destination } = options;
    const place =
      destination === 'stdout' ? 1 : destination === 'stderr' ? 2 : resolve(context.directory, destination);
    return new PinoSink(options, place);
  },
});
