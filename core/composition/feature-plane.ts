import { didYouMean } from '../config/did-you-mean.js';
import { VivaceError } from '../kernel/errors.js';
import { longestKeyText, longestText } from '../pipeline/text-limits.js';
import type { FeaturePlane, PushDescription } from '../ports/data-plane.js';
import type { FeatureView } from '../views/view.js';
import { FeatureReads } from './feature-reads.js';
import { mostFeatureRows } from '../json/feature-limits.js';
import { callersField, type FeatureSurroundings } from './feature-surroundings.js';
import { AvailableTimes, pushRows } from './push-rows.js';

/** Features without a pipeline. */
export function createFeaturePlane(served: FeatureSurroundings): FeaturePlane {
  const reads = new FeatureReads(served);
  const times = new AvailableTimes(served.clock);
  const pushable = (name: string): FeatureView => {
    const view = viewNamed(served.views(), name);
    const why = whyNotPushed(view);
    if (why !== undefined) throw new VivaceError('FAILED_PRECONDITION', why);
    return view;
  };
  return {
    views: () => served.views(),
    describePush: (name) => describePush(pushable(name)),
    push: (name, input, call) =>
      served.counted(call, async (within) => {
        const view = pushable(name);
        const given = typeof input === 'function' ? input() : input;
        return pushRows(view, given, {
          online: served.open(view),
          log: view.source?.log === undefined ? undefined : served.log(view.source.log),
          times,
          counters: served.pushed.of(name),
          context: within,
        });
      }),
    describeRead: (features) => reads.compile(features).description,
    read: (features, input, call) =>
      served.counted(call, async (within) => {
        const compiled = reads.compile(features);
        const given = typeof input === 'function' ? input() : input;
        return { requestId: call.requestId, ...(await compiled.read(given, within)) };
      }),
  };
}

/** Why rows of a view cannot be pushed, and what to do; `undefined` where they can. */
export function whyNotPushed({ name, source, isAggregate }: FeatureView): string | undefined {
  if (source === undefined || source.log !== undefined) return undefined;
  return isAggregate
    ? `"${name}" aggregates the events of its source, which \`materialize\` does: compute the value where the events are, and push it to a view with plain features and \`source: { push: true, log: … }\``
    : `"${name}" has a source, from which \`materialize\` writes it and training sets read it, and no pushed row would be there: push to a view with \`source: { push: true, log: … }\`, or without a source`;
}

/** @throws {VivaceError} `NOT_FOUND`, with the names that exist. */
export function viewNamed(views: ReadonlyMap<string, FeatureView>, name: string): FeatureView {
  const view = views.get(name);
  if (view !== undefined) return view;
  throw new VivaceError('NOT_FOUND', `there is no view "${name}"${didYouMean(name, views.keys())}`);
}

function describePush(view: FeatureView): PushDescription {
  return {
    view: view.name,
    keys: view.entity.map((field) => callersField(field, { optional: false, maxLength: longestKeyText })),
    features: view.features.map((field) => callersField(field, { optional: true, maxLength: longestText })),
    maxRows: mostFeatureRows,
  };
}
