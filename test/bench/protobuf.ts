/**
 * The few encodings of protocol buffers that an ONNX file needs.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export type Field = Uint8Array;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

/** A whole number, not negative. */
export function integer(field: number, value: number): Field {
  return Uint8Array.from([...varint(field * 8), ...varint(value)]);
}

export function bytes(field: number, content: Uint8Array): Field {
  return concat([Uint8Array.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
}

export function text(field: number, value: string): Field {
  return bytes(field, Buffer.from(value));
}

/** A message inside a message. */
export function message(field: number, fields: readonly Field[]): Field {
  return bytes(field, concat(fields));
}

export function packedIntegers(field: number, values: readonly number[]): Field {
  return bytes(field, Uint8Array.from(values.flatMap(varint)));
}

export function packedFloats(field: number, values: readonly number[]): Field {
  return bytes(field, new Uint8Array(Float32Array.from(values).buffer));
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
