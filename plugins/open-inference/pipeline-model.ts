import { pipelineTensors, VivaceError, type PipelineAnswer, type Planes } from 'vivace';
import type { Parameters } from 'vivace/wire';
import { maxDepth, type ModelTarget } from './served-model.js';

/** A pipeline as a model: its fields are the inputs, its outputs the outputs. */
export function pipelineModel({ data, control }: Planes, pipeline: string): ModelTarget {
  const description = data.pipelines.describe(pipeline);
  const tensors = pipelineTensors(description);
  const { bodyLimitBytes } = tensors.limits;
  return {
    inputs: tensors.inputs,
    outputs: tensors.outputs,
    limits: { ...tensors.limits.json, maxDepth },
    ...(Number.isFinite(bodyLimitBytes) ? { bodyLimitBytes } : {}),
    platform: 'vivace_pipeline',
    deadlineMs: description.deadlineMs,
    description: description.description,
    version: () => undefined,
    state: () => {
      const { ready, reasons } = control.readiness();
      return { ready, reason: reasons.join('; ') };
    },
    async infer(given, call) {
      const answer = await data.pipelines.predict(pipeline, () => tensors.decode(given().inputs), call);
      return {
        outputs: tensors.encode(answer),
        rows: answer.objects?.order.length ?? 1,
        parameters: parametersOf(answer),
      };
    },
    load: async () => {
      throw new VivaceError('UNIMPLEMENTED', `"${pipeline}" is a pipeline: load the models that it uses`);
    },
  };
}

/** Which models answered and what is degraded, as JSON: the protocol's parameters are texts, numbers and booleans. */
function parametersOf({ models, degraded }: PipelineAnswer): Parameters | undefined {
  if (models.length === 0 && degraded.length === 0) return undefined;
  return {
    ...(models.length === 0 ? {} : { models: JSON.stringify(models) }),
    ...(degraded.length === 0 ? {} : { degraded: JSON.stringify(degraded) }),
  };
}
