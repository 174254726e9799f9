import type { Datatype, Tensor, TensorData } from '../../data/tensor.js';
import { VivaceError } from '../../kernel/errors.js';
import { readBinaryTensor } from './binary-tensor.js';
import { datatypeBytes, wrongDatatype } from './datatypes.js';
import { jsonTensorReader, rounded } from './json-tensor.js';
import { mistake } from './mistake.js';
import { largestSize, sizeOfShape } from './shape.js';

/** An input or an output as a model declares it; −1 is a dimension of any size. */
export interface DeclaredTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** An input that may be left out. */
  readonly optional?: boolean;
}

/** Parameters of a request, an input or an output, by name. */
export type Parameters = Readonly<Record<string, unknown>>;

/** An input as it came. */
export interface InputTensor extends Tensor {
  readonly parameters: Parameters;
}

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
  readonly inputs: readonly (InputTensor | undefined)[];
  readonly outputs: readonly WantedOutput[];
}

/** A request's JSON. */
export interface RequestJson {
  /** What `JSON.parse` gave. */
  readonly value: unknown;
  /** The same with long integers as texts (`parseExact`), where the bytes are still there; asked for only if some may have been rounded. */
  readonly exact?: () => unknown;
}

/** What a model takes and gives. */
export interface ModelTensors {
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
}

const none: Parameters = Object.freeze({});

/**
 * Makes the reader of a model's requests. What it needs to know of the model is resolved here, so that a request costs no more than its own
 * tensors.
 *
 * @returns A function from the JSON, and the binary tensors that follow it, to the request. It throws `INVALID_ARGUMENT` with the place of
 *   what is wrong, and `UNIMPLEMENTED` for what the protocol knows and Vivace does not: shared memory and sequences.
 * @see https://github.com/kserve/open-inference-protocol
 */
export function inferRequestReader(
  model: ModelTensors,
): (json: RequestJson, binary: Uint8Array) => InferRequest {
  // Keys: names of tensors.
  const readers = new Map(
    model.inputs.map((declared, index) => [
      declared.name,
      { declared, index, readJson: jsonTensorReader(declared.datatype) },
    ]),
  );
  const names = [...readers.keys()].join(', ');
  const wantedOutputs = outputsReader(model.outputs);

  /** @param exact The same JSON, from which integers are taken. */
  const read = (value: unknown, binary: Uint8Array, exact?: unknown): InferRequest => {
    const root = asObject(value, '');
    const id = root['id'] ?? undefined;
    if (id !== undefined && typeof id !== 'string') throw mistake('is not a text', 'id');
    const parameters = parametersOf(root, '');
    if (parameters['sequence_id'] !== undefined && parameters['sequence_id'] !== 0)
      throw new VivaceError('UNIMPLEMENTED', 'sequences are not served: every request is by itself');
    const outputs = wantedOutputs(root['outputs'], parameters['binary_data_output'] === true);
    const given = root['inputs'];
    if (!Array.isArray(given)) throw mistake('is missing: a list of tensors', 'inputs');
    const inputs = new Array<InputTensor | undefined>(model.inputs.length).fill(undefined);
    let taken = 0;
    for (let i = 0; i < given.length; i++) {
      const path = (): string => `inputs[${i}]`;
      const input = asObject(given[i], path);
      const name = input['name'];
      const reader = readers.get(name as string);
      if (reader === undefined)
        throw mistake(`there is no input ${JSON.stringify(name)?.slice(0, 100)}; there are ${names}`, path());
      const { declared, index, readJson } = reader;
      const { datatype } = declared;
      if (inputs[index] !== undefined) throw mistake(`the input "${declared.name}" is there twice`, path());
      if (input['datatype'] !== datatype) throw mistake(wrongDatatype(input['datatype'], datatype), path());
      const size = sizeOfShape(input['shape'], declared.shape, path);
      const shape = input['shape'] as number[];
      const own = parametersOf(input, path);
      const bytes = binarySize(own, path);
      let data: TensorData;
      if (bytes === undefined) {
        const holder = exact === undefined || datatype !== 'INT64' ? input : inputOf(exact, i);
        data = readJson(holder['data'], shape, size, () => `${path()}.data`);
      } else {
        if (input['data'] !== undefined)
          throw mistake('has both `data` and the parameter "binary_data_size"', path());
        if (bytes > binary.length - taken)
          throw mistake(
            `"binary_data_size" is ${bytes}, but ${binary.length - taken} bytes are left`,
            path(),
          );
        data = readBinaryTensor(binary.subarray(taken, taken + bytes), { datatype, size, path });
        taken += bytes;
      }
      inputs[index] = { name: declared.name, datatype, shape, data, parameters: own };
    }
    if (taken !== binary.length)
      throw mistake(`${binary.length - taken} bytes after the JSON belong to no input`, 'inputs');
    for (let i = 0; i < inputs.length; i++) {
      const { name, optional } = model.inputs[i] as DeclaredTensor;
      if (inputs[i] === undefined && optional !== true)
        throw mistake(`the input "${name}" is missing`, 'inputs');
    }
    return { id, parameters, inputs, outputs };
  };

  return ({ value, exact }, binary) => {
    try {
      return read(value, binary);
    } catch (error) {
      if (error !== rounded) throw error;
    }
    try {
      if (exact !== undefined) return read(value, binary, exact());
    } catch (error) {
      if (error !== rounded) throw error;
    }
    throw mistake(
      exact === undefined
        ? 'an integer beyond 2^53 was rounded before it got here: send it as a text or in a binary tensor'
        : 'an integer is not an int64: write all its digits, without an exponent',
      'inputs',
    );
  };
}

/** The same input in the exact JSON, which has the same shape. */
function inputOf(exact: unknown, index: number): Readonly<Record<string, unknown>> {
  return (exact as { readonly inputs: readonly Readonly<Record<string, unknown>>[] }).inputs[index]!;
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

function binarySize(parameters: Parameters, path: () => string): number | undefined {
  const size = parameters['binary_data_size'];
  if (size === undefined) return undefined;
  if (!Number.isInteger(size) || (size as number) < 0 || (size as number) > largestSize)
    throw mistake(
      `the parameter "binary_data_size" is not a number of bytes from 0 to ${largestSize}`,
      path(),
    );
  return size as number;
}

function parametersOf(holder: Readonly<Record<string, unknown>>, path: '' | (() => string)): Parameters {
  const given = holder['parameters'];
  if (given === undefined || given === null) return none;
  const place = (): string => (path === '' ? 'parameters' : `${path()}.parameters`);
  const parameters = asObject(given, place);
  if (parameters['shared_memory_region'] !== undefined)
    throw new VivaceError('UNIMPLEMENTED', 'shared memory is not served: send the tensor in the body', {
      path: place(),
    });
  return parameters;
}

function asObject(value: unknown, path: '' | (() => string)): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw path === ''
    ? mistake('the body is not a JSON object {"inputs": […]}', '')
    : mistake('is not an object', path());
}
