import { isObject } from '../json/is-object.js';
import type { Datatype, Tensor, TensorData } from '../../data/tensor.js';
import { VivaceError } from '../../kernel/errors.js';
import { readBinaryTensor } from './binary-tensor.js';
import { wrongDatatype } from './datatypes.js';
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

/** Parameters of a message, an input or an output, by name. */
export type Parameters = Readonly<Record<string, unknown>>;

/** An input of a request or an output of a response, as it came. */
export interface CarriedTensor extends Tensor {
  readonly parameters: Parameters;
}

/** The JSON of a request or a response. */
export interface MessageJson {
  /** What `JSON.parse` gave. */
  readonly value: unknown;
  /** The same with long integers as texts (`parseExact`), where the bytes are still there; asked for only if some may have been rounded. */
  readonly exact?: () => unknown;
}

/** A request or a response as it is sent: JSON, and the binary tensors that follow it. */
export interface InferMessage {
  readonly json: string;
  /** They may be memory of the tensors. */
  readonly binary: readonly Uint8Array[];
}

/** Which tensors of a model a message carries. */
export type TensorList = 'inputs' | 'outputs';

const none: Parameters = Object.freeze({});

/**
 * Makes the reader of the tensors of a message. What it needs to know of the model is resolved here, so that a message costs no more than
 * its own tensors.
 *
 * @returns A function from the list in the JSON, the binary tensors that follow the JSON, and the exact JSON where integers are taken from
 *   it. It gives the tensors in the order of `declared`; `undefined` where an optional one was left out. It throws `INVALID_ARGUMENT` with
 *   the place of what is wrong.
 */
export function tensorListReader(
  declared: readonly DeclaredTensor[],
  list: TensorList,
): (given: unknown, binary: Uint8Array, exact?: unknown) => (CarriedTensor | undefined)[] {
  const one = list.slice(0, -1);
  // Keys: names of tensors.
  const readers = new Map(
    declared.map((tensor, index) => [
      tensor.name,
      { tensor, index, readJson: jsonTensorReader(tensor.datatype) },
    ]),
  );
  const names = [...readers.keys()].join(', ');
  return (given, binary, exact) => {
    if (!Array.isArray(given)) throw mistake('is missing: a list of tensors', list);
    const tensors = new Array<CarriedTensor | undefined>(declared.length).fill(undefined);
    let taken = 0;
    for (let i = 0; i < given.length; i++) {
      const path = (): string => `${list}[${i}]`;
      const item = asObject(given[i], path);
      const name = item['name'];
      const reader = readers.get(name as string);
      if (reader === undefined)
        throw mistake(
          `there is no ${one} ${JSON.stringify(name)?.slice(0, 100)}; there are ${names}`,
          path(),
        );
      const { tensor, index, readJson } = reader;
      const { datatype } = tensor;
      if (tensors[index] !== undefined) throw mistake(`the ${one} "${tensor.name}" is there twice`, path());
      if (item['datatype'] !== datatype) throw mistake(wrongDatatype(item['datatype'], datatype), path());
      const size = sizeOfShape(item['shape'], tensor.shape, path);
      const shape = item['shape'] as number[];
      const parameters = parametersOf(item, path);
      const bytes = binarySize(parameters, path);
      let data: TensorData;
      if (bytes === undefined) {
        const holder = exact === undefined || datatype !== 'INT64' ? item : itemOf(exact, list, i);
        data = readJson(holder['data'], shape, size, () => `${path()}.data`);
      } else {
        if (item['data'] !== undefined)
          throw mistake('has both `data` and the parameter "binary_data_size"', path());
        if (bytes > binary.length - taken)
          throw mistake(
            `"binary_data_size" is ${bytes}, but ${binary.length - taken} bytes are left`,
            path(),
          );
        data = readBinaryTensor(binary.subarray(taken, taken + bytes), { datatype, size, path });
        taken += bytes;
      }
      tensors[index] = { name: tensor.name, datatype, shape, data, parameters };
    }
    if (taken !== binary.length)
      throw mistake(`${binary.length - taken} bytes after the JSON belong to no ${one}`, list);
    for (let i = 0; i < tensors.length; i++) {
      const { name, optional } = declared[i] as DeclaredTensor;
      if (tensors[i] === undefined && optional !== true)
        throw mistake(`the ${one} "${name}" is missing`, list);
    }
    return tensors;
  };
}

/**
 * Reads a message, and once more with exact integers where some may have been rounded.
 *
 * @param read Gets the exact JSON the second time; throws `rounded` where that is needed.
 * @throws {VivaceError} `INVALID_ARGUMENT` where an integer cannot be had exactly.
 */
export function readExactly<T>({ exact }: MessageJson, list: TensorList, read: (exact?: unknown) => T): T {
  try {
    return read();
  } catch (error) {
    if (error !== rounded) throw error;
  }
  try {
    if (exact !== undefined) return read(exact());
  } catch (error) {
    if (error !== rounded) throw error;
  }
  throw mistake(
    exact === undefined
      ? 'an integer beyond 2^53 was rounded before it got here: send it as a text or in a binary tensor'
      : 'an integer is not an int64: write all its digits, without an exponent',
    list,
  );
}

/** The same tensor in the exact JSON, which has the same shape. */
function itemOf(exact: unknown, list: TensorList, index: number): Readonly<Record<string, unknown>> {
  return (exact as Readonly<Record<TensorList, readonly Readonly<Record<string, unknown>>[]>>)[list][index]!;
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

/** The parameters of a message or a tensor. */
export function parametersOf(
  holder: Readonly<Record<string, unknown>>,
  path: '' | (() => string),
): Parameters {
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

/** An object of a message. */
export function asObject(value: unknown, path: () => string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw mistake('is not an object', path());
}

/** The outermost object of a message. */
export function asMessage(value: unknown, list: TensorList): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw mistake(`the body is not a JSON object {"${list}": […]}`, '');
}

/** The id of a message, a text. */
export function idOf(message: Readonly<Record<string, unknown>>): string | undefined {
  const id = message['id'] ?? undefined;
  if (id !== undefined && typeof id !== 'string') throw mistake('is not a text', 'id');
  return id;
}
