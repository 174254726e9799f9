import type { Field } from '../data/feature-rows.js';
import { parseType } from '../data/types.js';

/** Columns of a served log besides those of the plan: they begin with `log.`, as no alias does. */
export const logColumns = {
  requestId: 'log.request_id',
  /** Place of the object in its request, from 0. */
  index: 'log.index',
  /** How many objects the request had. */
  objects: 'log.objects',
  /** Place of the object in the answer, from 0; null where the answer leaves it out. */
  position: 'log.position',
  /** How many rows of all that were served this one stands for. */
  weight: 'log.weight',
  answered: 'log.answered',
  /** Identifies the pipeline's plan. */
  plan: 'log.plan',
  status: (alias: string) => `log.status.${alias}`,
  eventTime: (alias: string) => `log.event_time.${alias}`,
  availableTime: (alias: string) => `log.available_time.${alias}`,
  defaulted: (alias: string) => `log.defaulted.${alias}`,
  contract: (alias: string) => `log.contract.${alias}`,
  /** How long a cache might keep the row, milliseconds; only of nodes with a cache. */
  cachedMs: (alias: string) => `log.cached_ms.${alias}`,
  model: (alias: string) => `log.model.${alias}`,
  version: (alias: string) => `log.version.${alias}`,
} as const;

const text = parseType('string');
const timestamp = parseType('timestamp');

/** The columns that have the status and the times of the rows of a fetch. */
export const rowFields = (alias: string): readonly Field[] => [
  { name: logColumns.status(alias), type: text },
  { name: logColumns.eventTime(alias), type: timestamp },
  { name: logColumns.availableTime(alias), type: timestamp },
];
