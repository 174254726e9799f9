import type { Mistake } from '../config/mistake.js';
import type { FeatureView } from '../views/view.js';

/** What `check` of a definition gets. */
export interface CheckContext {
  /** Relative paths in options are resolved from here. */
  readonly directory: string;
}

/** The configuration around a part, which `checkAmong` of its definition gets. */
export interface PartSurroundings {
  readonly views: ReadonlyMap<string, FeatureView>;
  /** Whether a name is that of a view with mistakes of its own, of which nothing else is known. */
  readonly isBroken: (view: string) => boolean;
  /** The options of the part in each slot that is filled. */
  readonly slots: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Finds mistakes in options that name something else of the configuration; their paths are relative to the part. */
export type CheckAmong = (options: never, among: PartSurroundings) => readonly Mistake[];
