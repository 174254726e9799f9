import { cellAt, type Cell, type Column, type PipelineAnswer } from 'vivace';
import type { InferResponse } from './open-inference.js';

/** The outputs of the pipeline that has every type. */
export const outputs = [
  'score',
  'level',
  'name',
  'counted',
  'seen',
  'twice',
  'listed',
  'note',
  'big_out',
  'raw_out',
  'pair_out',
  'flag_out',
];

/** One answer, with every cell as a text that tells bits apart, and what is degraded. */
export interface Told {
  readonly index: readonly number[];
  readonly cells: Readonly<Record<string, readonly string[]>>;
  readonly degraded: unknown;
}

const exact = new DataView(new ArrayBuffer(8));
function bits(value: number): string {
  exact.setFloat64(0, Number.isNaN(value) ? NaN : value);
  return exact.getBigUint64(0).toString(16);
}

function told(cell: Cell): string {
  if (cell === null) return 'null';
  if (Array.isArray(cell)) return `[${(cell as readonly Cell[]).map(told).join()}]`;
  if (cell instanceof Uint8Array) return `bytes ${Buffer.from(cell).toString('hex')}`;
  return typeof cell === 'number' ? bits(cell) : `${typeof cell} ${String(cell)}`;
}

/** The answer of a caller in process. */
export function fromColumns({ outputs: columns, objects, degraded }: PipelineAnswer): Told {
  const { order } = objects!;
  const cellsOf = (column: Column): string[] => Array.from(order, (row) => told(cellAt(column, row)));
  return {
    index: Array.from(order),
    cells: Object.fromEntries(outputs.map((name, i) => [name, cellsOf(columns[i]!)])),
    degraded,
  };
}

/** A value of `rest`, by the type of its output, which JSON does not say. */
function fromJson(value: unknown, name: string): Cell {
  const number = (given: unknown): number => (typeof given === 'string' ? Number(given) : (given as number));
  if (value === null) return null;
  switch (name) {
    case 'counted':
    case 'big_out':
      return BigInt(value as string | number);
    case 'seen': {
      const text = value as string;
      const fraction = /\.(\d+)Z$/.exec(text)?.[1] ?? '';
      return Math.floor(Date.parse(text) / 1000) * 1e6 + Number(fraction.padEnd(6, '0'));
    }
    case 'raw_out':
      return Buffer.from(value as string, 'base64');
    case 'listed':
    case 'pair_out':
      return (value as unknown[]).map(number);
    case 'name':
    case 'note':
    case 'flag_out':
      return value as string | boolean;
    default:
      return number(value);
  }
}

/** The answer of `rest`, with objects as rows or as columns. */
export function fromRest(text: string, columnar: boolean): Told {
  const { objects, degraded } = JSON.parse(text) as { objects: Record<string, unknown[]>; degraded: unknown };
  const rows = objects as unknown as Record<string, unknown>[];
  const column = (name: string): unknown[] => (columnar ? objects[name]! : rows.map((row) => row[name]));
  return {
    index: column('index') as number[],
    cells: Object.fromEntries(
      outputs.map((name) => [name, column(name).map((cell) => told(fromJson(cell, name)))]),
    ),
    degraded,
  };
}

/** The answer of `open-inference`: outputs are in the JSON, or in the bytes after it. */
export function fromOpen(json: InferResponse, rest: Buffer, text: string): Told {
  let at = 0;
  const cells: Record<string, readonly string[]> = {};
  let index: readonly number[] = [];
  for (const { name, datatype, shape, data, parameters = {} } of json.outputs) {
    const size = shape.reduce((a, b) => a * b, 1);
    const bytes = parameters['binary_data_size'] as number | undefined;
    let values: Cell[];
    if (bytes !== undefined) values = fromBytes(datatype, rest.subarray(at, (at += bytes)), size);
    else if (datatype === 'INT64') {
      // JSON.parse rounds: the digits are read from the text.
      const digits = new RegExp(`"name":"${name}".*?"data":\\[(.*?)\\]`).exec(text)![1]!;
      values = digits === '' ? [] : digits.split(',').map(BigInt);
    } else values = (data as Cell[]).map((value) => (datatype.startsWith('FP') ? Number(value) : value));
    const nulls = new Set(JSON.parse((parameters['nulls'] as string | undefined) ?? '[]') as number[]);
    if (name === 'index') {
      index = values as number[];
      continue;
    }
    const rows = Array.from({ length: shape[0]! }, (_, row): Cell => {
      if (nulls.has(row)) return null;
      const value = values[row]!;
      if (name === 'pair_out') return values.slice(row * 2, row * 2 + 2);
      if (name === 'listed')
        return (JSON.parse(Buffer.from(value as string).toString()) as unknown[]).map(Number);
      if (name === 'seen') return Number(value);
      if (name === 'raw_out') return Buffer.from(value as string);
      return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
    });
    cells[name] = rows.map(told);
  }
  return {
    index,
    cells,
    degraded: JSON.parse((json.parameters?.['degraded'] as string | undefined) ?? '[]'),
  };
}

function fromBytes(datatype: string, bytes: Buffer, size: number): Cell[] {
  let at = 0;
  return Array.from({ length: size }, (_, i): Cell => {
    switch (datatype) {
      case 'FP32':
        return bytes.readFloatLE(i * 4);
      case 'FP64':
        return bytes.readDoubleLE(i * 8);
      case 'INT32':
        return bytes.readInt32LE(i * 4);
      case 'INT64':
        return bytes.readBigInt64LE(i * 8);
      case 'BOOL':
        return bytes[i] === 1;
      default: {
        const length = bytes.readUInt32LE(at);
        at += 4 + length;
        return new Uint8Array(bytes.subarray(at - length, at));
      }
    }
  });
}
