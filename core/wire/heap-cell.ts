import type { Cell } from '../data/column.js';
import { elementBytes, type ColumnType } from '../data/types.js';
import { typedView } from './typed-view.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The heap bytes of a text, byte string, list or vector of texts. */
export function encodeCell(type: ColumnType, cell: Cell): Uint8Array {
  if (cell === null) return new Uint8Array(0);
  if (type.kind !== 'list' && type.kind !== 'vector') return toBytes(cell);
  const cells = cell as readonly Cell[];
  const size = elementBytes[type.element];
  if (size > 0) {
    const bytes = new Uint8Array(cells.length * size);
    const view = typedView(type.element, bytes);
    cells.forEach(
      (value, i) => (view[i] = (type.element === 'int64' ? BigInt(value as number) : Number(value)) as never),
    );
    return bytes;
  }
  const parts = cells.map(toBytes);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

function toBytes(cell: Cell): Uint8Array {
  return cell instanceof Uint8Array ? cell : encoder.encode(String(cell));
}

/** The cell that heap bytes encode; `undefined` where they do not encode one. */
export function decodeCell(type: ColumnType, bytes: Uint8Array): Cell | undefined {
  try {
    if (type.kind === 'scalar') return fromBytes(type, bytes);
    const size = elementBytes[type.element];
    if (size > 0) {
      if (bytes.length % size !== 0) return undefined;
      const values = typedView(type.element, new Uint8Array(bytes));
      return Array.from(values as Float64Array, (value) => (type.element === 'bool' ? value !== 0 : value));
    }
    const cells: Cell[] = [];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length;) {
      const end = at + 4 + view.getUint32(at, true);
      if (end > bytes.length) return undefined;
      cells.push(fromBytes(type, bytes.subarray(at + 4, end)));
      at = end;
    }
    return type.kind === 'vector' && cells.length !== type.width ? undefined : cells;
  } catch {
    return undefined;
  }
}

function fromBytes(type: ColumnType, bytes: Uint8Array): Cell {
  return type.element === 'string' ? decoder.decode(bytes) : new Uint8Array(bytes);
}
