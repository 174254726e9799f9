/** The datatypes of the Open Inference Protocol that Vivace's columns map to. */
export type Datatype = 'FP32' | 'FP64' | 'INT32' | 'INT64' | 'BOOL' | 'BYTES';

/** Row-major data; a BYTES tensor holds strings or byte strings. */
export type TensorData =
  Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | (string | Uint8Array)[];

/** A named tensor as models take and give it; `shape[0]` is the number of rows. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** The column element type that a datatype carries. */
export const elementOf = {
  FP32: 'float32',
  FP64: 'float64',
  INT32: 'int32',
  INT64: 'int64',
  BOOL: 'bool',
  BYTES: 'string',
} as const satisfies Record<Datatype, string>;

/** Room for `length` elements of a datatype. */
export function createTensorData(datatype: Datatype, length: number): TensorData {
  switch (datatype) {
    case 'FP32':
      return new Float32Array(length);
    case 'FP64':
      return new Float64Array(length);
    case 'INT32':
      return new Int32Array(length);
    case 'INT64':
      return new BigInt64Array(length);
    case 'BOOL':
      return new Uint8Array(length);
    case 'BYTES':
      return new Array<string>(length).fill('');
  }
}
