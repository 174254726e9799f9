import { withArticle } from '../config/article.js';
import { clearBit, createBitmap, isSet, setBit, type Bitmap } from './bitmap.js';
import { isElement, notElement } from './element.js';
import { status, unset } from './status.js';
import {
  elementBytes,
  type ColumnType,
  type DeclaredType,
  type ElementOf,
  type ScalarType,
  type TypeName,
} from './types.js';

interface ArrayByElement {
  float32: Float32Array;
  float64: Float64Array;
  timestamp: Float64Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
  string: string[];
  bytes: Uint8Array[];
}

/** The array that holds the values of a column of type `T`: `Float64Array` for `float64` and `float64[3]`. */
export type ValuesOf<T extends TypeName = TypeName> = ArrayByElement[ElementOf<T>];

/** The values of a column: one typed array, or an array where the elements are strings or byte strings. */
export type Values = ArrayByElement[ScalarType];

/** One cell as a JavaScript value; for slow paths, custom code and tests only. */
export type Cell = number | bigint | boolean | string | Uint8Array | readonly Cell[] | null;

interface CellByElement {
  float32: number;
  float64: number;
  timestamp: number;
  int32: number;
  int64: number | bigint;
  bool: boolean;
  string: string;
  bytes: Uint8Array;
}

// A table, not a conditional type, so that the compiler takes columns of a narrower declaration for columns of a wider one.
type CellByType = { [E in ScalarType]: CellByElement[E] | null } & {
  [E in ScalarType as `${E}[${number}]` | `list<${E}>`]: readonly CellByElement[E][] | null;
};

/** What can be written to a cell of a column of type `T`. */
export type CellOf<T extends TypeName = TypeName> = CellByType[T];

/**
 * An immutable column of `rows` rows; its holder knows its name.
 *
 * A vector column holds `rows × width` values; a list column holds its values end to end and `offsets[rows + 1]`.
 * `valid` is absent where every row holds a value; a null cell's value is 0, NaN (floats) or empty.
 */
export interface Column<V extends Values = Values> {
  readonly type: ColumnType;
  readonly rows: number;
  readonly values: V;
  readonly valid?: Bitmap;
  readonly offsets?: Uint32Array;
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  timestamp: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;

/** Whether values are in the kind of array that columns of the element type have. */
export function isValuesOf(element: ScalarType, values: Values): boolean {
  return element === 'string' || element === 'bytes'
    ? Array.isArray(values)
    : values instanceof arrays[element];
}

/** A zeroed array for `length` elements of a type; within `block`, where it is given and the elements have a width. */
export function createValues(element: ScalarType, length: number, block?: Block): Values {
  if (element === 'string') return new Array<string>(length).fill('');
  if (element === 'bytes') return new Array<Uint8Array>(length).fill(empty);
  // One construct signature for all of them, because TypeScript does not resolve that of a union.
  const array = arrays[element] as typeof Float32Array;
  return block === undefined
    ? new array(length)
    : new array(block.buffer, block.take(length * array.BYTES_PER_ELEMENT), length);
}

/** Zeroed memory that several arrays share: one allocation per array would cost far more than filling it. */
export class Block {
  readonly buffer: ArrayBuffer;
  #taken = 0;

  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(bytes);
  }

  /** The bytes that `length` elements take, rounded up so that the next array is aligned for any type. */
  static bytes(element: ScalarType, length: number): number {
    return (elementBytes[element] * length + 7) & ~7;
  }

  /** @returns Where the next `bytes` bytes begin. */
  take(bytes: number): number {
    const at = this.#taken;
    this.#taken = (at + bytes + 7) & ~7;
    return at;
  }
}
const empty = new Uint8Array(0);

/** What stands in the place of a null. */
export const nullValues = {
  float32: NaN,
  float64: NaN,
  timestamp: NaN,
  int32: 0,
  int64: 0n,
  bool: 0,
  string: '',
  bytes: empty,
} as const satisfies Record<ScalarType, unknown>;

/**
 * The only writer of a column. Rows start valid and zero; `finish` hands the column over, and nothing writes to it afterwards.
 *
 * `set` and `setNull` take any cell and refuse what the type cannot hold. What is written to `values` is taken as the typed array keeps it:
 * an integer that does not fit has wrapped by then, and the writer cannot detect it.
 *
 * `V` is the array of its values, and `C` is what a cell takes: `ColumnWriter<Float64Array, number | null>` where the type is known.
 */
export class ColumnWriter<V extends Values = Values, C extends Cell = Cell> {
  readonly type: ColumnType;
  readonly rows: number;
  #values: V;
  #valid: Bitmap | undefined;
  #lists: (readonly Cell[])[] | undefined;
  readonly #statuses: Uint8Array | undefined;
  /** What stands in the place of a null. */
  readonly #nothing: unknown;

