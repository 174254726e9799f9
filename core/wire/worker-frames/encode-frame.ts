import { Buffer } from 'node:buffer';
import { VivaceError } from '../../kernel/errors.js';
import { binaryTensor } from '../open-inference/binary-tensor.js';
import {
  defaultMaxFrameBytes,
  frameTypes,
  maxHeaderBytes,
  padded,
  prefixBytes,
  tensorList,
  type Frame,
} from './frame.js';

const zeros = new Uint8Array(8);
/** Frames up to this length are one piece. */
const smallBytes = 65_536;

/**
 * The bytes of a frame, in pieces that are sent one after the other: the first holds prefix and header, the others may be memory of the
 * tensors.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where they would be more than `maxFrameBytes`.
 */
export function encodeFrame(frame: Frame, maxFrameBytes = defaultMaxFrameBytes): readonly Uint8Array[] {
  const bodies = frame.tensors.map(({ data }) => binaryTensor(data));
  const header = headerOf(frame, bodies);
  const headerBytes = Buffer.byteLength(header);
  let length = padded(headerBytes);
  for (const body of bodies) length += padded(body.length);
  if (length > maxFrameBytes || headerBytes > maxHeaderBytes)
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `a frame of ${length} bytes, its header ${headerBytes}: at most ${maxFrameBytes} and ${maxHeaderBytes} are sent`,
    );
  // A small frame is one piece: copying it costs less than sending several.
  const isSmall = length <= smallBytes;
  const head = Buffer.allocUnsafe(prefixBytes + (isSmall ? length : padded(headerBytes)));
  head.writeUInt32LE(length, 0);
  head.writeUInt32LE(frameTypes[frame.type], 4);
  head.writeUInt32LE(frame.call, 8);
  head.writeUInt32LE(headerBytes, 12);
  head.write(header, prefixBytes);
  let at = pad(head, prefixBytes + headerBytes);
  if (isSmall) {
    for (const body of bodies) {
      head.set(body, at);
      at = pad(head, at + body.length);
    }
    return [head];
  }
  const pieces: Uint8Array[] = [head];
  for (const body of bodies) {
    pieces.push(body);
    const padding = padded(body.length) - body.length;
    if (padding > 0) pieces.push(zeros.subarray(0, padding));
  }
  return pieces;
}

/** Writes zeros up to a multiple of 8, and says where that is. */
function pad(bytes: Buffer, from: number): number {
  const end = padded(from);
  for (let at = from; at < end; at++) bytes[at] = 0;
  return end;
}

/** The header as it is sent: put together as text, which takes less than half the time of making objects to be written as JSON. */
function headerOf({ type, header, tensors }: Frame, bodies: readonly Uint8Array[]): string {
  const text = JSON.stringify(header);
  const list = tensorList[type];
  if (list === undefined) return text;
  const descriptions = tensors.map(
    ({ name, datatype, shape }, i) =>
      `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}],"parameters":{"binary_data_size":${bodies[i]!.length}}}`,
  );
  const before = text === '{}' ? '{' : `${text.slice(0, -1)},`;
  return `${before}"${list}":[${descriptions.join(',')}]}`;
}
