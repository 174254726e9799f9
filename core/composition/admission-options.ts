import { z } from 'zod';
import { milliseconds } from '../config/duration.js';

/** When a server refuses calls: the block `admission` of a configuration. */
export const admissionOptions = z.strictObject({
  maxInFlight: z.int().positive().default(512).describe('the most calls in flight; default 512'),
  shedLagMs: milliseconds()
    .default(200)
    .describe(
      'for a second after the event loop stood longer than this, calls are refused while eight are in flight, milliseconds; default 200',
    ),
});
