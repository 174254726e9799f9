import type { Tensor } from '../../data/tensor.js';

/** The version of the frames that this module writes and reads. */
export const frameVersion = 1;

/** The kinds of frames, and their numbers. */
export const frameTypes = {
  HELLO: 1,
  LOAD: 2,
  READY: 3,
  REFUSED: 4,
  PREDICT: 5,
  RESULT: 6,
  ERROR: 7,
  CANCEL: 8,
  BYE: 9,
} as const;

export type FrameType = keyof typeof frameTypes;

/** Frames of one call; the others are of the connection. */
export const ofCall: ReadonlySet<FrameType> = new Set<FrameType>(['PREDICT', 'RESULT', 'ERROR', 'CANCEL']);

/** The list in the header that describes a frame's tensors; other frames carry none. */
export const tensorList: Readonly<Partial<Record<FrameType, 'inputs' | 'outputs'>>> = {
  PREDICT: 'inputs',
  RESULT: 'outputs',
};

/** Bytes before the header of a frame. */
export const prefixBytes = 16;
/** Headers and tensors begin at multiples of this. */
export const alignment = 8;
/** Most bytes of a frame behind its prefix, unless both sides know another limit. */
export const defaultMaxFrameBytes = 256 * 1024 * 1024;
/** Most bytes of a header. */
export const maxHeaderBytes = 4 * 1024 * 1024;

/** What a worker and its server say to one another. */
export interface Frame {
  readonly type: FrameType;
  /** Which call: a positive uint32; 0 where the frame is of the connection. */
  readonly call: number;
  /** JSON; of PREDICT and RESULT without the descriptions of the tensors. */
  readonly header: Readonly<Record<string, unknown>>;
  /** In the order of the header; those that were read are memory of the frame. */
  readonly tensors: readonly Tensor[];
}

/** A number of bytes with the zeros behind it. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
