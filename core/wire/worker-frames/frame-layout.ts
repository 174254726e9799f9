import { isObject } from '../json/is-object.js';
import { isUtf8, type Buffer } from 'node:buffer';
import type { Datatype } from '../../data/tensor.js';
import { messageOf, VivaceError } from '../../kernel/errors.js';
import { datatypeBytes } from '../open-inference/datatypes.js';
import { largestSize, sizeOfShape } from '../open-inference/shape.js';
import { padded, tensorList, type FrameType } from './frame.js';

/** What the bytes before a frame say. */
export interface Prefix {
  readonly type: FrameType;
  readonly call: number;
  /** Bytes behind the prefix. */
  readonly length: number;
  readonly headerLength: number;
}

/** Where a tensor lies behind the prefix. */
export interface Place {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** The number of elements. */
  readonly size: number;
  readonly begin: number;
  readonly end: number;
  readonly path: () => string;
}

/** What a header says; frames of one type and length with the same header have the same. */
export interface Layout {
  readonly type: FrameType;
  readonly length: number;
  /** Without the descriptions of the tensors. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly places: readonly Place[];
}

/** How many headers are remembered, and how long they are at most. */
const mostRemembered = 512;
const longestRemembered = 8_192;

/** The layouts of the frames of one connection: headers of a model's answers differ in nothing but how many rows there are. */
export class FrameLayouts {
  // Keys: headers of one worker, at most 512 of them.
  readonly #remembered = new Map<string, Layout>();

  /** @throws {VivaceError} `DATA_LOSS` for a header that is none, or not of a frame of this type and length. */
  of(prefix: Prefix, json: Buffer): Layout {
    if (json.length > longestRemembered) return readLayout(prefix, json);
    const key = json.toString('latin1');
    const known = this.#remembered.get(key);
    if (known?.type === prefix.type && known.length === prefix.length) return known;
    const layout = readLayout(prefix, json);
    if (this.#remembered.size >= mostRemembered) this.#remembered.clear();
    this.#remembered.set(key, layout);
    return layout;
  }
}

function readLayout({ type, length, headerLength }: Prefix, json: Buffer): Layout {
  if (!isUtf8(json)) throw broken(`the header of ${type} is not UTF-8`);
  const header = parseHeader(type, json.toString());
  const begin = padded(headerLength);
  const list = tensorList[type];
  if (list === undefined) {
    if (length > begin) throw broken(`${type} carries ${length - begin} bytes behind its header`);
    return { type, length, header, places: [] };
  }
  const { [list]: descriptions, ...others } = header;
  if (!Array.isArray(descriptions)) throw broken(`${type} without a list "${list}"`);
  return { type, length, header: others, places: readPlaces(list, descriptions, { begin, end: length }) };
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

function readPlaces(
  list: string,
  descriptions: readonly unknown[],
  { begin, end: frameEnd }: Pick<Place, 'begin' | 'end'>,
): Place[] {
  let at = begin;
  const places = descriptions.map((description, i): Place => {
    const path = (): string => `${list}[${i}]`;
    if (!isObject(description)) throw broken(`${path()} is not an object`);
    const { name, datatype, shape, parameters } = description;
    if (typeof name !== 'string') throw broken(`${path()} has no name`);
    if (typeof datatype !== 'string' || !Object.hasOwn(datatypeBytes, datatype))
      throw broken(`${path()}: ${JSON.stringify(datatype)} is not a datatype of a frame`);
    const length = isObject(parameters) ? parameters['binary_data_size'] : undefined;
    if (!Number.isInteger(length) || (length as number) < 0 || (length as number) > largestSize)
      throw broken(`${path()} does not say its "binary_data_size"`);
    const tensorBegin = at;
    const end = at + (length as number);
    if (padded(end) > frameEnd) throw broken(`${path()} goes beyond the frame`);
    at = padded(end);
    const own = { name, datatype: datatype as Datatype, shape: shape as readonly number[] };
    return { ...own, size: sizeOf(shape, path), begin: tensorBegin, end, path };
  });
  if (at !== frameEnd) throw broken(`${frameEnd - at} bytes of a frame belong to no tensor`);
  return places;
}

function sizeOf(shape: unknown, path: () => string): number {
  try {
    const anySize = Array.isArray(shape) ? shape.map(() => -1) : [];
    return sizeOfShape(shape, anySize, path);
  } catch (error) {
    throw broken(messageOf(error));
  }
}

/** Why bytes are not a frame. */
export function broken(message: string): VivaceError {
  return new VivaceError('DATA_LOSS', message);
}
