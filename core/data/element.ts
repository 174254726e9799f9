import { withArticle } from '../config/article.js';
import { fitsFloat32 } from './float32.js';
import type { ColumnType, ScalarType } from './types.js';

const least = -(2n ** 63n);
const beyond = 2n ** 63n;

/** Whether one element of a column can hold a value unchanged, except that a float32 may round it. */
export function isElement(element: ScalarType, value: unknown): boolean {
  switch (element) {
    case 'float32':
      return typeof value === 'number' && fitsFloat32(value);
    case 'float64':
      return typeof value === 'number';
    case 'int32':
      return typeof value === 'number' && (value | 0) === value;
    case 'int64':
      if (typeof value === 'bigint') return value >= least && value < beyond;
      return Number.isInteger(value) && (value as number) >= -(2 ** 63) && (value as number) < 2 ** 63;
    case 'timestamp':
      return Number.isSafeInteger(value);
    case 'bool':
      return typeof value === 'boolean' || value === 0 || value === 1;
    case 'string':
      return typeof value === 'string';
    case 'bytes':
      return value instanceof Uint8Array;
  }
}

/** What is wrong with a value: `1.5 is not an int32`. */
export function notElement(element: ScalarType, value: unknown): string {
  return `${show(value)} is not ${withArticle(element)}`;
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/**
 * Whether the configuration can give a type this default: numbers, texts and booleans as YAML has them. Other types (bytes, vectors, lists)
 * have no default.
 */
export function isDefault({ kind, element }: ColumnType, value: unknown): boolean {
  if (kind !== 'scalar' || element === 'bytes') return false;
  if (element === 'bool') return typeof value === 'boolean';
  // A number that no double holds exactly has been rounded before it gets here.
  if (element === 'int64') return Number.isSafeInteger(value);
  return isElement(element, value);
}

/** What is wrong with a default that `isDefault` refuses. */
export function notDefault(type: ColumnType, value: unknown): string {
  if (type.kind !== 'scalar' || type.element === 'bytes')
    return `there is no default for ${withArticle(type.name)}: leave it out`;
  return notElement(type.element, value);
}
