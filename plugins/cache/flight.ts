import type { VivaceError } from 'vivace';

/** What became of one key: a value, from the cache or loaded, or the reason why there is none. */
export type Landing =
  { readonly value: Uint8Array | undefined; readonly hit: boolean } | { readonly error: VivaceError };

/** Keys that one caller looks up and loads, for himself and for those who join him. It never rejects. */
export interface Flight {
  readonly landings: Promise<ReadonlyMap<string, Landing>>;
}

/** True where the caller who loaded has given up: that says nothing about the key. */
export function isLeft(landing: Landing): boolean {
  return (
    'error' in landing && (landing.error.code === 'CANCELLED' || landing.error.code === 'DEADLINE_EXCEEDED')
  );
}
