import { createBitmap, setBit } from '../data/bitmap.js';
import { gather } from '../data/column-appender.js';
import {
  cellAt,
  columnOf,
  ColumnWriter,
  createValues,
  isValid,
  nullValues,
  type Cell,
  type Column,
} from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { Frame, FrameColumn, KeptRows, Scope } from '../data/frame.js';
import { status } from '../data/status.js';
import type { ColumnsIn, ColumnsOut } from '../ports/transform.js';
import { VivaceError } from '../kernel/errors.js';
import type { PlanColumn, PlanNode } from './plan.js';

/** A column of the frame with one row per row of `scope`: a request's value is repeated for each of its objects. */
export function columnAt(frame: Frame, { place, scope: own }: PlanColumn, scope: Scope): Column {
  const column = frame.column(place);
  return own === scope || scope === 'request' ? column : gather(column, frame.requestOf);
}

/** The objects that a node sees where some have been left out before it; `undefined` where it sees every row. */
export function keptBy({ scope, mask }: PlanNode, frame: Frame): KeptRows | undefined {
  return scope === 'object' ? frame.kept(mask) : undefined;
}

/** A node that runs an author's function over named columns. */
export interface FunctionNode extends PlanNode {
  /** Names of the inputs, in the order of `reads`. */
  readonly inputs: readonly string[];
  readonly outputs: readonly Field[];
  readonly over: 'row' | 'request';
}

/**
 * Columns in and out of an author's function. A function over whole requests sees only the remaining objects. A function over rows sees all
 * objects, and what it gives for those that were left out is never used.
 *
 * @param author The part or step that the function belongs to, for errors.
 */
export function functionColumns(
  node: FunctionNode,
  frame: Frame,
  author: string,
): { readonly input: ColumnsIn; readonly out: ColumnsOut; readonly write: () => void } {
  const { inputs, outputs, reads, scope, writes } = node;
  const kept = node.over === 'request' ? keptBy(node, frame) : undefined;
  const rows = kept?.rows.length ?? frame.rows(scope);
  const out = new OutputColumns(outputs, rows);
  const input: ColumnsIn = {
    rows,
    offsets: kept?.offsets ?? (scope === 'object' ? frame.offsets : unitOffsets(frame.requests)),
    column(name) {
      const at = inputs.indexOf(name);
      if (at < 0) throw new TypeError(`"${name}" is not among the declared inputs`);
      const column = columnAt(frame, reads[at] as PlanColumn, scope);
      return kept === undefined ? column : gather(column, kept.rows);
    },
  };
  const write = (): void =>
    out.finish(author).forEach((column, i) => {
      frame.write(writes[i]!.place, kept === undefined ? column : scatter(column, kept.rows, frame.objects));
    });
  return { input, out, write };
}

/** Writers of the outputs of an author's function. */
export class OutputColumns implements ColumnsOut {
  readonly #writers: readonly ColumnWriter[];
  readonly #fields: readonly Field[];

  constructor(fields: readonly Field[], rows: number) {
    this.#fields = fields;
    this.#writers = fields.map((field) => new ColumnWriter(field.type, rows));
  }

  column(name: string): ColumnWriter {
    const at = this.#fields.findIndex((field) => field.name === name);
    if (at < 0) throw new TypeError(`"${name}" is not among the declared outputs`);
    return this.#writers[at] as ColumnWriter;
  }

  /** @throws {VivaceError} `INTERNAL`, naming author and output, where what was written is not of the output's type. */
  finish(author: string): Column[] {
    return this.#writers.map((writer, i) => {
      const wrong = writer.wrong();
      if (wrong === undefined) return writer.finish();
      throw new VivaceError('INTERNAL', `${author}: output "${this.#fields[i]!.name}": ${wrong}`);
    });
  }
}

/** Puts the values of some rows in their places among `total` rows; the others are null and SKIPPED. */
export function scatter(column: Column, rows: Uint32Array, total: number): FrameColumn {
  const { type } = column;
  const statuses = new Uint8Array(total).fill(status.SKIPPED);
  for (const row of rows) statuses[row] = status.PRESENT;
  if (type.kind === 'list') {
    const cells = new Array<Cell>(total).fill(null);
    rows.forEach((row, i) => (cells[row] = cellAt(column, i)));
    return { ...columnOf(type, cells), status: statuses };
  }
  const valid = createBitmap(total, false);
  const values = createValues(type.element, total * type.width);
  (values as unknown[]).fill(nullValues[type.element]);
  rows.forEach((row, i) => {
    if (!isValid(column, i)) return;
    setBit(valid, row);
    for (let k = 0; k < type.width; k++)
      values[row * type.width + k] = column.values[i * type.width + k] as never;
  });
  return { type, rows: total, values, valid, status: statuses };
}

function unitOffsets(requests: number): Uint32Array {
  return Uint32Array.from({ length: requests + 1 }, (_, i) => i);
}
