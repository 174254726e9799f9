import { ColumnWriter, gather, type Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { Frame, Scope } from '../data/frame.js';
import type { ColumnsIn, ColumnsOut } from '../ports/transform.js';
import type { PlanColumn } from './plan.js';

/** A column of the frame with one row per row of `scope`: a request's value is repeated for each of its objects. */
export function columnAt(frame: Frame, { slot, scope: own }: PlanColumn, scope: Scope): Column {
  const column = frame.column(slot);
  return own === scope || scope === 'request' ? column : gather(column, frame.requestOf);
}

/** The inputs of a transform or custom step, fetched from the frame as they are asked for. */
export function columnsIn(
  frame: Frame,
  { names, reads, scope }: { names: readonly string[]; reads: readonly PlanColumn[]; scope: Scope },
): ColumnsIn {
  return {
    rows: frame.rows(scope),
    offsets: scope === 'object' ? frame.offsets : unitOffsets(frame.requests),
    column(name) {
      const at = names.indexOf(name);
      if (at < 0) throw new TypeError(`"${name}" is not among the declared inputs`);
      return columnAt(frame, reads[at] as PlanColumn, scope);
    },
  };
}

/** Writers of a node's outputs, and how they get into the frame. */
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

  writeTo(frame: Frame, writes: readonly PlanColumn[]): void {
    writes.forEach((column, i) => frame.write(column.slot, (this.#writers[i] as ColumnWriter).finish()));
  }
}

function unitOffsets(requests: number): Uint32Array {
  return Uint32Array.from({ length: requests + 1 }, (_, i) => i);
}
