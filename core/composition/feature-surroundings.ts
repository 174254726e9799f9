import type { Field } from '../data/feature-rows.js';
import type { Call, CallContext } from '../kernel/call.js';
import type { Clock } from '../parts/context.js';
import type { PipelineField } from '../ports/data-plane.js';
import type { OnlineView } from '../ports/online-store.js';
import type { ServedLog } from '../ports/served-log.js';
import type { FeatureView } from '../views/view.js';
import type { PushCounters } from './push-counters.js';

/** What reads and writes of features need of a server. */
export interface FeatureSurroundings {
  views(): ReadonlyMap<string, FeatureView>;
  /** The guarded face of the store of a view. */
  open(view: FeatureView): OnlineView;
  /** The guarded face of a served-log part. */
  log(name: string): ServedLog;
  readonly clock: Clock;
  readonly pushed: PushCounters;
  /** Counts a call while it runs and bounds its time, or refuses it. */
  counted<T>(call: Call, run: (within: CallContext) => Promise<T>): Promise<T>;
}

/** A key or a feature as callers give it. */
export function callersField(
  { name, type, ...texts }: Field & Partial<Pick<PipelineField, 'description' | 'unit'>>,
  { optional, maxLength }: Required<Pick<PipelineField, 'optional' | 'maxLength'>>,
): PipelineField {
  return {
    name,
    type,
    optional,
    ...(type.element === 'string' ? { maxLength } : {}),
    ...(texts.description === undefined ? {} : { description: texts.description }),
    ...(texts.unit === undefined ? {} : { unit: texts.unit }),
  };
}
