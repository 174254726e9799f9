import { z } from 'zod';
import { messageOf, VivaceError } from '../kernel/errors.js';

/** Whole, but beyond 2^53 for the years before 1684 and after 2255. */
const microseconds = z.number().refine(Number.isInteger);
/** One cell per key of the entity: an int64 as decimal text, a time in microseconds. */
const keyCells = z.array(z.union([z.string(), z.number(), z.boolean()]));

const ledgerSchema = z.object({
  format: z.literal(1),
  view: z.string(),
  covered: z.array(z.object({ after: microseconds.nullable(), until: microseconds })),
  fullAt: microseconds.optional(),
  restatements: z
    .array(
      z.object({
        availableTime: microseconds,
        periods: z.array(z.string()),
        endedAt: microseconds.optional(),
      }),
    )
    .optional(),
  closed: z.object({ until: microseconds, periods: z.record(z.string(), z.string()) }).optional(),
  runs: z.array(
    z.object({
      startedAt: microseconds,
      endedAt: microseconds,
      after: microseconds.nullable(),
      until: microseconds,
      rows: z.int(),
      written: z.int(),
    }),
  ),
  open: z
    .object({
      startedAt: microseconds,
      after: microseconds.nullable(),
      until: microseconds,
      position: keyCells,
    })
    .optional(),
  sample: z.array(
    z.object({
      hash: z.int(),
      key: keyCells,
      eventTime: microseconds,
      availableTime: microseconds,
    }),
  ),
});

/**
 * What an online store says of the materialization of a view: what has been copied, and how to see whether it is still there. Times are
 * microseconds. Nothing stands in it that has not been done; what has been done may be missing, and is then done again.
 */
export interface Ledger {
  readonly format: 1;
  /** The name of the view when it was written last. */
  readonly view: string;
  /** The stretches of time whose rows have been copied: in order, apart from each other. */
  readonly covered: readonly Stretch[];
  /** When the last run began that copied everything. */
  readonly fullAt?: number | undefined;
  /** The last times that rows of the past were written anew, the latest last. */
  readonly restatements?: readonly Restated[] | undefined;
  /** Fingerprints of the rows that were known at `until`, by periods of their event times; the offline store knows what they mean. */
  readonly closed?:
    { readonly until: number; readonly periods: Readonly<Record<string, string>> } | undefined;
  /** The last runs, the latest last. */
  readonly runs: readonly LedgerRun[];
  /** A run that has not come to its end, as far as it came. */
  readonly open?: OpenRun | undefined;
  /** Some of the keys that were written, those of the least hashes, with the times of their rows. */
  readonly sample: readonly SampledKey[];
}

/** After `after` (`null`: from the beginning), up to and including `until`. */
export interface Stretch {
  readonly after: number | null;
  readonly until: number;
}

/** A run that has come to its end. */
export interface LedgerRun extends Stretch {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly rows: number;
  readonly written: number;
}

/** Rows of the past that were written anew. */
export interface Restated {
  /** That of all of these rows: later than any that was written before. */
  readonly availableTime: number;
  /** The periods of event times of which rows had changed: the rows of all keys that have some in them were written. */
  readonly periods: readonly string[];
  /** Absent where the run was killed. */
  readonly endedAt?: number | undefined;
}

/** A run that is under way, or was killed. */
export interface OpenRun extends Stretch {
  readonly startedAt: number;
  /** Every row up to this key, in the order of keys, has been written. */
  readonly position: LedgerKey;
}

/** One cell per key of the entity: an int64 as decimal text, a time in microseconds. */
export type LedgerKey = readonly (string | number | boolean)[];

export interface SampledKey {
  readonly hash: number;
  readonly key: LedgerKey;
  readonly eventTime: number;
  readonly availableTime: number;
}

/** How many runs a ledger remembers, and how many restatements. */
export const keptRuns = 20;
/** The most keys that a sample holds. */
export const sampleSize = 256;

/** The ledger of a view that was never copied. */
export function emptyLedger(view: string): Ledger {
  return { format: 1, view, covered: [], runs: [], sample: [] };
}

