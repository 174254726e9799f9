import { Buffer, isUtf8 } from 'node:buffer';
import type { Datatype, Tensor } from '../../data/tensor.js';
import { messageOf, VivaceError } from '../../kernel/errors.js';
import { viewBinaryTensor } from '../open-inference/binary-tensor.js';
import { datatypeBytes } from '../open-inference/datatypes.js';
import { largestSize, sizeOfShape } from '../open-inference/shape.js';
import {
  defaultMaxFrameBytes,
  frameTypes,
  maxHeaderBytes,
  ofCall,
  padded,
  prefixBytes,
  tensorList,
  type Frame,
  type FrameType,
} from './frame.js';

const typesByNumber = new Map<number, FrameType>(
  Object.entries(frameTypes).map(([type, number]) => [number, type as FrameType]),
);

interface Prefix {
  readonly type: FrameType;
  readonly call: number;
  readonly length: number;
  readonly headerLength: number;
}

/** Makes frames of the bytes that come through a connection, however they are cut. */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #head = Buffer.alloc(prefixBytes);
  #headFilled = 0;
  #prefix: Prefix | undefined;
  #body: Buffer = Buffer.alloc(0);
  #bodyFilled = 0;

  constructor(maxFrameBytes = defaultMaxFrameBytes) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Whether the bytes so far end within a frame. */
  get within(): boolean {
    return this.#headFilled > 0;
  }

  /**
   * Takes the bytes that have come.
   *
   * @returns The frames that they complete.
   * @throws {VivaceError} `DATA_LOSS` for bytes that are not a frame: nothing that follows can be understood.
   */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (at < chunk.length || this.#isComplete()) {
      if (this.#prefix === undefined) {
        const taken = chunk.subarray(at, at + prefixBytes - this.#headFilled);
        this.#head.set(taken, this.#headFilled);
        this.#headFilled += taken.length;
        at += taken.length;
        if (this.#headFilled < prefixBytes) break;
        this.#prefix = readPrefix(this.#head, this.#maxFrameBytes);
        // Memory of its own: the tensors are views of it, and lie at multiples of 8.
        this.#body = Buffer.allocUnsafeSlow(this.#prefix.length);
      } else {
        const taken = chunk.subarray(at, at + this.#prefix.length - this.#bodyFilled);
        this.#body.set(taken, this.#bodyFilled);
        this.#bodyFilled += taken.length;
        at += taken.length;
        if (!this.#isComplete()) break;
        frames.push(readFrame(this.#prefix, this.#body));
        this.#prefix = undefined;
        this.#headFilled = 0;
        this.#bodyFilled = 0;
      }
    }
    return frames;
  }

  #isComplete(): boolean {
    return this.#prefix !== undefined && this.#bodyFilled === this.#prefix.length;
  }
}

function readPrefix(head: Buffer, maxFrameBytes: number): Prefix {
  const length = head.readUInt32LE(0);
  const type = typesByNumber.get(head[4]!);
  const call = head.readUInt32LE(8);
  const headerLength = head.readUInt32LE(12);
  if (type === undefined) throw broken(`${head[4]} is not a type of frames`);
  if (head[5] !== 0 || head[6] !== 0 || head[7] !== 0) throw broken('bytes 5 to 7 of a frame are not zero');
  if (length > maxFrameBytes) throw broken(`a frame of ${length} bytes: at most ${maxFrameBytes} are taken`);
  if (headerLength > maxHeaderBytes)
    throw broken(`a header of ${headerLength} bytes: at most ${maxHeaderBytes} are taken`);
  if (padded(headerLength) > length)
    throw broken(`a header of ${headerLength} bytes in a frame of ${length}`);
  if (length % 8 !== 0) throw broken(`a frame of ${length} bytes, which is not a multiple of 8`);
  if (ofCall.has(type) && call === 0) throw broken(`${type} without a call`);
  if (!ofCall.has(type) && call !== 0) throw broken(`${type} of call ${call}: it is of the connection`);
  return { type, call, length, headerLength };
}

function readFrame({ type, call, headerLength }: Prefix, body: Buffer): Frame {
  const json = body.subarray(0, headerLength);
  const rest = body.subarray(headerLength);
  if (!isUtf8(json)) throw broken(`the header of ${type} is not UTF-8`);
  const header = parseHeader(type, json.toString());
  const padding = padded(headerLength) - headerLength;
  checkZeros(rest.subarray(0, padding));
  const { [tensorList[type] ?? '']: descriptions, ...others } = header;
  const list = tensorList[type];
  if (list === undefined) {
    if (rest.length > padding)
      throw broken(`${type} carries ${rest.length - padding} bytes behind its header`);
    return { type, call, header, tensors: [] };
  }
  if (!Array.isArray(descriptions)) throw broken(`${type} without a list "${list}"`);
  return { type, call, header: others, tensors: readTensors(list, descriptions, rest.subarray(padding)) };
}

function parseHeader(type: FrameType, text: string): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw broken(`the header of ${type} is not JSON: ${messageOf(error)}`);
  }
  if (!isObject(header)) throw broken(`the header of ${type} is not a JSON object`);
  return header;
}

function readTensors(list: string, descriptions: readonly unknown[], bytes: Buffer): Tensor[] {
  let at = 0;
  const tensors = descriptions.map((description, i) => {
    const path = (): string => `${list}[${i}]`;
    if (!isObject(description)) throw broken(`${path()} is not an object`);
    const { name, datatype, shape, parameters } = description;
    if (typeof name !== 'string') throw broken(`${path()} has no name`);
    if (typeof datatype !== 'string' || !Object.hasOwn(datatypeBytes, datatype))
      throw broken(`${path()}: ${JSON.stringify(datatype)} is not a datatype of a frame`);
    const length = isObject(parameters) ? parameters['binary_data_size'] : undefined;
    if (!Number.isInteger(length) || (length as number) < 0 || (length as number) > largestSize)
      throw broken(`${path()} does not say its "binary_data_size"`);
    const end = at + (length as number);
    if (padded(end) > bytes.length) throw broken(`${path()} goes beyond the frame`);
    const own = bytes.subarray(at, end);
    checkZeros(bytes.subarray(end, padded(end)));
    at = padded(end);
    return { name, datatype: datatype as Datatype, ...elements(own, datatype as Datatype, shape, path) };
  });
  if (at !== bytes.length) throw broken(`${bytes.length - at} bytes of a frame belong to no tensor`);
  return tensors;
}

function elements(
  bytes: Buffer,
  datatype: Datatype,
  shape: unknown,
  path: () => string,
): Pick<Tensor, 'shape' | 'data'> {
  try {
    const anySize = Array.isArray(shape) ? shape.map(() => -1) : [];
    const size = sizeOfShape(shape, anySize, path);
    return { shape: shape as number[], data: viewBinaryTensor(bytes, { datatype, size, path }) };
  } catch (error) {
    throw broken(messageOf(error));
  }
}

function checkZeros(padding: Uint8Array): void {
  if (padding.some((byte) => byte !== 0)) throw broken('the padding of a frame is not zero');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function broken(message: string): VivaceError {
  return new VivaceError('DATA_LOSS', message);
}
