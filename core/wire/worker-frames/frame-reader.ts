import { Buffer } from 'node:buffer';
import type { Tensor } from '../../data/tensor.js';
import { messageOf } from '../../kernel/errors.js';
import { viewBinaryTensor } from '../open-inference/binary-tensor.js';
import {
  defaultMaxFrameBytes,
  frameTypes,
  maxHeaderBytes,
  ofCall,
  padded,
  prefixBytes,
  type Frame,
  type FrameType,
} from './frame.js';
import { broken, FrameLayouts, type Place, type Prefix } from './frame-layout.js';

const typesByNumber = new Map<number, FrameType>(
  Object.entries(frameTypes).map(([type, number]) => [number, type as FrameType]),
);

/** Makes frames of the bytes that come through a connection, however they are cut. */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #layouts = new FrameLayouts();
  readonly #head = Buffer.alloc(prefixBytes);
  #headFilled = 0;
  #prefix: Prefix | undefined;
  #body: Buffer = Buffer.alloc(0);
  #bodyFilled = 0;

  constructor(maxFrameBytes = defaultMaxFrameBytes) {
    this.#maxFrameBytes = maxFrameBytes;
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
        frames.push(readFrame(this.#prefix, this.#body, this.#layouts));
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

function readFrame(prefix: Prefix, body: Buffer, layouts: FrameLayouts): Frame {
  const { type, call, headerLength } = prefix;
  const layout = layouts.of(prefix, body.subarray(0, headerLength));
  checkZeros(body, headerLength, padded(headerLength));
  // What a caller does to a frame does not show in the next.
  return {
    type,
    call,
    header: { ...layout.header },
    tensors: layout.places.map((place) => tensorAt(place, body)),
  };
}

function tensorAt(place: Place, body: Buffer): Tensor {
  const { name, datatype, shape, begin, end } = place;
  checkZeros(body, end, padded(end));
  try {
    return { name, datatype, shape: [...shape], data: viewBinaryTensor(body.subarray(begin, end), place) };
  } catch (error) {
    throw broken(messageOf(error));
  }
}

function checkZeros(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) throw broken('the padding of a frame is not zero');
}
