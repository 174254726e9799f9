import { ContainerModule, type Newable } from 'inversify';
import { nodeLayer, runLayer } from '../pipeline/layers.js';
import { stepDefinition, type StepDefinition } from '../pipeline/step-definition.js';
import { custom } from './custom/custom.js';
import { RunCustom } from './custom/run-custom.js';
import { fetch } from './fetch/fetch.js';
import { FetchFeatures } from './fetch/fetch-features.js';
import { predict } from './predict/predict.js';
import { PredictRows } from './predict/predict-rows.js';
import { Instruments } from './record/instruments.js';
import { RecordMetrics, RecordSteps } from './record/record-metrics.js';
import { ApplyTransform } from './transform/apply-transform.js';
import { transform } from './transform/transform.js';

/** The verbs of Vivace. */
export const builtInVerbs: readonly StepDefinition[] = [fetch, transform, predict, custom];

/** Binds the steps of Vivace and what is recorded around them; a server loads this module before any other. */
export const builtInSteps = new ContainerModule(({ bind }) => {
  for (const verb of builtInVerbs) bind(stepDefinition).toConstantValue(verb);
  // One object runs one node.
  const steps: readonly Newable[] = [FetchFeatures, ApplyTransform, PredictRows, RunCustom];
  for (const step of steps) bind(step).toSelf().inTransientScope();
  bind(Instruments).toSelf().inSingletonScope();
  bind(RecordMetrics).toSelf().inSingletonScope();
  bind(RecordSteps).toSelf().inSingletonScope();
  bind(runLayer).toService(RecordMetrics);
  bind(nodeLayer).toService(RecordSteps);
});
