/** Why what was served is not what is computed anew, in the order in which they are looked for. */
export const skewCauses = [
  'definition',
  'outage',
  'expired',
  'restated',
  'behind',
  'cached',
  'late',
  'ahead',
  'rounding',
  'unexplained',
] as const;

export type SkewCause = (typeof skewCauses)[number];

/** A fetched row without its values. Times are microseconds, and say nothing of a row that is not there. */
export interface RowIdentity {
  /** `MISSING` where there is none. */
  readonly status: 'PRESENT' | 'STALE' | 'MISSING' | 'FAILED';
  readonly eventTime: number;
  readonly availableTime: number;
}

/** Everything that decides why a served row, or a value of it, differs from the recomputed one. Times are microseconds. */
export interface SkewFacts {
  /** Whether the row was read under today's contract of the fetch. */
  readonly sameContract: boolean;
  readonly served: RowIdentity;
  readonly recomputed: RowIdentity;
  /** Rows without times: one is as good as another. */
  readonly isStatic: boolean;
  /** Up to when the view could be known at the request, as its `refresh` says. */
  readonly knownUntil: number;
  readonly answeredAt: number;
  /**
   * Up to when the rows of the source had been copied to the store by the time of the answer: `-Infinity` where none had, `undefined` where the ledger does
   * not tell.
   */
  readonly copiedUntil?: number | undefined;
  /** How long the store keeps a row that it was given; absent where rows stay. */
  readonly expiresAfter?: number | undefined;
  /** Where nothing was served: whether the key had an earlier row than the recomputed one. */
  readonly hadEarlier?: boolean | undefined;
  /** Where the fetch had a cache: the row as of the earliest moment that the cache may have kept. */
  readonly cachedFrom?: RowIdentity | undefined;
  /** Whether a restatement has written the served row, with an available time of its own. */
  readonly isRewritten: boolean;
  /** Whether runs have restated rows that this one consists of, and have not written it: since it was read, or only before. */
  readonly restated?: 'since' | 'before' | undefined;
  /**
   * What became of the rows of the source that this one consists of since they were copied: `more` came that say they had been there, they are
   * `others`, or they are the `same`; `undefined` where nothing tells.
   */
  readonly past?: 'same' | 'more' | 'others' | undefined;
  /** Whether rows may be in the source later than they say (`overlapMs`). */
  readonly waits: boolean;
  /** The relative error of the value: 0 where it is the same, infinite where one is null or they cannot be compared. */
  readonly error: number;
  /** The greatest relative error that is rounding. */
  readonly tolerance: number;
}

type Rule = (facts: SkewFacts) => boolean;

const rules: Readonly<Record<Exclude<SkewCause, 'unexplained'>, Rule>> = {
  definition: ({ sameContract }) => !sameContract,
  outage: ({ served }) => served.status === 'FAILED',
  expired: isExpired,
  restated: isRestated,
  behind: (facts) =>
    isOlder(facts) && !wasCopied(facts) && (facts.copiedUntil !== undefined || !isFromCache(facts)),
  cached: (facts) => isOlder(facts) && isFromCache(facts),
  // What the store had been given by then would not be older.
  late: (facts) =>
    isOlder(facts) ? facts.past !== 'same' || facts.waits : isEdited(facts) && facts.past === 'more',
  ahead: ({ served, knownUntil, isStatic }) => !isStatic && isThere(served) && sinceOf(served) > knownUntil,
  rounding: (facts) => isSameRow(facts) && facts.error > 0 && facts.error <= facts.tolerance,
};

/**
 * Why a row, or a value of it, is not what is computed anew: the first cause that applies. It is `unexplained` where none does, and so where the two
 * executors read one row differently.
 */
export function causeOf(facts: SkewFacts): SkewCause {
  return skewCauses.find((cause) => cause === 'unexplained' || rules[cause](facts))!;
}

/** From when on a row counts: once it has happened and is known. */
export function sinceOf({ eventTime, availableTime }: RowIdentity): number {
  return Math.max(eventTime, availableTime);
}

/** Whether there was a row, of whatever age. */
export function isThere({ status }: RowIdentity): boolean {
  return status === 'PRESENT' || status === 'STALE';
}

/** Which of two rows of a key wins: negative where the second one does, 0 where they are the same one. */
export function orderOf(a: RowIdentity, b: RowIdentity): number {
  if (!isThere(a) || !isThere(b)) return Number(isThere(a)) - Number(isThere(b));
  return a.eventTime - b.eventTime || a.availableTime - b.availableTime;
}

function isOlder({ served, recomputed, isStatic }: SkewFacts): boolean {
  return !isStatic && orderOf(served, recomputed) < 0;
}

/** Whether both are one row: also where a restatement has written it with a later available time. */
function isSameRow({ served, recomputed, isRewritten }: SkewFacts): boolean {
  const order = orderOf(served, recomputed);
  return (
    order === 0 ||
    (order > 0 && isRewritten && isThere(recomputed) && served.eventTime === recomputed.eventTime)
  );
}

/** One row, with other values than rounding explains. */
function isEdited(facts: SkewFacts): boolean {
  return isSameRow(facts) && facts.error > facts.tolerance;
}

/** Whether the store had been given the row that is computed anew, had it been in the source then. */
function wasCopied({ copiedUntil, recomputed }: SkewFacts): boolean {
  return copiedUntil !== undefined && copiedUntil >= sinceOf(recomputed);
}

/** A row that the store had been given was not there. */
function isExpired(facts: SkewFacts): boolean {
  const { served, recomputed, isStatic, answeredAt, expiresAfter, hadEarlier } = facts;
  if (served.status !== 'MISSING' || !isThere(recomputed)) return false;
  if (isStatic) return expiresAfter !== undefined;
  if (expiresAfter !== undefined && answeredAt - sinceOf(recomputed) > expiresAfter) return true;
  return hadEarlier === true && wasCopied(facts);
}

function isRestated(facts: SkewFacts): boolean {
  const { served, recomputed, isStatic, isRewritten, knownUntil, past, restated, error } = facts;
  const order = orderOf(served, recomputed);
  // A static view has no history: what is there now is all that can be compared.
  if (isStatic) return order !== 0 || isEdited(facts);
  if (order < 0) return wasCopied(facts) && (past === 'others' || restated === 'since');
  if (isSameRow(facts)) {
    // The time that the run gave it is all that differs.
    if (error === 0) return order > 0;
    // A run that had ended by then may have left the row as it was, as where one of its events is gone; rows that came since are late.
    const isOther = past === 'others' || restated === 'since' || (restated === 'before' && past !== 'more');
    return isEdited(facts) && isOther;
  }
  // A row that counted then has gone from the source.
  const since = isRewritten ? served.eventTime : sinceOf(served);
  return since <= knownUntil && (past !== 'same' || restated !== undefined);
}

/** Whether the served row is as new as a cache may have kept it. */
function isFromCache({ served, cachedFrom }: SkewFacts): boolean {
  return cachedFrom !== undefined && orderOf(served, cachedFrom) >= 0;
}
