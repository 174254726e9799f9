import type { Column } from '../data/column.js';
import { fieldsOf } from '../data/feature-rows.js';
import { OutputColumns } from '../pipeline/inputs.js';
import { transform, type Transform, type TransformDescription } from '../ports/transform.js';
import { litter, type Garbage } from './garbage.js';
import { columnsFrom, rowsFrom, type Cells, type InputsOf, type OutputsOf } from './plain-rows.js';
import type { Description, TestPart } from './start-part.js';

export interface ApplyTransformOptions {
  /** Where the rows of each request begin, and where those of the last end: `[0, 2, 2, 5]` for three. Default: all are one request's. */
  readonly offsets?: readonly number[];
}

/**
 * Applies a transform as a pipeline would: it gets columns, and its outputs are checked against what it declares.
 *
 * @param part Made by `makePart` or `startPart`, and started.
 * @param rows Plain rows, a cell per input; `null` is a null.
 * @returns A plain row of outputs for each row.
 * @throws {VivaceError} What the transform threw, with the part's name.
 */
export function applyTransform<D extends Description>(
  part: TestPart<D>,
  rows: readonly InputsOf<D>[],
  { offsets }: ApplyTransformOptions = {},
): OutputsOf<D>[] {
  const { description } = part;
  if (description === undefined || !('reads' in description))
    throw new TypeError(`"${part.name}" is not a transform`);
  const columns = applyColumns(part, {
    transform: part.face(transform),
    description,
    rows: rows,
    ...(offsets === undefined ? {} : { offsets }),
  });
  return rowsFrom(fieldsOf(description.writes), columns, rows.length) as OutputsOf<D>[];
}

/** One call of a transform. */
export interface TransformCall extends ApplyTransformOptions {
  readonly transform: Transform;
  readonly description: TransformDescription;
  readonly rows: readonly Cells[];
  /** What stands in the outputs before the transform writes them. */
  readonly garbage?: Garbage;
  /** Gets the input columns before the transform does. */
  readonly onInputs?: (columns: readonly Column[]) => void;
}

/** Applies a transform to rows. @returns A column per output, in their order. */
export function applyColumns(
  { name }: { readonly name: string },
  { transform, description, rows, offsets = [0, rows.length], garbage, onInputs }: TransformCall,
): Column[] {
  const inputs = fieldsOf(description.reads);
  const columns = columnsFrom(inputs, rows);
  onInputs?.(columns);
  const outputs = fieldsOf(description.writes);
  const out = new OutputColumns(outputs, rows.length);
  if (garbage !== undefined) for (const field of outputs) litter(out.column(field.name), garbage);
  transform.apply(
    {
      rows: rows.length,
      offsets: Uint32Array.from(offsets),
      column(input) {
        const at = inputs.findIndex((field) => field.name === input);
        if (at < 0) throw new TypeError(`"${input}" is not among the declared inputs`);
        return columns[at] as Column;
      },
    },
    out,
  );
  return out.finish(name);
}
