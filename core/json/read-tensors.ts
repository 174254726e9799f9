import { statusNames } from '../data/status.js';
import type { FeatureAnswer, ReadDescription, ReadInput } from '../ports/data-plane.js';
import type { CarriedTensor, ModelTensors } from '../wire/open-inference/index.js';
import { declared, fieldTensor, outputTensor, type OutputTensor } from './pipeline-tensors.js';
import { checkSize } from './read-codec.js';
import { mistake } from './request-mistakes.js';

/** A read of features in tensors: what it takes, what it gives, and both as columns. */
export interface ReadTensors extends ModelTensors {
  /**
   * @param inputs One per key, of the declared datatypes and shapes.
   * @throws {VivaceError} `INVALID_ARGUMENT` with the name of the input at fault as its path.
   */
  decode(inputs: readonly (CarriedTensor | undefined)[]): ReadInput;
  /** The features in their order. */
  encode(answer: FeatureAnswer): readonly OutputTensor[];
}

/**
 * A read of features in tensors, as a pipeline is: an input of the shape [N] for each key, an output `view.feature` for each feature. Rows
 * without a value are listed in the parameter `nulls` of either; an output of which a value is not PRESENT has the parameter `statuses`, a JSON
 * list of their names.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where two keys differ in type only.
 */
export function readTensors(description: ReadDescription): ReadTensors {
  const { keys, features } = description;
  const twice = keys.find(({ name }, i) => keys.findIndex((key) => key.name === name) < i);
  if (twice !== undefined)
    throw mistake('is a key of two of these views, with different types: read them one by one', twice.name);
  const fields = keys.map((key) => fieldTensor(key.name, key, -1));
  return {
    // A row may lack a key, but no input may be left out.
    inputs: keys.map(({ name, type }) => declared(name, type, -1)),
    outputs: features.map(({ name, type }) => declared(name, type, -1)),
    decode(inputs) {
      const rows = inputs[0]?.shape[0] ?? 0;
      const uneven = inputs.findIndex((input) => input?.shape[0] !== rows);
      if (uneven >= 0)
        throw mistake(`${inputs[uneven]?.shape[0]} rows, but another key has ${rows}`, keys[uneven]!.name);
      checkSize(description, rows);
      return { rows, keys: fields.map(({ read }, i) => read(inputs[i], rows)) };
    },
    encode: (answer) =>
      answer.features.map((column) => {
        const tensor = outputTensor(column);
        if (column.status === undefined) return tensor;
        const statuses = JSON.stringify(Array.from(column.status, (code) => statusNames[code]));
        return { ...tensor, parameters: { ...tensor.parameters, statuses } };
      }),
  };
}