/**
 * Reads a ledger as it was stored.
 *
 * @throws {VivaceError} `DATA_LOSS` for a text that is not one.
 */
export function parseLedger(text: string): Ledger {
  try {
    return ledgerSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new VivaceError(
      'DATA_LOSS',
      `its ledger cannot be read: ${messageOf(error)}; --full copies everything and writes a new one`,
      { cause: error },
    );
  }
}

/** Up to when everything has been copied from the beginning; `undefined` where nothing has. */
export function coveredUntil({ covered }: Pick<Ledger, 'covered'>): number | undefined {
  const [first] = covered;
  return first?.after === null ? first.until : undefined;
}

/** What two say together, of which either may lack what the other knows. What only one of them can say, `theirs` says. */
export function mergeLedgers(mine: Ledger, theirs: Ledger): Ledger {
  const runs = new Map([...mine.runs, ...theirs.runs].map((run) => [`${run.startedAt} ${run.until}`, run]));
  const closed = laterOf(mine.closed, theirs.closed);
  const fullAt = latest(mine.fullAt, theirs.fullAt);
  const restatements = mergeRestatements(mine.restatements ?? [], theirs.restatements ?? []);
  const { open: _, ...rest } = theirs;
  return {
    ...rest,
    covered: union([...mine.covered, ...theirs.covered]),
    ...(fullAt === undefined ? {} : { fullAt }),
    ...(restatements.length === 0 ? {} : { restatements }),
    ...(closed === undefined ? {} : { closed }),
    runs: [...runs.values()].sort((a, b) => a.startedAt - b.startedAt).slice(-keptRuns),
    ...(theirs.open === undefined ? {} : { open: theirs.open }),
    // A full run has seen every key: one that it did not write is not there to be found.
    sample:
      (theirs.fullAt ?? -Infinity) > (mine.fullAt ?? -Infinity)
        ? theirs.sample
        : mergeSamples(mine.sample, theirs.sample),
  };
}

/** Those of both, the last ones; one that has ended says more than one that has not. */
export function mergeRestatements(...restatements: readonly (readonly Restated[])[]): readonly Restated[] {
  // Keys: available times.
  const merged = new Map<number, Restated>();
  for (const each of restatements.flat())
    if (each.endedAt !== undefined || !merged.has(each.availableTime)) merged.set(each.availableTime, each);
  return [...merged.values()].sort((a, b) => a.availableTime - b.availableTime).slice(-keptRuns);
}

function latest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => Math.max(a, b));
}

function laterOf(mine: Ledger['closed'], theirs: Ledger['closed']): Ledger['closed'] {
  return mine !== undefined && (theirs === undefined || mine.until > theirs.until) ? mine : theirs;
}

/** Those of the least hashes, each with its newest times. */
export function mergeSamples(...samples: readonly (readonly SampledKey[])[]): readonly SampledKey[] {
  // Keys: at most 512 keys of an online store, which are short.
  const newest = new Map<string, SampledKey>();
  for (const each of samples.flat()) {
    const id = JSON.stringify(each.key);
    const known = newest.get(id);
    if (known === undefined || isNewer(each, known)) newest.set(id, each);
  }
  return [...newest.values()].sort((a, b) => a.hash - b.hash).slice(0, sampleSize);
}

function isNewer(a: SampledKey, b: SampledKey): boolean {
  return a.eventTime > b.eventTime || (a.eventTime === b.eventTime && a.availableTime > b.availableTime);
}

/** Stretches in order, those that touch as one. */
function union(stretches: readonly Stretch[]): readonly Stretch[] {
  const start = ({ after }: Stretch): number => after ?? -Infinity;
  const merged: Stretch[] = [];
  for (const each of [...stretches].sort((a, b) => start(a) - start(b))) {
    const last = merged.at(-1);
    if (last === undefined || start(each) > last.until) merged.push(each);
    else if (each.until > last.until) merged[merged.length - 1] = { ...last, until: each.until };
  }
  return merged;
}
