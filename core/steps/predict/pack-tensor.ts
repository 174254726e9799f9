import { cellAt, isValid, type Column } from '../../data/column.js';
import type { Frame, Scope } from '../../data/frame.js';
import { createTensorData, type Datatype, type Tensor } from '../../data/tensor.js';
import { VivaceError } from '../../kernel/errors.js';
import type { PlanColumn } from '../../pipeline/plan.js';
import type { PredictNode } from './node.js';

/** Rows of a frame to pack: all of `scope`, or those listed. */
export interface PackedRows {
  readonly frame: Frame;
  readonly scope: Scope;
  readonly count: number;
  /** Rows of the scope, where some are left out. */
  readonly rows?: Uint32Array;
}

/**
 * Packs columns into one row-major tensor, with a request's values repeated for each of its objects. This is the only copy between the
 * frame and the model. A null becomes NaN in a floating tensor and an empty text in a BYTES one.
 *
 * @throws {VivaceError} `FEATURE_MISSING` for a null where the tensor has no such value, `INVALID_ARGUMENT` for a finite number that a
 *   float32 cannot hold.
 */
export function packTensor({ tensor, columns }: PredictNode['inputs'][number], packed: PackedRows): Tensor {
  const width = columns.reduce((sum, column) => sum + column.type.width, 0);
  const data = createTensorData(tensor.datatype, packed.count * width);
  const target = { data: data as Float64Array, width, datatype: tensor.datatype, at: 0 };
  for (const column of columns) {
    packColumn(column, packed, target);
    if (narrows(column, tensor.datatype)) refuseInfinite(column, packed, target);
    target.at += column.type.width;
  }
  const inner = tensor.shape.slice(1);
  const shape = inner.every((size) => size >= 0) ? [packed.count, ...inner] : [packed.count, width];
  return { name: tensor.name, datatype: tensor.datatype, shape, data };
}

interface Target {
  readonly data: Float64Array;
  /** Values of one row. */
  readonly width: number;
  /** The column's place in a row. */
  readonly at: number;
  readonly datatype: Datatype;
}

function packColumn(column: PlanColumn, packed: PackedRows, target: Target): void {
  const { frame, scope, count, rows } = packed;
  const source = frame.column(column.place);
  const broadcast = scope === 'object' && column.scope === 'request';
  if (broadcast && frame.requests === 1) return fill(source, column, target, count);
  const index = broadcast ? composed(frame.requestOf, rows) : rows;
  const nullsPack = source.valid === undefined || nullIsNan(column, target);
  if (!nullsPack || !plain(column, target)) return packCells(source, column, { target, count, index });
  const from = source.values as Float64Array;
  const { width } = column.type;
  if (width === 1 && index === undefined) copyStrided(from, target, count);
  else if (width === 1)
    for (let i = 0, to = target.at; i < count; i++, to += target.width)
      target.data[to] = from[index![i] as number] as number;
  else {
    for (let i = 0, to = target.at; i < count; i++, to += target.width) {
      const start = (index === undefined ? i : (index[i] as number)) * width;
      for (let k = 0; k < width; k++) target.data[to + k] = from[start + k] as number;
    }
  }
}

/** Whether a finite number of a column may become infinite in the tensor. */
function narrows({ type }: PlanColumn, datatype: Datatype): boolean {
  return datatype === 'FP32' && type.element === 'float64';
}

function refuseInfinite(column: PlanColumn, { frame, scope, count, rows }: PackedRows, target: Target): void {
  const { width } = column.type;
  for (let i = 0, to = target.at; i < count; i++, to += target.width) {
    for (let k = 0; k < width; k++) {
      const packed = target.data[to + k] as number;
      if (packed !== Infinity && packed !== -Infinity) continue;
      const row = rows === undefined ? i : (rows[i] as number);
      const own = scope === 'object' && column.scope === 'request' ? (frame.requestOf[row] as number) : row;
      const value = frame.column(column.place).values[own * width + k] as number;
      if (Number.isFinite(value)) throw tooLarge(column, value);
    }
  }
}

function tooLarge(column: PlanColumn, value: number): VivaceError {
  return new VivaceError(
    'INVALID_ARGUMENT',
    `${value} in "${column.name}" does not fit the float32 that the model takes`,
    { path: column.name },
  );
}

function copyStrided(from: Float64Array, { data, width, at }: Target, count: number): void {
  for (let i = 0, to = at; i < count; i++, to += width) data[to] = from[i] as number;
}

/** Repeats a request's value in every row. */
function fill(source: Column, column: PlanColumn, target: Target, count: number): void {
  for (let k = 0; k < column.type.width; k++) {
    const value = cellValue(source, column, { row: 0, k, datatype: target.datatype });
    for (let i = 0, to = target.at + k; i < count; i++, to += target.width) target.data[to] = value as number;
  }
}

function packCells(
  source: Column,
  column: PlanColumn,
  { target, count, index }: { target: Target; count: number; index: Uint32Array | undefined },
): void {
  for (let i = 0, to = target.at; i < count; i++, to += target.width) {
    const row = index === undefined ? i : (index[i] as number);
    for (let k = 0; k < column.type.width; k++) {
      target.data[to + k] = cellValue(source, column, { row, k, datatype: target.datatype }) as number;
    }
  }
}

function cellValue(
  source: Column,
  column: PlanColumn,
  { row, k, datatype }: { row: number; k: number; datatype: Datatype },
): number | bigint | string | Uint8Array {
  if (!isValid(source, row)) {
    if (datatype === 'FP32' || datatype === 'FP64') return NaN;
    if (datatype === 'BYTES') return '';
    throw new VivaceError(
      'FEATURE_MISSING',
      `"${column.name}" is null, which the model's ${datatype} input cannot hold: give the feature a default`,
      {
        path: column.name,
      },
    );
  }
  const cell =
    column.type.kind === 'vector'
      ? (cellAt(source, row) as readonly (number | bigint)[])[k]!
      : source.values[row]!;
  if (datatype === 'BYTES') return cell;
  if (datatype === 'INT64') return BigInt(cell as number);
  return Number(cell);
}

/** A null float is kept as NaN, which is also what a floating tensor holds for a null. */
function nullIsNan(column: PlanColumn, { datatype }: Target): boolean {
  const { element } = column.type;
  return (
    (datatype === 'FP32' || datatype === 'FP64') &&
    (element === 'float32' || element === 'float64' || element === 'timestamp')
  );
}

/** Whether values copy as they are: numbers into numbers, bigints into bigints. */
function plain(column: PlanColumn, { datatype }: Target): boolean {
  return datatype !== 'BYTES' && (column.type.element === 'int64') === (datatype === 'INT64');
}

function composed(requestOf: Uint32Array, rows: Uint32Array | undefined): Uint32Array {
  return rows === undefined ? requestOf : Uint32Array.from(rows, (row) => requestOf[row] as number);
}
