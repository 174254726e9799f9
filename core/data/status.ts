/** Why a cell holds what it holds. The codes are bytes, so that a column of them is a Uint8Array. */
export const status = {
  /** The stored value. */
  PRESENT: 0,
  /** The row is there and holds no value for this feature. */
  NULL: 1,
  /** The source holds no row for the key. */
  MISSING: 2,
  /** The row is older than the view's max age at the request time. */
  STALE: 3,
  /** There was no value to use, so the feature's declared default stands in. */
  DEFAULTED: 4,
  /** The source could not be read: an outage, never a miss. */
  FAILED: 5,
  /** The row was left out, as its fetch declares. */
  SKIPPED: 6,
} as const;

/** A row about which the source has said nothing yet. No answer contains it: core turns rows that a source leaves unset into FAILED. */
export const unset = 255;

export type StatusName = keyof typeof status;

/** Names by code. */
export const statusNames: readonly StatusName[] = [
  'PRESENT',
  'NULL',
  'MISSING',
  'STALE',
  'DEFAULTED',
  'FAILED',
  'SKIPPED',
];
