import { milliseconds } from 'vivace';
import { z } from 'zod';

export const options = z.strictObject({
  model: z
    .string()
    .min(1)
    .describe('Which model: name, name@alias or name@version; the name alone means the alias champion'),
  instances: z.int().min(1).max(256).default(1).describe('Instances that predict side by side; default 1'),
  maxBatchRows: z
    .int()
    .positive()
    .default(4_096)
    .describe('Most rows that requests are joined to; default 4096'),
  maxQueueRows: z
    .int()
    .positive()
    .default(65_536)
    .describe('Most rows that wait while all instances are busy; more are refused with 429; default 65536'),
  refreshMs: milliseconds({ min: 0 })
    .default(30_000)
    .describe('How often to look for a new version under the alias, ms; 0 = never; default 30000'),
  lookupTimeoutMs: milliseconds()
    .default(10_000)
    .describe(
      'How long the repository may take to say which version the model is; at start the last known version serves after that, ms; default 10000',
    ),
  loadTimeoutMs: milliseconds()
    .default(120_000)
    .describe(
      'Longest time for fetching a new version, and for loading, warming up and self-testing an instance, ms; default 120000',
    ),
  contract: z
    .enum(['warn', 'strict'])
    .default('warn')
    .describe(
      'What happens where a pipeline reads the views that the model was trained on in another way (defaults, max age, refresh, policies): warn, or strict, which refuses the model; default warn',
    ),
  refuseNaN: z
    .boolean()
    .default(false)
    .describe(
      'Fails a call whose outputs hold NaN with PREDICTOR_FAILED; default false: they are counted and passed on',
    ),
  repeatDied: z
    .boolean()
    .default(true)
    .describe(
      'Predicts once more, alone and on another instance, for a call whose instance died; false for a model that does more than predict; default true',
    ),
  callTimeoutMs: milliseconds({ min: 0 })
    .default(60_000)
    .describe('An instance that computes longer than this is replaced, ms; 0 = never; default 60000'),
  swap: z
    .enum(['beside', 'replace'])
    .default('beside')
    .describe(
      'How a new version takes the place of the old one: beside loads it first, so that memory holds both for a while; replace unloads the old one first, and calls wait meanwhile; default beside',
    ),
  drainMs: milliseconds({ min: 0 })
    .default(30_000)
    .describe('How long an old version may finish its calls once another takes its place, ms; default 30000'),
  restartDelayMs: milliseconds({ min: 0 })
    .default(100)
    .describe(
      'Pause before the second restart of an instance, doubled for each further one, ms; default 100',
    ),
  restartDelayMaxMs: milliseconds({ min: 0 })
    .default(30_000)
    .describe(
      'Longest pause between restarts, ms; pauses begin anew once an instance has lived 2 s; default 30000',
    ),
  warmUp: z
    .boolean()
    .default(true)
    .describe(
      'Predicts one row of zeros before an instance serves, where the bundle has no self-test, which warms up too; default true',
    ),
});

export type PredictorOptions = z.output<typeof options>;
