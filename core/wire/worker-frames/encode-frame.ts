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
  const list = tensorList[frame.type];
  const header = JSON.stringify(
    list === undefined ? frame.header : { ...frame.header, [list]: descriptionsOf(frame, bodies) },
  );
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
  const head = Buffer.alloc(prefixBytes + (isSmall ? length : padded(headerBytes)));
  head.writeUInt32LE(length, 0);
  head[4] = frameTypes[frame.type];
  head.writeUInt32LE(frame.call, 8);
  head.writeUInt32LE(headerBytes, 12);
  head.write(header, prefixBytes);
  if (isSmall) {
    let at = prefixBytes + padded(headerBytes);
    for (const body of bodies) {
      head.set(body, at);
      at += padded(body.length);
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

function descriptionsOf({ tensors }: Frame, bodies: readonly Uint8Array[]): object[] {
  return tensors.map(({ name, datatype, shape }, i) => ({
    name,
    datatype,
    shape,
    parameters: { binary_data_size: bodies[i]!.length },
  }));
}
