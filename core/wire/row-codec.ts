import { createHash } from 'node:crypto';
import { createBitmap, isSet, clearBit } from '../data/bitmap.js';
import { cellAt, nullValues, type Column } from '../data/column.js';
import type { FeatureRows, Field } from '../data/feature-rows.js';
import { status } from '../data/status.js';
import { elementBytes, type ColumnType } from '../data/types.js';
import { messageOf, VivaceError } from '../kernel/errors.js';
import { decodeCell, encodeCell } from './heap-cell.js';
import { typedView, type TypedView, type TypedViews } from './typed-view.js';

/** Bytes before the null bitmap: event time, available time, format, flags, two zero bytes, layout id. */
const headerBytes = 24;
const formatByte = 1;
const deletedFlag = 1;
const bias = 0x8000_0000;
const high = 4_294_967_296;

interface Cell {
  /** Its bit in the null bitmap: cells are numbered in the order of the layout. */
  readonly bit: number;
  readonly column: number;
  readonly type: ColumnType;
  readonly offset: number;
  /** Variable-width: the cell holds offset and length of a stretch of the heap, each uint32. */
  readonly heap: boolean;
}

/**
 * The binary form of one feature row; docs/row-format.md specifies it to the byte, with test vectors.
 *
 * Rows of equal columns have equal layouts, whatever the columns' order in the view: cells are sorted by width, then by name.
 */
export class RowCodec {
  readonly fields: readonly Field[];
  /** The first four bytes of the SHA-256 of the layout's text, as a little-endian uint32. */
  readonly layoutId: number;
  readonly #cells: readonly Cell[];
  readonly #fixedEnd: number;
  readonly #hasHeap: boolean;

  constructor(fields: readonly Field[]) {
    this.fields = fields;
    const bitmapBytes = Math.ceil(fields.length / 64) * 8;
    const order = fields
      .map((field, column) => ({ field, column, width: alignment(field.type) }))
      .sort((a, b) => b.width - a.width || (a.field.name < b.field.name ? -1 : 1));
    let offset = headerBytes + bitmapBytes;
    const cells: Cell[] = [];
    for (const { field, column } of order) {
      const heap = isVariable(field.type);
      cells.push({ bit: cells.length, column, type: field.type, offset, heap });
      offset += heap ? 8 : elementBytes[field.type.element] * field.type.width;
    }
    this.#cells = cells;
    this.#fixedEnd = (offset + 7) & ~7;
    this.#hasHeap = cells.some((cell) => cell.heap);
    const text = order.map(({ field }) => `${field.name} ${field.type.name}\n`).join('');
    this.layoutId = createHash('sha256').update(text).digest().readUInt32LE(0);
  }

  /** Encodes rows `0 … count − 1`. The results share one buffer, which is not used elsewhere. */
  encode(rows: FeatureRows, columns: readonly Column[], count = rows.rows): Uint8Array[] {
    const stride = this.#fixedEnd;
    const heaps = this.#hasHeap ? this.#encodeHeaps(columns, count) : undefined;
    const bytes = new Uint8Array(stride * count);
    const view = new DataView(bytes.buffer);
    for (let row = 0; row < count; row++) {
      const base = row * stride;
      writeTime(view, base, rows.eventTime[row] as number);
      writeTime(view, base + 8, rows.availableTime[row] as number);
      bytes[base + 16] = formatByte;
      view.setUint32(base + 20, this.layoutId, true);
    }
    for (const cell of this.#cells) {
      const { bit } = cell;
      const column = columns[cell.column] as Column;
      if (column.valid !== undefined) {
        const at = headerBytes + (bit >> 3);
        for (let row = 0; row < count; row++) {
          if (!isSet(column.valid, row))
            bytes[row * stride + at] = (bytes[row * stride + at] as number) | (1 << (bit & 7));
        }
      }
      if (!cell.heap) this.#encodeFixed(cell, column, { bytes, count });
    }
    if (heaps === undefined) {
      return Array.from({ length: count }, (_, row) => bytes.subarray(row * stride, (row + 1) * stride));
    }
    return Array.from({ length: count }, (_, row) =>
      this.#withHeap(bytes.subarray(row * stride, (row + 1) * stride), heaps, row),
    );
  }

  /** A tombstone; its times make it newer than the row that it deletes. */
  encodeDeleted(eventTime: number, availableTime: number): Uint8Array {
    const bytes = new Uint8Array(headerBytes);
    const view = new DataView(bytes.buffer);
    writeTime(view, 0, eventTime);
    writeTime(view, 8, availableTime);
    bytes[16] = formatByte;
    bytes[17] = deletedFlag;
    return bytes;
  }