  /** @param statuses Statuses of the rows, in which a row that is set becomes PRESENT. */
  constructor(type: ColumnType, rows: number, block?: Block, statuses?: Uint8Array) {
    this.type = type;
    this.rows = rows;
    this.#nothing = nullValues[type.element];
    const length = type.kind === 'list' ? 0 : rows * type.width;
    this.#values = createValues(type.element, length, block) as V;
    if (type.kind === 'list') this.#lists = new Array<readonly Cell[]>(rows).fill([]);
    this.#statuses = statuses;
  }

  /** Scalars and vectors: write values here directly, `rows × width` of them. Lists: use `set`. */
  get values(): V {
    return this.#values;
  }

  /**
   * Copies a whole array instead. The given array still belongs to the caller, who may fill it again for the next call.
   *
   * @throws {TypeError} Where the array is not of the kind or the length that the type requires.
   */
  set values(values: V) {
    const { element, width, name } = this.type;
    if (!isValuesOf(element, values))
      throw new TypeError(`the values of ${withArticle(name)} column cannot be ${kindOf(values)}`);
    if (this.#lists !== undefined || values.length !== this.rows * width)
      throw new TypeError(
        this.#lists === undefined
          ? `${values.length} values, but ${this.rows} rows of ${withArticle(name)} have ${this.rows * width}`
          : `write ${withArticle(name)} with \`set\``,
      );
    if (Array.isArray(values)) this.#values = values.slice() as V;
    else (this.#values as Float64Array).set(values as Float64Array);
  }

  /** Marks a row as null, whatever was written to it. */
  setNull(row: number): void {
    this.#checkRow(row);
    this.#valid ??= createBitmap(this.rows, true);
    clearBit(this.#valid, row);
    const { width } = this.type;
    if (this.#lists !== undefined) this.#lists[row] = [];
    else if (width === 1) (this.#values as unknown[])[row] = this.#nothing;
    else (this.#values as unknown[]).fill(this.#nothing, row * width, (row + 1) * width);
    this.#mark(row);
  }

  /**
   * Writes one cell of any kind.
   *
   * @throws {TypeError} Where there is no such row, or the type cannot hold the cell.
   */
  set(row: number, cell: C): void {
    if (cell === null) return this.setNull(row);
    this.#checkRow(row);
    const { kind, width, element, name } = this.type;
    if (kind === 'scalar') {
      if (!isElement(element, cell)) throw new TypeError(notElement(element, cell));
      writeElement(this.#values, row, cell);
    } else {
      if (!Array.isArray(cell) && !ArrayBuffer.isView(cell))
        throw new TypeError(`${String(cell)} is not ${withArticle(name)}`);
      const cells = Array.from(cell as readonly Cell[]);
      const wrong = cells.findIndex((one) => !isElement(element, one));
      if (wrong >= 0) throw new TypeError(notElement(element, cells[wrong]));
      if (this.#lists !== undefined) this.#lists[row] = cells;
      else if (cells.length === width)
        cells.forEach((one, i) => writeElement(this.#values, row * width + i, one));
      else throw new TypeError(`${withArticle(name)} has ${width} elements, not ${cells.length}`);
    }
    if (this.#valid !== undefined) setBit(this.#valid, row);
    this.#mark(row);
  }

  /** What is wrong with texts or byte strings that were written to `values`; typed arrays cannot hold a wrong value. */
  wrong(): string | undefined {
    const { element, width } = this.type;
    const values = this.#values;
    if (!Array.isArray(values) || this.#lists !== undefined) return undefined;
    if (values.length !== this.rows * width)
      return `${values.length} values, but ${this.rows * width} are expected`;
    const at = (values as unknown[]).findIndex((value) => !isElement(element, value));
    return at < 0 ? undefined : `row ${Math.floor(at / width)}: ${notElement(element, values[at])}`;
  }

  #checkRow(row: number): void {
    if (!(Number.isInteger(row) && row >= 0 && row < this.rows))
      throw new TypeError(`there is no row ${row} among ${this.rows}`);
  }

  /** A row becomes PRESENT only once it holds its cell. */
  #mark(row: number): void {
    if (this.#statuses?.[row] === unset) this.#statuses[row] = status.PRESENT;
  }

  /** Adopts a whole bitmap, such as a decoder has. */
  setValid(valid: Bitmap | undefined): void {
    this.#valid = valid;
  }

  /** Copies the rows of a column of this type to this one's first rows as they are, without checking again what an author wrote. */
  copy(column: Column): void {
    const { rows, values, valid } = column;
    const lists = this.#lists;
    if (lists !== undefined)
      for (let row = 0; row < rows; row++) lists[row] = (cellAt(column, row) ?? []) as readonly Cell[];
    else if (Array.isArray(values)) values.forEach((value, i) => ((this.#values as unknown[])[i] = value));
    else (this.#values as Float64Array).set(values as Float64Array);
    if (valid === undefined) return;
    this.#valid ??= createBitmap(this.rows, true);
    for (let row = 0; row < rows; row++) if (!isSet(valid, row)) clearBit(this.#valid, row);
  }

  /** Takes the values of another writer of this type, which must not be used any more. */
  adopt(other: ColumnWriter): void {
    this.#values = other.values as V;
    this.#valid = other.#valid;
    this.#lists = other.#lists;
  }

  finish(): Column<V> {
    const { type, rows } = this;
    const valid = this.#valid === undefined ? {} : { valid: this.#valid };
    if (this.#lists === undefined) return { type, rows, values: this.#values, ...valid };
    const offsets = new Uint32Array(rows + 1);
    for (let row = 0; row < rows; row++)
      offsets[row + 1] = (offsets[row] as number) + this.#lists[row]!.length;
    const values = createValues(type.element, offsets[rows] as number) as V;
    this.#lists.forEach((list, row) =>
      list.forEach((cell, i) => writeElement(values, (offsets[row] as number) + i, cell)),
    );
    return { type, rows, values, offsets, ...valid };
  }
}

function writeElement(values: Values, at: number, cell: Cell): void {
  if (values instanceof BigInt64Array) values[at] = BigInt(cell as number | bigint);
  else if (Array.isArray(values)) (values as unknown[])[at] = cell;
  else values[at] = Number(cell);
}

function kindOf(values: unknown): string {
  return typeof values === 'object' && values !== null
    ? withArticle(values.constructor.name)
    : String(values);
}
/** The column of an input, a key or a feature that is declared as `D`. */
export type ColumnOf<D> = Column<ValuesOf<DeclaredType<D>>>;

/** The writer of an output or a feature that is declared as `D`. */
export type WriterOf<D> = ColumnWriter<ValuesOf<DeclaredType<D>>, CellOf<DeclaredType<D>>>;

/** Whether a row holds a value. */
export function isValid(column: Column, row: number): boolean {
  return column.valid === undefined || isSet(column.valid, row);
}

/** One cell as a JavaScript value, `null` where the row holds none. */
export function cellAt(column: Column, row: number): Cell {
  if (!isValid(column, row)) return null;
  const { type, values } = column;
  if (type.kind === 'scalar') return elementAt(column, row);
  const from = type.kind === 'list' ? (column.offsets as Uint32Array)[row]! : row * type.width;
  const to = type.kind === 'list' ? (column.offsets as Uint32Array)[row + 1]! : from + type.width;
  if (values.length < to) return null;
  return Array.from({ length: to - from }, (_, i) => elementAt(column, from + i));
}

function elementAt({ type, values }: Column, at: number): Cell {
  const value = values[at] as Cell;
  return type.element === 'bool' ? value === 1 : value;
}

/** One element of each row of a vector or list column; null where a row is null, or has no such element. */
export function elementColumn(column: Column, element: number, type: ColumnType): Column {
  const { rows, values, valid } = column;
  if (column.type.kind === 'vector') {
    const picked = createValues(type.element, rows);
    for (let row = 0; row < rows; row++) picked[row] = values[row * column.type.width + element] as never;
    return { type, rows, values: picked, ...(valid === undefined ? {} : { valid }) };
  }
  const cells = Array.from({ length: rows }, (_, row) => {
    const cell = cellAt(column, row) as readonly Cell[] | null;
    return cell?.[element] ?? null;
  });
  return columnOf(type, cells);
}

/** A column from cells, for tests and slow paths. */
export function columnOf(type: ColumnType, cells: readonly Cell[]): Column {
  const writer = new ColumnWriter(type, cells.length);
  cells.forEach((cell, row) => writer.set(row, cell));
  return writer.finish();
}

/** About what a column holds in memory, bytes. */
export function columnBytes({ values, valid, offsets }: Column): number {
  let bytes = 64 + (valid?.byteLength ?? 0) + (offsets?.byteLength ?? 0);
  if (!Array.isArray(values)) return bytes + values.byteLength;
  // A text has two bytes per unit at most, and some of its own.
  for (const value of values as readonly (string | Uint8Array)[])
    bytes += 24 + (typeof value === 'string' ? 2 * value.length : value.byteLength);
  return bytes;
}
