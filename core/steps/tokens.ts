import type { ServiceIdentifier } from 'inversify';
import type { FeatureSource } from '../ports/feature-source.js';
import type { Cache } from '../ports/cache.js';
import type { CachePredictions } from './cache/cache-predictions.js';
import type { Transform } from '../ports/transform.js';
import type { CustomNode, FetchNode, Plan, PredictNode, TransformNode } from '../pipeline/plan.js';
import type { Step } from './custom/step.js';
import type { FeatureCounters } from './fetch/feature-counters.js';

const token = <T>(name: string): ServiceIdentifier<T> => Symbol.for(`vivace.step.${name}`);

/** What a node's container binds for its step class. */
export const tokens = {
  fetchNode: token<FetchNode>('fetch-node'),
  transformNode: token<TransformNode>('transform-node'),
  predictNode: token<PredictNode>('predict-node'),
  customNode: token<CustomNode>('custom-node'),
  source: token<FeatureSource>('source'),
  cache: token<Cache>('cache'),
  transform: token<Transform>('transform'),
  predictor: token<Pick<CachePredictions, 'predict'>>('predictor'),
  custom: token<Step>('custom'),
  counters: token<FeatureCounters>('counters'),
};

/** The whole plan, for steps around a run. */
export const planToken: ServiceIdentifier<Plan> = token<Plan>('plan');