  /** Decodes one value per row into `out`; `undefined` and tombstones become MISSING, these with the event time of the deletion, a broken value FAILED with DATA_LOSS. */
  decode(values: readonly (Uint8Array | undefined)[], out: FeatureRows): void {
    const count = values.length;
    const stride = this.#fixedEnd;
    const bytes = new Uint8Array(stride * count);
    const bitmapEnd = headerBytes + Math.ceil(this.fields.length / 64) * 8;
    const anyNull = new Uint8Array(bitmapEnd - headerBytes);
    const nulls = this.fields.length;
    for (let row = 0; row < count; row++) {
      const value = values[row];
      const base = row * stride;
      if (value === undefined || value.length < headerBytes || !this.#accept(value, row, out)) {
        if (value === undefined) this.#missing(out, row);
        else if (value.length < headerBytes)
          this.#broken(out, row, `${value.length} bytes are too short for a row`);
        bytes.fill(255, base + headerBytes, base + bitmapEnd);
      } else {
        bytes.set(value.length === stride ? value : value.subarray(0, stride), base);
      }
      for (let i = 0; i < (nulls + 7) >> 3; i++) {
        anyNull[i] = (anyNull[i] as number) | (bytes[base + headerBytes + i] as number);
      }
    }
    this.#decodeTimes(bytes, out);
    const views: TypedViews = {};
    for (const cell of this.#cells) {
      const { bit, heap, type } = cell;
      if (heap) this.#decodeHeap(cell, values, { bytes, out });
      else this.#decodeFixed(cell, (views[type.element] ??= typedView(type.element, bytes)), { out, count });
      if (((anyNull[bit >> 3] as number) & (1 << (bit & 7))) !== 0)
        this.#decodeNulls(cell, { bytes, out, count });
    }
    if (out.error === undefined) return;
    // The heap was found broken after other columns had been decoded: no value of that row may look valid.
    for (let row = 0; row < count; row++) {
      if (out.status[row] === status.FAILED) for (const column of out.columns) column.setNull(row);
    }
  }

