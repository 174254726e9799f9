import { withArticle } from '../config/article.js';
import { VivaceError } from '../kernel/errors.js';

/** The element types of a column. `timestamp` is whole microseconds since 1970-01-01T00:00:00Z in a float64. */
export const scalarTypes = [
  'float32',
  'float64',
  'int32',
  'int64',
  'bool',
  'string',
  'timestamp',
  'bytes',
] as const;
export type ScalarType = (typeof scalarTypes)[number];

/** `float32`, a fixed vector `float32[64]`, or a list of any length `list<float32>`. */
export type TypeName = ScalarType | `${ScalarType}[${number}]` | `list<${ScalarType}>`;

/** The element type of a type: `float32` of `float32[64]`. */
export type ElementOf<T extends TypeName> = T extends `${infer E extends ScalarType}[${number}]`
  ? E
  : T extends `list<${infer E extends ScalarType}>`
    ? E
    : Extract<T, ScalarType>;

/** Columns as an author declares them, by name: a type name, or a type with more to say. */
export type DeclaredColumns = Readonly<Record<string, TypeName | { readonly type: TypeName }>>;

/** The type name of a declared column. */
export type DeclaredType<D> = D extends TypeName
  ? D
  : D extends { readonly type: infer T extends TypeName }
    ? T
    : never;

/** A parsed type. `width` is the number of elements of a fixed vector, 1 for a scalar. */
export interface ColumnType {
  readonly name: TypeName;
  readonly element: ScalarType;
  readonly kind: 'scalar' | 'vector' | 'list';
  readonly width: number;
}

const pattern = /^(?:(?<scalar>[a-z0-9]+)(?:\[(?<width>[1-9][0-9]{0,5})\])?|list<(?<list>[a-z0-9]+)>)$/;
// Keys: names of types.
const parsed = new Map<string, ColumnType>();

/**
 * Parses the name of a type.
 *
 * @throws {VivaceError} `INVALID_CONFIG` for anything that is not a type name.
 */
export function parseType(name: string): ColumnType {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const groups = pattern.exec(name)?.groups;
  const element = groups?.['scalar'] ?? groups?.['list'];
  if (groups === undefined || !(scalarTypes as readonly string[]).includes(element ?? '')) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `"${name}" is not a type: use ${scalarTypes.join(', ')}, a vector such as float32[64] or a list such as list<int64>`,
    );
  }
  const width = groups['width'];
  const type: ColumnType = {
    name: name as TypeName,
    element: element as ScalarType,
    kind: groups['list'] !== undefined ? 'list' : width !== undefined ? 'vector' : 'scalar',
    width: width === undefined ? 1 : Number(width),
  };
  parsed.set(name, type);
  return type;
}

/** Whether a type's values can be keys: two of them are either exactly equal or different. */
export function isKeyType({ kind, element }: ColumnType): boolean {
  return kind === 'scalar' && !['float32', 'float64', 'bytes'].includes(element);
}

/** What `isKeyType` admits, in words. */
export const keyTypes = 'a key is a string, int32, int64, bool or timestamp';

/** What is wrong with a key of a type that `isKeyType` refuses. */
export function notKey(type: ColumnType): string {
  return `${keyTypes}, not ${withArticle(type.name)}`;
}

/** True where `name` is a type name. */
export function isTypeName(name: string): name is TypeName {
  try {
    parseType(name);
    return true;
  } catch {
    return false;
  }
}

/** Bytes of one element in a fixed-width cell; 0 for `string` and `bytes`, which live in the heap. */
export const elementBytes: Readonly<Record<ScalarType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  bool: 1,
  string: 0,
  timestamp: 8,
  bytes: 0,
};
