import { didYouMean } from '../config/did-you-mean.js';
import type { Call } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import type { Clock } from '../parts/context.js';
import type { Plan } from '../pipeline/plan.js';
import type { DataPlane, PipelinePlane, PredictorPlane } from '../ports/data-plane.js';
import type { OnlineView } from '../ports/online-store.js';
import type { Predictor } from '../ports/predictor.js';
import type { ServedLog } from '../ports/served-log.js';
import type { FeatureView } from '../views/view.js';
import { bounded } from './bounded-call.js';
import { descriptionOf } from './pipeline-answer.js';
import { createFeaturePlane } from './feature-plane.js';
import type { PushCounters } from './push-counters.js';
import type { PipelineRunner } from './pipeline-runner.js';

/** What the data plane needs of its server. */
export interface ServedData {
  plans(): ReadonlyMap<string, Plan>;
  runners(): ReadonlyMap<string, PipelineRunner>;
  predictors(): readonly (readonly [name: string, part: Predictor])[];
  views(): ReadonlyMap<string, FeatureView>;
  /** The guarded face of the store of a view. */
  open(view: FeatureView): OnlineView;
  /** The guarded face of a served-log part. */
  log(name: string): ServedLog;
  readonly clock: Clock;
  /** Counts rows that are pushed. */
  readonly pushed: PushCounters;
  /** Counts a call while it runs, or refuses it. */
  counted<T>(call: Call, run: () => Promise<T>): Promise<T>;
  /** Aborts when the server cuts off what is still in flight. */
  readonly cut: AbortSignal;
}

/** What callers may ask of a server, independent of any protocol. */
export function createDataPlane(served: ServedData): DataPlane {
  return {
    pipelines: pipelinePlane(served),
    predictors: predictorPlane(served),
    features: createFeaturePlane({
      views: () => served.views(),
      open: (view) => served.open(view),
      log: (name) => served.log(name),
      clock: served.clock,
      pushed: served.pushed,
      counted: (call, run) => served.counted(call, () => bounded(call, served.cut, run)),
    }),
  };
}

function pipelinePlane(served: ServedData): PipelinePlane {
  const known = <T>(map: ReadonlyMap<string, T>, name: string): T => {
    const found = map.get(name);
    if (found !== undefined) return found;
    throw new VivaceError('NOT_FOUND', `there is no pipeline "${name}"${didYouMean(name, [...map.keys()])}`);
  };
  return {
    names: () => [...served.plans().keys()],
    describe: (pipeline) => descriptionOf(known(served.plans(), pipeline)),
    predict: async (pipeline, input, call) =>
      served.counted(call, () => known(served.runners(), pipeline).predict(input, call)),
  };
}

function predictorPlane(served: ServedData): PredictorPlane {
  return {
    list: () => served.predictors().map(([name, part]) => ({ name, serving: part.serving() })),
    describe: async (name, call) =>
      served.counted(call, () =>
        bounded(call, served.cut, (within) => predictorNamed(served.predictors(), name).describe(within)),
      ),
    predict: async (name, inputs, call) =>
      served.counted(call, () =>
        bounded(call, served.cut, (within) =>
          predictorNamed(served.predictors(), name).predict(inputs, within),
        ),
      ),
  };
}

/** @throws {VivaceError} `NOT_FOUND`, with the names that exist. */
export function predictorNamed(parts: ReturnType<ServedData['predictors']>, name: string): Predictor {
  const found = parts.find(([other]) => other === name);
  if (found !== undefined) return found[1];
  const names = parts.map(([other]) => other);
  throw new VivaceError('NOT_FOUND', `there is no predictor "${name}"${didYouMean(name, names)}`);
}
