import { pipelineTensors, VivaceError, type Planes } from 'vivace';
import type { ModelTarget } from './served-model.js';

/** A pipeline as a model: its fields are the inputs, its outputs the outputs. */
export function pipelineModel({ data, control }: Planes, pipeline: string): ModelTarget {
  const description = data.pipelines.describe(pipeline);
  const tensors = pipelineTensors(description);
  return {
    inputs: tensors.inputs,
    outputs: tensors.outputs,
    platform: 'vivace_pipeline',
    description: description.description,
    version: () => undefined,
    state: () => {
      const { ready, reasons } = control.readiness();
      return { ready, reason: reasons.join('; ') };
    },
    async infer(given, call) {
      const answer = await data.pipelines.predict(pipeline, () => tensors.decode(given().inputs), call);
      const outputs = tensors.encode(answer);
      const { models, degraded } = answer;
      return {
        outputs,
        rows: answer.objects?.order.length ?? 1,
        // The protocol's parameters are texts, numbers and booleans.
        parameters: {
          ...(models.length === 0 ? {} : { models: JSON.stringify(models) }),
          ...(degraded.length === 0 ? {} : { degraded: JSON.stringify(degraded) }),
        },
      };
    },
    load: async () => {
      throw new VivaceError('UNIMPLEMENTED', `"${pipeline}" is a pipeline: load the models that it uses`);
    },
  };
}
