import { VivaceError, type DescribedModel, type Planes, type Tensor } from 'vivace';
import type { CarriedTensor } from 'vivace/wire';
import { maxDepth, type ModelTarget } from './served-model.js';

/** The most lists of a request: rows that are nested. More are sent flat, or in a binary tensor. */
const maxContainers = 500_000;

/** A predictor as a model. The versions that it may serve while the server runs have one signature. */
export function predictorModel(
  { data, control }: Planes,
  predictor: string,
  { signature }: DescribedModel,
): ModelTarget {
  const serving = (): string | undefined =>
    data.predictors.list().find(({ name }) => name === predictor)?.serving?.version;
  return {
    inputs: signature.inputs,
    outputs: signature.outputs,
    limits: { maxDepth, maxContainers },
    platform: 'vivace_predictor',
    version: serving,
    state() {
      if (serving() === undefined)
        return { ready: false, reason: `predictor "${predictor}" has no loaded model` };
      const { state } = control;
      return state === 'ready'
        ? { ready: true, reason: '' }
        : { ready: false, reason: `the server is ${state}` };
    },
    async infer(given, call) {
      const tensors = given().inputs as readonly CarriedTensor[];
      const rows = rowsOf(tensors);
      const prediction = await data.predictors.predict(predictor, tensors, call.derive({ rows }));
      // A predictor may give back its inputs, which have parameters of their caller.
      const outputs = prediction.outputs.map(({ shape, data }) => ({ shape, data }));
      return { outputs, version: prediction.model.version, rows };
    },
    load: (call) => control.refresh(predictor, call),
  };
}

/** @throws {VivaceError} `INVALID_ARGUMENT` where the inputs have different numbers of rows. */
function rowsOf(tensors: readonly Tensor[]): number {
  const [first, ...others] = tensors;
  const rows = first!.shape[0] as number;
  const other = others.find(({ shape }) => shape[0] !== rows);
  if (other === undefined) return rows;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `inputs: "${first!.name}" has ${rows} rows, but "${other.name}" has ${other.shape[0]}`,
    { path: 'inputs' },
  );
}
