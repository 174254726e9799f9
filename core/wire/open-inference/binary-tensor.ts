import { isUtf8 } from 'node:buffer';
import type { Datatype, TensorData } from '../../data/tensor.js';
import { datatypeBytes } from './datatypes.js';
import { mistake } from './mistake.js';

const lengthBytes = 4;

/** The elements that a binary tensor should have, and where it stands, for messages. */
export interface BinaryTensor {
  readonly datatype: Datatype;
  readonly size: number;
  readonly path: () => string;
}

/**
 * Reads the elements of a binary tensor: little-endian, row-major, without padding; a BYTES element is its length as uint32 and its bytes.
 * The result shares no memory with `bytes`. BYTES elements that are UTF-8 are texts, others byte strings.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where the bytes are not exactly `size` elements.
 */
export function readBinaryTensor(bytes: Uint8Array, tensor: BinaryTensor): TensorData {
  checkBytes(bytes, tensor);
  // A copy of its own is aligned, and does not keep the whole body alive.
  return viewBinaryTensor(tensor.datatype === 'BYTES' ? bytes : new Uint8Array(bytes), tensor);
}

/**
 * Reads the elements of a binary tensor where they lie: the result is memory of `bytes`, which begin at a multiple of 8 of their buffer.
 * BYTES elements are copied.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where the bytes are not exactly `size` elements.
 */
export function viewBinaryTensor(bytes: Uint8Array, tensor: BinaryTensor): TensorData {
  const { datatype, size, path } = tensor;
  checkBytes(bytes, tensor);
  const { buffer, byteOffset } = bytes;
  switch (datatype) {
    case 'BYTES':
      return readByteStrings(bytes, size, path);
    case 'BOOL': {
      const wrong = bytes.findIndex((byte) => byte > 1);
      if (wrong >= 0) throw mistake(`element ${wrong} is ${bytes[wrong]}: a BOOL is 0 or 1`, path());
      return new Uint8Array(buffer, byteOffset, size);
    }
    case 'FP32':
      return new Float32Array(buffer, byteOffset, size);
    case 'FP64':
      return new Float64Array(buffer, byteOffset, size);
    case 'INT32':
      return new Int32Array(buffer, byteOffset, size);
    case 'INT64':
      return new BigInt64Array(buffer, byteOffset, size);
  }
}

/** The elements of all datatypes but BYTES have one size. */
function checkBytes(bytes: Uint8Array, { datatype, size, path }: BinaryTensor): void {
  const expected = size * datatypeBytes[datatype];
  if (datatype !== 'BYTES' && bytes.length !== expected)
    throw mistake(`${bytes.length} bytes, but ${size} elements of ${datatype} have ${expected}`, path());
}

function readByteStrings(bytes: Uint8Array, size: number, path: () => string): (string | Uint8Array)[] {
  // Before anything is allocated for them.
  if (size * lengthBytes > bytes.length)
    throw mistake(`${bytes.length} bytes are too few for ${size} elements of BYTES`, path());
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements = new Array<string | Uint8Array>(size);
  let at = 0;
  for (let i = 0; i < size; i++) {
    if (at + lengthBytes > bytes.length) throw mistake(`the bytes end before element ${i}`, path());
    const length = view.getUint32(at, true);
    at += lengthBytes;
    if (length > bytes.length - at)
      throw mistake(`element ${i} has ${length} bytes, but ${bytes.length - at} are left`, path());
    elements[i] = textOrBytes(bytes.subarray(at, at + length));
    at += length;
  }
  if (at !== bytes.length)
    throw mistake(`${bytes.length - at} bytes are left after ${size} elements`, path());
  return elements;
}

/** Bytes as a text where they are UTF-8; otherwise a copy of them. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    : new Uint8Array(bytes);
}

/** The bytes of a binary tensor; they may share memory with `data`. */
export function binaryTensor(data: TensorData): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let length = data.length * lengthBytes;
  for (const element of data)
    length += typeof element === 'string' ? Buffer.byteLength(element) : element.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const element of data) {
    const from = at + lengthBytes;
    const written =
      typeof element === 'string' ? bytes.write(element, from) : (bytes.set(element, from), element.length);
    bytes.writeUInt32LE(written, at);
    at = from + written;
  }
  return bytes;
}
