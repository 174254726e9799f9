import type { ColumnOf, WriterOf } from '../data/column.js';
import type { DeclaredColumns, TypeName } from '../data/types.js';
import { pluginPort } from './port.js';

/** An input of a transform: its type, and the column bound to it where the pipeline names none (default: the input's own name). */
export interface TransformInput {
  readonly type: TypeName;
  readonly from?: string;
  /** Other types that the column may have: the author looks at the `type` of the column, which comes as it is. */
  readonly accepts?: readonly TypeName[];
}

/** Inputs by name, as a transform or a step declares them. */
export type Reads = Readonly<Record<string, TypeName | TransformInput>>;

/** Types of outputs by name, as a transform or a step declares them. */
export type Writes = Readonly<Record<string, TypeName>>;

/** What a transform says of itself, from its options alone, so that pipelines can be compiled. */
export interface TransformDescription {
  readonly reads: Reads;
  readonly writes: Writes;
  /** `row`: each row by itself. `request`: it sees the rows of a request together, through `offsets`. */
  readonly over?: 'row' | 'request';
}

/** Columns in: `rows` rows. Where `reads` are known to the compiler, each column has the array of its type. */
export interface ColumnsIn<out R extends DeclaredColumns = Reads> {
  readonly rows: number;
  /** With `over: 'request'`: the rows of request r are `offsets[r]` up to `offsets[r + 1]`. */
  readonly offsets: Uint32Array;
  column<N extends keyof R & string>(name: N): ColumnOf<R[N]>;
}

/** Columns out: write every row of each column. */
export interface ColumnsOut<out W extends DeclaredColumns = Writes> {
  column<N extends keyof W & string>(name: N): WriterOf<W[N]>;
}

/** A pure function over columns: the same answer for the same columns, online and offline. */
export interface Transform<D extends TransformDescription = TransformDescription> {
  apply(input: ColumnsIn<D['reads']>, out: ColumnsOut<D['writes']>): void;
}

export const transform = pluginPort<Transform>('transform', { apply: { sync: true, quiet: true } });