  #accept(value: Uint8Array, row: number, out: FeatureRows): boolean {
    if (value[16] !== formatByte) return this.#broken(out, row, `row format ${value[16]} is unknown`);
    const flags = (value[17] as number) | ((value[18] as number) << 8) | ((value[19] as number) << 16);
    if (flags > deletedFlag) return this.#broken(out, row, 'it has flags that this format does not know');
    if (flags === deletedFlag) return this.#deleted(value, row, out);
    const layoutId = ((value[20]! | (value[21]! << 8) | (value[22]! << 16)) + value[23]! * 0x100_0000) >>> 0;
    if (layoutId !== this.layoutId) return this.#broken(out, row, 'the row was written with another layout');
    if (value.length < this.#fixedEnd || (!this.#hasHeap && value.length !== this.#fixedEnd)) {
      return this.#broken(out, row, `a row of ${value.length} bytes, but ${this.#fixedEnd} are expected`);
    }
    out.setPresent(row);
    return true;
  }

  /** Marks only the row: its cells become null later, column by column, with those of the rows that are there. */
  #missing(out: FeatureRows, row: number): false {
    out.status[row] = status.MISSING;
    out.eventTime[row] = 0;
    out.availableTime[row] = 0;
    return false;
  }

  #deleted(value: Uint8Array, row: number, out: FeatureRows): false {
    out.setDeleted(row, readTime(new DataView(value.buffer, value.byteOffset), 0));
    return false;
  }

  #broken(out: FeatureRows, row: number, message: string): false {
    out.setFailed(row, new VivaceError('DATA_LOSS', `online row ${row} is corrupt: ${message}`));
    return false;
  }

  #decodeTimes(bytes: Uint8Array, out: FeatureRows): void {
    const view = new DataView(bytes.buffer);
    const { eventTime, availableTime } = out;
    for (let row = 0, base = 0; row < out.rows; row++, base += this.#fixedEnd) {
      if (out.status[row] !== status.PRESENT) continue;
      eventTime[row] = readTime(view, base);
      availableTime[row] = readTime(view, base + 8);
    }
  }

  #encodeFixed(cell: Cell, column: Column, { bytes, count }: { bytes: Uint8Array; count: number }): void {
    const { element, width } = cell.type;
    const size = elementBytes[element];
    const to = typedView(element, bytes);
    const from = column.values as Float64Array;
    const step = this.#fixedEnd / size;
    let at = cell.offset / size;
    const { valid } = column;
    for (let row = 0; row < count; row++, at += step) {
      if (valid !== undefined && !isSet(valid, row)) continue;
      for (let k = 0; k < width; k++) to[at + k] = from[row * width + k] as number;
    }
  }

  #decodeFixed(cell: Cell, from: TypedView, { out, count }: { out: FeatureRows; count: number }): void {
    const { element, width } = cell.type;
    const size = elementBytes[element];
    const to = out.columns[cell.column]!.values;
    const step = this.#fixedEnd / size;
    const at = cell.offset / size;
    if (width > 1) {
      for (let row = 0; row < count; row++) {
        for (let k = 0; k < width; k++) to[row * width + k] = from[at + row * step + k] as never;
      }
      if (element === 'bool') (to as Uint8Array).forEach((value, i) => (to[i] = Number(value !== 0)));
    } else if (element === 'float32') copyStrided(from as Float32Array, to as Float32Array, at, step);
    else if (element === 'int32') copyStridedInt32(from as Int32Array, to as Int32Array, at, step);
    else if (element === 'int64') copyStridedInt64(from as BigInt64Array, to as BigInt64Array, at, step);
    else if (element === 'bool') copyStridedBool(from as Uint8Array, to as Uint8Array, at, step);
    else copyStrided64(from as Float64Array, to as Float64Array, at, step);
  }

  #decodeNulls(
    cell: Cell,
    { bytes, out, count }: { bytes: Uint8Array; out: FeatureRows; count: number },
  ): void {
    const { bit } = cell;
    const writer = out.columns[cell.column]!;
    const valid = createBitmap(count, true);
    const { width } = cell.type;
    const nullValue = nullValues[cell.type.element];
    for (let row = 0, at = headerBytes + (bit >> 3); row < count; row++, at += this.#fixedEnd) {
      if (((bytes[at] as number) & (1 << (bit & 7))) === 0) continue;
      clearBit(valid, row);
      if (!cell.heap) (writer.values as unknown[]).fill(nullValue, row * width, (row + 1) * width);
    }
    writer.setValid(valid);
  }

  #encodeHeaps(columns: readonly Column[], count: number): Uint8Array[][] {
    return this.#cells
      .filter((cell) => cell.heap)
      .map((cell) => {
        const column = columns[cell.column] as Column;
        return Array.from({ length: count }, (_, row) => encodeCell(cell.type, cellAt(column, row)));
      });
  }

  #withHeap(fixed: Uint8Array, heaps: readonly Uint8Array[][], row: number): Uint8Array {
    const heapCells = this.#cells.filter((cell) => cell.heap);
    let length = fixed.length;
    for (const heap of heaps) length += heap[row]!.length;
    const bytes = new Uint8Array(length);
    bytes.set(fixed);
    const view = new DataView(bytes.buffer);
    let at = fixed.length;
    heapCells.forEach((cell, i) => {
      const content = heaps[i]![row]!;
      view.setUint32(cell.offset, at, true);
      view.setUint32(cell.offset + 4, content.length, true);
      bytes.set(content, at);
      at += content.length;
    });
    return bytes;
  }

  #decodeHeap(
    cell: Cell,
    values: readonly (Uint8Array | undefined)[],
    { bytes, out }: { bytes: Uint8Array; out: FeatureRows },
  ): void {
    const { bit } = cell;
    const view = new DataView(bytes.buffer);
    const writer = out.columns[cell.column]!;
    for (let row = 0; row < values.length; row++) {
      const base = row * this.#fixedEnd;
      if (
        out.status[row] !== status.PRESENT ||
        ((bytes[base + headerBytes + (bit >> 3)] as number) & (1 << (bit & 7))) !== 0
      )
        continue;
      const stored = values[row] as Uint8Array;
      const from = view.getUint32(base + cell.offset, true);
      const length = view.getUint32(base + cell.offset + 4, true);
      const value =
        from < this.#fixedEnd || from + length > stored.length
          ? undefined
          : decodeCell(cell.type, stored.subarray(from, from + length));
      const { name } = this.fields[cell.column]!;
      if (value === undefined) {
        this.#broken(out, row, `${name} does not lie within the row`);
        continue;
      }
      try {
        writer.set(row, value);
      } catch (error) {
        this.#broken(out, row, `${name}: ${messageOf(error)}`);
      }
    }
  }
}

function isVariable(type: ColumnType): boolean {
  return type.kind === 'list' || elementBytes[type.element] === 0;
}

function alignment(type: ColumnType): number {
  return isVariable(type) ? 4 : elementBytes[type.element];
}

function writeTime(view: DataView, at: number, micros: number): void {
  const upper = Math.floor(micros / high);
  view.setUint32(at, upper + bias);
  view.setUint32(at + 4, micros - upper * high);
}

function readTime(view: DataView, at: number): number {
  return (view.getUint32(at) - bias) * high + view.getUint32(at + 4);
}

// One function per array type: V8 keeps each loop specialised; one generic loop over all types runs several times slower.
function copyStrided(from: Float32Array, to: Float32Array, at: number, step: number): void {
  for (let row = 0; row < to.length; row++, at += step) to[row] = from[at] as number;
}
function copyStrided64(from: Float64Array, to: Float64Array, at: number, step: number): void {
  for (let row = 0; row < to.length; row++, at += step) to[row] = from[at] as number;
}
function copyStridedInt32(from: Int32Array, to: Int32Array, at: number, step: number): void {
  for (let row = 0; row < to.length; row++, at += step) to[row] = from[at] as number;
}
function copyStridedInt64(from: BigInt64Array, to: BigInt64Array, at: number, step: number): void {
  for (let row = 0; row < to.length; row++, at += step) to[row] = from[at] as bigint;
}
function copyStridedBool(from: Uint8Array, to: Uint8Array, at: number, step: number): void {
  for (let row = 0; row < to.length; row++, at += step) to[row] = from[at] === 0 ? 0 : 1;
}
