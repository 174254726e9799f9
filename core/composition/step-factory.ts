import { Container, type Newable, type ServiceIdentifier } from 'inversify';
import { slotPort } from '../parts/definition.js';
import type { CustomNode, FetchNode, Plan, PlanNode, PredictNode } from '../pipeline/plan.js';
import type { RunnableNode } from '../pipeline/execute.js';
import type { NodeStep } from '../pipeline/run-context.js';
import type { Step } from '../steps/custom/step.js';
import { cache } from '../ports/cache.js';
import { featureSource, type FeatureSource } from '../ports/feature-source.js';
import { onlineStore } from '../ports/online-store.js';
import { predictor } from '../ports/predictor.js';
import { transform } from '../ports/transform.js';
import { ApplyTransform } from '../steps/transform/apply-transform.js';
import { CacheFeatures } from '../steps/cache/cache-features.js';
import { CachePredictions } from '../steps/cache/cache-predictions.js';
import { FetchFeatures } from '../steps/fetch/fetch-features.js';
import { Predict } from '../steps/predict/predict.js';
import { RecordMetrics } from '../steps/record/record-metrics.js';
import { RunCustom } from '../steps/custom/run-custom.js';
import { planToken, tokens } from '../steps/tokens.js';
import type { CacheCounts } from '../steps/cache/cache-counts.js';
import { FeatureCounters } from '../steps/fetch/feature-counters.js';

/** The steps of one pipeline, and what they count. */
export interface PipelineSteps {
  readonly nodes: readonly RunnableNode[];
  readonly around: RecordMetrics | undefined;
  readonly features: FeatureCounters;
  readonly caches: readonly CacheCounts[];
}

/** Where a fetch reads in a run that is not online; `undefined` leaves it to the part that the node names. */
export type SourceOverride = (node: FetchNode) => FeatureSource | undefined;

/** Resolves the steps of a plan from a child of the server's container: one per node, with what the node names bound to it. */
export function createSteps(
  parent: Container,
  plan: Plan,
  override: SourceOverride = () => undefined,
): PipelineSteps {
  const container = new Container({ parent, jitless: true });
  const features = new FeatureCounters();
  const caches: CacheCounts[] = [];
  container.bind(tokens.counters).toConstantValue(features);
  container.bind(planToken).toConstantValue(plan);
  const nodes = plan.nodes.map((node) => ({ node, step: createStep(container, node, { caches, override }) }));
  return { nodes, around: plan.recorded ? resolve(container, RecordMetrics) : undefined, features, caches };
}

function createStep(
  parent: Container,
  node: PlanNode,
  { caches, override }: { caches: CacheCounts[]; override: SourceOverride },
): NodeStep {
  const container = new Container({ parent, jitless: true });
  switch (node.verb) {
    case 'fetch':
      container.bind(tokens.fetchNode).toConstantValue(node);
      container.bind(tokens.source).toConstantValue(override(node) ?? sourceOf(container, node, caches));
      return resolve(container, FetchFeatures);
    case 'transform':
      container.bind(tokens.transformNode).toConstantValue(node);
      container.bind(tokens.transform).toConstantValue(container.get(transform.id, { name: node.part }));
      return resolve(container, ApplyTransform);
    case 'predict':
      container.bind(tokens.predictNode).toConstantValue(node);
      container.bind(tokens.predictor).toConstantValue(predictorOf(container, node, caches));
      return resolve(container, Predict);
    case 'step':
      container.bind(tokens.customNode).toConstantValue(node);
      container.bind(tokens.custom).toConstantValue(customOf(container, node));
      return resolve(container, RunCustom);
  }
}

function sourceOf(container: Container, node: FetchNode, caches: CacheCounts[]): FeatureSource {
  const source =
    node.view === undefined
      ? container.get(featureSource.id, { name: node.part })
      : container.get(onlineStore.id, { name: node.part }).open(node.view);
  const { cache: spec } = node;
  if (spec === undefined) return source;
  return new CacheFeatures(
    { ...node, cache: spec },
    { source, ...cacheOf(container, spec.in, { node, caches }) },
  );
}

function predictorOf(
  container: Container,
  node: PredictNode,
  caches: CacheCounts[],
): Pick<CachePredictions, 'predict'> {
  const model = container.get(predictor.id, { name: node.part });
  const { cache: spec } = node;
  if (spec === undefined) return model;
  return new CachePredictions(
    { ...node, cache: spec },
    { predictor: model, ...cacheOf(container, spec.in, { node, caches }) },
  );
}

function cacheOf(
  container: Container,
  name: string,
  { node, caches }: { node: PlanNode; caches: CacheCounts[] },
) {
  const counts: CacheCounts = { step: node.alias, hits: 0, misses: 0 };
  caches.push(counts);
  return { cache: container.get(cache.id, { name }), counts };
}

/** A team's step: a class with what the container holds, or a function with the parts in its slots. */
function customOf(container: Container, { type, options, uses }: CustomNode): Step {
  if (type.injectable) return resolve(container, type.create as Newable<Step>);
  const used = Object.fromEntries(
    Object.entries(uses).map(([slot, name]) => {
      const { port } = slotPort(type.uses[slot]!);
      return [slot, name === undefined ? undefined : container.get(port.id, { name })];
    }),
  );
  return (type.create as (options: never, uses: never) => Step)(options as never, used as never);
}

function resolve<T>(container: Container, step: Newable<T>): T {
  const id: ServiceIdentifier<T> = step;
  container.bind(id).to(step).inSingletonScope();
  return container.get(id);
}
