import { z } from 'zod';

/** A version of a view, and what a pipeline makes of its rows. */
export const lockedView = z.strictObject({
  /** The version of the view. */
  hash: z.string(),
  /** The hash of how its rows are read: of the version, defaults, max age, refresh and policies. */
  contract: z.string(),
});

export type LockedView = z.infer<typeof lockedView>;

/** The views that a model was trained on, by name. */
export type FeaturesLock = Readonly<Record<string, LockedView>>;
