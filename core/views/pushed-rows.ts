import type { Field } from '../data/feature-rows.js';
import { microsPerSecond } from '../kernel/time.js';
import { mistake } from './view-mistake.js';
import type { ViewSpec } from './schema.js';
import type { ViewSource } from './view-source.js';

/** What the times of a row are called where it is pushed, and in the log that keeps it. */
export const pushedTimes = { event: 'eventTime', available: 'availableTime' } as const;

/** How far ahead of a server's clock the event time of a pushed row may be, microseconds: clocks differ. */
export const mostAhead = 300 * microsPerSecond;

/**
 * How much later than its available time a pushed row may be in its log, milliseconds. A log that cannot write holds rows and writes them when
 * it can.
 */
const logOverlapMs = 3_600_000;

/** What was pushed, as the source of a view: the rows of its log. */
export function historyOf(log: string, entity: readonly Field[]): ViewSource {
  return {
    where: {},
    distinct: false,
    key: Object.fromEntries(entity.map(({ name }) => [name, name])),
    eventTime: pushedTimes.event,
    availableTime: pushedTimes.available,
    overlapMs: logOverlapMs,
    log,
  };
}

/**
 * A row that is pushed has its keys, its features and `eventTime` side by side, and in a log also `availableTime`.
 *
 * @throws {VivaceError} `INVALID_CONFIG` with `path` relative to the view.
 */
export function checkPushed(
  { features: declared, source }: ViewSpec,
  { entity, features }: { readonly entity: readonly Field[]; readonly features: readonly Field[] },
): void {
  const isKept = source !== undefined;
  const seen: string[] = isKept ? Object.values(pushedTimes) : [pushedTimes.event];
  const fields = [
    ...entity.map(({ name }) => ({ name, path: `entity.${name}` })),
    ...features.map(({ name }) => ({ name, path: `features.${name}` })),
  ];
  for (const { name, path } of fields) {
    if (seen.includes(name)) throw mistake(path, `${whyTaken(name)}: choose another name`);
    // Warehouses do not tell the columns of a log apart by case.
    const other = isKept && seen.find((each) => each.toLowerCase() === name.toLowerCase());
    if (other !== undefined && other !== false)
      throw mistake(
        path,
        `the log of this view has "${other}" too, which differs in case only: choose another name`,
      );
    seen.push(name);
  }
  for (const [name, feature] of Object.entries(declared))
    if (feature.of !== undefined)
      throw mistake(
        `features.${name}.of`,
        `rows of this view are pushed, with a value "${name}": leave \`of\` out`,
      );
}

function whyTaken(name: string): string {
  if (name === pushedTimes.event) return 'rows of this view are pushed, and `eventTime` is the time of a row';
  if (name === pushedTimes.available) return 'the log of this view says in `availableTime` when a row came';
  return `rows of this view are pushed, and "${name}" is one of its keys`;
}
