import { VivaceError } from 'vivace/wire';

/** Messages of ONNX that can hold tensors: field number → the message it holds. */
const fields = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  tensor: { 13: 'entry' },
} as const;
type Message = keyof typeof fields;

const deepest = 100;
/** @see https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer */
const lfsHead = 'version https://git-lfs';
const decoder = new TextDecoder();

/**
 * The files that hold tensors of an ONNX model, as the model names them: relative to its folder.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where the bytes are not an ONNX model.
 * @see https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
 */
export function externalFiles(bytes: Uint8Array): string[] {
  const head = decoder.decode(bytes.subarray(0, lfsHead.length));
  if (head === lfsHead) throw notOnnx('it is a pointer of Git LFS: fetch it with `git lfs pull`');
  const found = new Set<string>();
  walk(bytes, 'model', { found, depth: 0 });
  return [...found];
}

function walk(
  bytes: Uint8Array,
  message: Message,
  { found, depth }: { readonly found: Set<string>; readonly depth: number },
): void {
  if (depth > deepest) throw notOnnx('its graphs are nested too deeply');
  for (const { field, content } of fieldsOf(bytes)) {
    const inner = (fields[message] as Readonly<Record<number, Message | 'entry'>>)[field];
    if (inner === undefined) continue;
    if (inner !== 'entry') walk(content, inner, { found, depth: depth + 1 });
    else noteLocation(content, found);
  }
}

/** An entry of a tensor's `external_data`: a key and a value. */
function noteLocation(entry: Uint8Array, found: Set<string>): void {
  let key = '';
  let value = '';
  for (const { field, content } of fieldsOf(entry)) {
    if (field === 1) key = decoder.decode(content);
    else if (field === 2) value = decoder.decode(content);
  }
  if (key === 'location') found.add(value);
}

/** The fields of a message that have contents: other messages, texts and bytes. */
function* fieldsOf(bytes: Uint8Array): Generator<{ readonly field: number; readonly content: Uint8Array }> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      // Above 2^53 only values that are not read here: lengths and field numbers are small.
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw notOnnx('it ends in the middle of a number, so it was not written or copied whole');
  };
  while (at < bytes.length) {
    const tag = varint();
    const type = tag % 8;
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      if (at + length > bytes.length)
        throw notOnnx('it ends in the middle of a field, so it was not written or copied whole');
      yield { field: Math.floor(tag / 8), content: bytes.subarray(at, at + length) };
      at += length;
    } else throw notOnnx(`it has a field of the type ${type}`);
  }
}

function notOnnx(why: string): VivaceError {
  return new VivaceError('FAILED_PRECONDITION', `the file is not an ONNX model: ${why}`);
}
