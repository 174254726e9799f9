import { withArticle } from '../config/article.js';
import { cellAt, type Cell, type Column, type ColumnWriter } from '../data/column.js';
import { largestFloat32 } from '../data/float32.js';
import type { ColumnType } from '../data/types.js';
import { formatInstant, instantOf } from '../kernel/time.js';
import { floatNames, int64Text } from '../wire/json/texts.js';

/** Reads one JSON value into a row, or says why it cannot. */
export type ValueReader = (value: unknown, writer: ColumnWriter, row: number) => WrongValue | undefined;

/** Bytes as a text; the JSON schema has the same pattern. */
export const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** The most elements of one list. */
export const longestList = 100_000;

/**
 * The reader of a type, created once per field when the plan is compiled.
 *
 * @param maxLength The most UTF-16 units of a text.
 */
export function valueReader(type: ColumnType, maxLength = Infinity): ValueReader {
  const element = elementReader(type, maxLength);
  if (type.kind === 'scalar') {
    return (value, writer, row) => {
      const read = element(value);
      if (read instanceof WrongValue) return read;
      writer.values[row] = read;
      return undefined;
    };
  }
  return (value, writer, row) => {
    const items = asArray(value);
    if (items === undefined) return new WrongValue(() => `${describe(value)} is not a list`);
    const { length } = items;
    if (type.kind === 'vector' && length !== type.width)
      return new WrongValue(() => `${length} values, but ${withArticle(type.name)} has ${type.width}`);
    if (length > longestList) return new WrongValue(() => `a list holds at most ${longestList} values`);
    const cells = new Array<Cell>(length);
    for (let i = 0; i < length; i++) {
      const read = element(items[i]);
      if (read instanceof WrongValue) return new WrongValue(() => read.message(), `[${i}]`);
      cells[i] = read;
    }
    writer.set(row, cells);
    return undefined;
  };
}

/** Why a value cannot be read; its message is made only where it is shown, because a request may have any number of mistakes. */
export class WrongValue {
  readonly message: () => string;
  /** What the path goes on with, where an element is wrong: `[3]`. */
  readonly place: string;

  constructor(message: () => string, place = '') {
    this.message = message;
    this.place = place;
  }
}

function asArray(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value as unknown[];
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? Array.from(value as Float64Array)
    : undefined;
}

function elementReader(
  type: ColumnType,
  maxLength: number,
): (value: unknown) => number | bigint | string | Uint8Array | WrongValue {
  const no = (value: unknown, hint = ''): WrongValue =>
    new WrongValue(() => `${describe(value)} is not ${withArticle(type.element)}${hint}`);
  switch (type.element) {
    case 'float32':
    case 'float64': {
      const limit = type.element === 'float32' ? largestFloat32 : Number.MAX_VALUE;
      return (value) => {
        if (typeof value === 'number') {
          return Math.abs(value) <= limit || Number.isNaN(value)
            ? value
            : no(
                value,
                `${Number.isFinite(value) ? ': it is out of range' : ''}; write infinity as the string "Infinity"`,
              );
        }
        return floatNames.get(value) ?? no(value);
      };
    }
    case 'int32':
      return (value) => (typeof value === 'number' && (value | 0) === value ? value : no(value));
    case 'int64':
      return (value) => {
        if (typeof value === 'number')
          return Number.isSafeInteger(value)
            ? BigInt(value)
            : no(
                value,
                value % 1 === 0 || !Number.isFinite(value) ? '; beyond 2^53 write it as a string' : '',
              );
        if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : no(value);
        if (typeof value !== 'string' || !int64Text.test(value)) return no(value);
        const number = BigInt(value);
        return BigInt.asIntN(64, number) === number ? number : no(value);
      };
    case 'bool':
      return (value) => (typeof value === 'boolean' ? Number(value) : no(value));
    case 'string':
      return (value) => {
        if (typeof value !== 'string') return no(value);
        if (value.length > maxLength) return tooLong(value.length, maxLength);
        return value.isWellFormed() ? value : notWellFormed;
      };
    case 'timestamp':
      return (value) => {
        const micros = instantOf(value);
        return micros ?? no(value, ', such as "2001-06-15T08:30:00Z"');
      };
    case 'bytes':
      return (value) => {
        if (value instanceof Uint8Array) return value;
        return typeof value === 'string' && base64Text.test(value)
          ? Uint8Array.from(Buffer.from(value, 'base64'))
          : no(value, ' in base64');
      };
  }
}

const notWellFormed = new WrongValue(() => 'the string is not well-formed Unicode');

function tooLong(length: number, maxLength: number): WrongValue {
  return new WrongValue(() => `${length} UTF-16 units, but a text has at most ${maxLength}`);
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (value !== null && typeof value === 'object') return 'an object';
  // What JSON writes as 1e400 is read as infinity.
  if (value === Infinity || value === -Infinity) return 'a number out of range';
  if (Number.isNaN(value)) return 'NaN';
  const text =
    typeof value === 'bigint'
      ? String(value)
      : JSON.stringify(typeof value === 'string' ? value.slice(0, 100) : value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Writes a row's value as JSON text; created once per column of an answer. */
export function valueWriter(column: Column): (row: number) => string {
  const { values, valid, type } = column;
  if (type.kind !== 'scalar') return (row) => cellText(column, row);
  if (valid === undefined) {
    switch (type.element) {
      case 'float32':
      case 'float64':
      case 'int32': {
        const numbers = values as Float64Array;
        return (row) => numberText(numbers[row] as number);
      }
      case 'string': {
        const texts = values as string[];
        return (row) => JSON.stringify(texts[row]);
      }
    }
  }
  return (row) => cellText(column, row);
}

/** A cell as JSON text. */
export function cellText(column: Column, row: number): string {
  return jsonText(jsonValue(cellAt(column, row), column));
}

/** As `JSON.stringify`, which writes −0 as 0. */
function jsonText(value: unknown): string {
  if (typeof value === 'number') return numberText(value);
  return Array.isArray(value) ? `[${value.map(jsonText).join(',')}]` : JSON.stringify(value);
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  // Some readers take −0 without a fraction for the integer 0.
  return value === 0 && Object.is(value, -0) ? '-0.0' : String(value);
}

/** A cell as a JSON value: see design §3, "Numbers". */
export function jsonValue(cell: Cell, column: Pick<Column, 'type'>): unknown {
  if (cell === null) return null;
  if (Array.isArray(cell)) return (cell as readonly Cell[]).map((inner) => jsonValue(inner, column));
  if (typeof cell === 'bigint')
    return cell >= BigInt(Number.MIN_SAFE_INTEGER) && cell <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(cell)
      : String(cell);
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString('base64');
  if (column.type.element === 'timestamp') return formatInstant(cell as number);
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : String(cell);
  return cell;
}

/** Whether a value is an object with named members, as JSON writes one. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
