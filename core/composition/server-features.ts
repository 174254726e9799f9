import { pushAnswer, pushCodec, type PushCodec } from '../json/push-codec.js';
import { readAnswer, readKeys, type ReadAnswer } from '../json/read-codec.js';
import type { Call } from '../kernel/call.js';
import type { FeaturePlane, PushDescription, PushOutcome } from '../ports/data-plane.js';

/** A row as code pushes it: its keys, its event time and all features, of which those without a value are null. */
export interface PushedRow {
  /** A Date, or an RFC 3339 text. */
  readonly eventTime: Date | string;
  readonly [name: string]: unknown;
}

/** Rows as code pushes them: a list of rows, or a list of values per column. */
export type PushedRows = readonly PushedRow[] | Readonly<Record<string, readonly unknown[]>>;

/** Features without a pipeline, for callers in process. */
export interface ServerFeatures<O = object> {
  /**
   * Writes whole rows to a view whose rows are pushed: one without a source or, where a log keeps them, with `source: { push: true, log: … }`. Rows with a mistake are named, and the others are written; a push may be repeated.
   *
   * @returns How many rows had no mistake, how many changed the store, and what is wrong with the others.
   * @throws {VivaceError} as a transport would answer it: `INVALID_ARGUMENT` where no row was accepted, `FAILED_PRECONDITION` where rows of
   *   the view are not pushed, and what the store throws where rows may not be stored.
   */
  push(view: string, rows: PushedRows, options?: O): Promise<PushOutcome>;
  /**
   * Reads features by key, as a pipeline with the default policies does now.
   *
   * @param features Each `view.feature`, or `view` for all features of one.
   * @param keys A list of values for each key of these views, all of one length.
   * @throws {VivaceError} as a transport would answer it.
   */
  read(
    features: readonly string[],
    keys: Readonly<Record<string, readonly unknown[]>>,
    options?: O,
  ): Promise<ReadAnswer>;
}

/** The face of a feature plane for code. */
export function serverFeatures<O>(
  plane: FeaturePlane,
  callOf: (options: O | undefined) => Call,
): ServerFeatures<O> {
  // By what they were made from, of which there is one for each view.
  const codecs = new Map<string, PushCodec>();
  const codecOf = (description: PushDescription): PushCodec => {
    let codec = codecs.get(description.view);
    if (codec === undefined) codecs.set(description.view, (codec = pushCodec(description)));
    return codec;
  };
  return {
    async push(view, rows, options) {
      const codec = codecOf(plane.describePush(view));
      return pushAnswer(await plane.push(view, () => codec.decode({ rows }), callOf(options)));
    },
    async read(features, keys, options) {
      const description = plane.describeRead(features);
      return readAnswer(
        await plane.read(features, () => readKeys(description, { ...keys }), callOf(options)),
      );
    },
  };
}
