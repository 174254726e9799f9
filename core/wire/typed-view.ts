import type { ColumnType } from '../data/types.js';

/** A view of an element type over a whole, aligned buffer. */
export type TypedView = Float64Array | Float32Array | Int32Array | BigInt64Array | Uint8Array;
/** Views made so far, by element type. */
export type TypedViews = Partial<Record<ColumnType['element'], TypedView>>;

/** The view of an element type over the buffer of `bytes`; `bytes` must be the whole of that buffer. */
export function typedView(element: ColumnType['element'], bytes: Uint8Array): TypedView {
  switch (element) {
    case 'float32':
      return new Float32Array(bytes.buffer);
    case 'int32':
      return new Int32Array(bytes.buffer);
    case 'int64':
      return new BigInt64Array(bytes.buffer);
    case 'bool':
      return bytes;
    default:
      return new Float64Array(bytes.buffer);
  }
}
