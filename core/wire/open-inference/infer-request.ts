import type { Tensor } from '../../data/tensor.js';
import { VivaceError } from '../../kernel/errors.js';
import { binaryTensor, readBinaryTensor } from './binary-tensor.js';
import { datatypeBytes } from './datatypes.js';
import { mistake } from './mistake.js';
import { sizeOfShape } from './shape.js';
import {
  asMessage,
  asObject,
  idOf,
  parametersOf,
  readExactly,
  tensorListReader,
  type CarriedTensor,
  type DeclaredTensor,
  type InferMessage,
  type MessageJson,
  type Parameters,
} from './tensor-list.js';

/** An output that the caller wants, in the order in which it wants them. */
export interface WantedOutput {
  /** Its place among the declared outputs. */
  readonly index: number;
  /** As a binary tensor instead of JSON. */
  readonly binary: boolean;
}

/** An inference request of the protocol. */
export interface InferRequest {
  readonly id: string | undefined;
  readonly parameters: Parameters;
  /** In the order of the declared inputs; `undefined` where an optional one was left out. */
  readonly inputs: readonly (CarriedTensor | undefined)[];
  readonly outputs: readonly WantedOutput[];
}

/** What a model takes and gives. */
export interface ModelTensors {
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
}

const none: Parameters = Object.freeze({});
/** The parameter that asks for every output as a binary tensor. */
const askForBinary: Parameters = { binary_data_output: true };

/**
 * Makes the reader of a model's requests.
 *
 * @returns A function from the JSON, and the binary tensors that follow it, to the request. It throws `INVALID_ARGUMENT` with the place of
 *   what is wrong, and `UNIMPLEMENTED` for what the protocol knows and Vivace does not: shared memory and sequences.
 * @see https://github.com/kserve/open-inference-protocol
 */
export function inferRequestReader(
  model: ModelTensors,
): (json: MessageJson, binary: Uint8Array) => InferRequest {
  const readInputs = tensorListReader(model.inputs, 'inputs');
  const wantedOutputs = outputsReader(model.outputs);
  return (json, binary) =>
    readExactly(json, 'inputs', (exact) => {
      const root = asMessage(json.value, 'inputs');
      const id = idOf(root);
      const parameters = parametersOf(root, '');
      if (parameters['sequence_id'] !== undefined && parameters['sequence_id'] !== 0)
        throw new VivaceError('UNIMPLEMENTED', 'sequences are not served: every request is by itself');
      const outputs = wantedOutputs(root['outputs'], parameters['binary_data_output'] === true);
      return { id, parameters, inputs: readInputs(root['inputs'], binary, exact), outputs };
    });
}

/** What a model is asked. */
export interface InferCall {
  readonly id?: string | undefined;
  readonly parameters?: Parameters | undefined;
  /** One per declared input, in its order. */
  readonly inputs: readonly Pick<Tensor, 'shape' | 'data'>[];
}

/** Makes the writer of requests to a model: every input is a binary tensor, and every declared output is asked for as one. */
export function inferRequestWriter({ inputs, outputs }: ModelTensors): (call: InferCall) => InferMessage {
  const heads = inputs.map(
    ({ name, datatype }) => `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[`,
  );
  const wanted = JSON.stringify(outputs.map(({ name }) => ({ name, parameters: { binary_data: true } })));
  return ({ id, parameters, inputs: tensors }) => {
    const binary = tensors.map(({ data }) => binaryTensor(data));
    const list = tensors.map(
      ({ shape }, i) =>
        `${heads[i]!}${shape.join(',')}],"parameters":{"binary_data_size":${binary[i]!.length}}}`,
    );
    const beginning = { ...(id === undefined ? {} : { id }), parameters: { ...parameters, ...askForBinary } };
    return {
      json: `${JSON.stringify(beginning).slice(0, -1)},"inputs":[${list.join(',')}],"outputs":${wanted}}`,
      binary,
    };
  };
}

