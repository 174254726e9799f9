import type { Planes } from 'vivace';
import type { DeclaredTensor } from 'vivace/wire';
import type { ServedModel } from './served-model.js';

/** The answer to `GET /v2`. */
export function serverMetadata(control: Planes['control'], admin: boolean): object {
  const { name, version } = control.info();
  return {
    name,
    version,
    extensions: ['binary_tensor_data', 'statistics', ...(admin ? ['model_repository'] : [])],
  };
}

/** The answer to `GET /v2/models/{model}`. */
export function modelMetadata({ name, target }: ServedModel): object {
  const { platform, description } = target;
  const version = target.version();
  const optional = target.inputs.filter((input) => input.optional === true).map((input) => input.name);
  return {
    name,
    versions: version === undefined ? [] : [version],
    platform,
    inputs: target.inputs.map(tensorMetadata),
    outputs: target.outputs.map(tensorMetadata),
    properties: {
      ...(description === undefined ? {} : { description }),
      ...(optional.length === 0 ? {} : { optional }),
    },
  };
}

/** The statistics of a model. */
export function statisticsOf({ name, target, statistics }: ServedModel): object {
  return statistics.describe(name, target.version());
}

function tensorMetadata({ name, datatype, shape }: DeclaredTensor): object {
  return { name, datatype, shape };
}