/**
 * Reads the raw form: the whole body is the only input.
 *
 * @returns A function that gives a request for all outputs, as binary tensors. It throws `INVALID_ARGUMENT` where the model takes several
 *   inputs, or the bytes do not tell the shape.
 */
export function rawRequestReader({ inputs, outputs }: ModelTensors): (body: Uint8Array) => InferRequest {
  const [declared, ...more] = inputs;
  const binary = outputs.map((_, index) => ({ index, binary: true }));
  return (body) => {
    if (declared === undefined || more.length > 0)
      throw mistake(
        `a body that is one raw tensor is for models with one input; this has ${inputs.length}`,
        '',
      );
    const { name, datatype } = declared;
    const path = (): string => name;
    const shape = rawShape(declared, body.length, path);
    const size = sizeOfShape(shape, declared.shape, path);
    // A single text has no length before it: the body is the text.
    const bytes = datatype === 'BYTES' ? withLength(body) : body;
    const data = readBinaryTensor(bytes, { datatype, size, path });
    return {
      id: undefined,
      parameters: none,
      inputs: [{ name, datatype, shape, data, parameters: none }],
      outputs: binary,
    };
  };
}

/** The shape that a raw body must have: at most one dimension is open, and the number of bytes gives it. */
function rawShape({ datatype, shape }: DeclaredTensor, bytes: number, path: () => string): readonly number[] {
  if (datatype === 'BYTES') return shape.map((dimension) => (dimension === -1 ? 1 : dimension));
  const open = shape.filter((dimension) => dimension === -1).length;
  if (open === 0) return shape;
  if (open > 1)
    throw mistake(`the bytes do not tell the shape [${shape.join(', ')}]: send it in JSON`, path());
  const known = shape.reduce((size, dimension) => (dimension === -1 ? size : size * dimension), 1);
  const row = known * datatypeBytes[datatype];
  if (row === 0 || bytes % row !== 0)
    throw mistake(
      `${bytes} bytes are not a multiple of ${row}, which the shape [${shape.join(', ')}] needs`,
      path(),
    );
  return shape.map((dimension) => (dimension === -1 ? bytes / row : dimension));
}

function withLength(text: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(text.length + 4);
  bytes.writeUInt32LE(text.length, 0);
  bytes.set(text, 4);
  return bytes;
}

/** Makes the reader of `outputs`, which selects and orders; without it every output is wanted. */
function outputsReader(
  declared: readonly DeclaredTensor[],
): (given: unknown, allBinary: boolean) => readonly WantedOutput[] {
  // Keys: names of tensors.
  const places = new Map(declared.map(({ name }, index) => [name, index]));
  const all = [false, true].map((binary) => declared.map((_, index) => ({ index, binary })));
  return (given, allBinary) => {
    if (given === undefined || given === null) return all[Number(allBinary)]!;
    if (!Array.isArray(given)) throw mistake('is not a list', 'outputs');
    if (given.length === 0) return all[Number(allBinary)]!;
    const seen = new Set<number>();
    return given.map((one: unknown, i) => {
      const path = (): string => `outputs[${i}]`;
      const output = asObject(one, path);
      const index = places.get(output['name'] as string);
      if (index === undefined)
        throw mistake(
          `there is no output ${JSON.stringify(output['name'])?.slice(0, 100)}; there are ${[...places.keys()].join(', ')}`,
          path(),
        );
      if (seen.has(index)) throw mistake(`the output "${declared[index]!.name}" is asked for twice`, path());
      seen.add(index);
      const parameters = parametersOf(output, path);
      if (parameters['classification'] !== undefined && parameters['classification'] !== 0)
        throw new VivaceError('UNIMPLEMENTED', 'the classification extension is not served', {
          path: path(),
        });
      const binary = parameters['binary_data'];
      if (binary !== undefined && typeof binary !== 'boolean')
        throw mistake('the parameter "binary_data" is not true or false', path());
      return { index, binary: binary ?? allBinary };
    });
  };
}
