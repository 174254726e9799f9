import { cellAt, ColumnWriter } from '../data/column.js';
import type { FrameColumn } from '../data/frame.js';
import { statusNames, type StatusName } from '../data/status.js';
import { VivaceError } from '../kernel/errors.js';
import type { FeatureAnswer, ReadDescription, ReadInput } from '../ports/data-plane.js';
import type { JsonLimits } from '../wire/json/limits.js';
import type { JsonSchema } from './json-schema.js';
import { mostFeatureRows, mostFeatures } from './feature-limits.js';
import { isObject, jsonValue, valueReader, valueWriter } from './json-values.js';
import { mistake, RequestMistakes, unknownField } from './request-mistakes.js';

/** The most values of one answer. */
const mostCells = 1_000_000;

/** What the JSON of a read may hold, whatever it asks for. */
export const readLimits: Omit<JsonLimits, 'maxDepth'> = { maxValues: 250_000, maxContainers: 2000 };

/** A read as its caller writes it: features, and their keys in columns. */
export interface ReadRequest {
  /** Each `view.feature`, or `view` for all features of one. */
  readonly features: readonly string[];
  /** A list of values per key, all of one length. */
  readonly keys: Readonly<Record<string, readonly unknown[]>>;
}

/** What a read answers. */
export interface ReadAnswer {
  readonly requestId: string;
  /** Values by feature, in the order of the keys; null where there is none. */
  readonly features: Readonly<Record<string, readonly unknown[]>>;
  /** Statuses of the features of which a value is not PRESENT. */
  readonly statuses: Readonly<Record<string, readonly StatusName[]>>;
  /** Rows that are not what a view holds, and why. */
  readonly degraded: readonly {
    readonly view: string;
    readonly status: 'MISSING' | 'STALE' | 'FAILED';
    readonly rows: number;
    readonly code?: string;
  }[];
}

/**
 * Reads what JSON.parse gave, `{ features, keys }`, without looking at the keys.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with the path of what is wrong.
 */
export function readRequest(body: unknown): {
  readonly features: readonly string[];
  readonly keys: Record<string, unknown>;
} {
  if (!isObject(body))
    throw new VivaceError('INVALID_ARGUMENT', 'the body must be a JSON object {"features": …, "keys": …}');
  const names = ['features', 'keys'];
  const other = Object.keys(body).find((name) => !names.includes(name));
  if (other !== undefined) throw mistake(unknownField(other, names), other);
  const { features, keys } = body;
  if (!Array.isArray(features)) throw mistake('must be a list of texts such as view.feature', 'features');
  const wrong = features.findIndex((feature) => typeof feature !== 'string');
  if (wrong >= 0) throw mistake('must be a text such as view.feature', `features[${wrong}]`);
  if (!isObject(keys)) throw mistake('must be an object with a list of values for each key', 'keys');
  return { features: features as string[], keys };
}

/**
 * Reads the keys of a request into columns.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` with all that is wrong: the first path, and the first of the mistakes as `details`.
 */
export function readKeys(description: ReadDescription, keys: Record<string, unknown>): ReadInput {
  const mistakes = new RequestMistakes();
  // Keys: names of keys of views.
  const names = [...new Set(description.keys.map(({ name }) => name))];
  const unknown = Object.keys(keys).filter((name) => !names.includes(name));
  const misspelt = unknown.map((name) => mistakes.meantBy(name, names));
  let rows: number | undefined;
  for (const name of names) {
    const list = keys[name];
    if (list === undefined && misspelt.includes(name)) continue;
    const wrong = !Array.isArray(list)
      ? `${list === undefined ? 'is missing: ' : 'must be '}a list of values`
      : rows !== undefined && list.length !== rows
        ? `${list.length} values, but another key has ${rows}`
        : undefined;
    if (wrong === undefined) rows = (list as unknown[]).length;
    else
      mistakes.add(
        () => `keys.${name}`,
        () => wrong,
      );
  }
  for (const name of unknown)
    mistakes.add(
      () => `keys.${name}`,
      () => unknownField(name, names),
    );
  if (mistakes.any) throw mistakes.error();
  const count = rows ?? 0;
  checkSize(description, count);
  const columns = description.keys.map((field) => {
    const read = valueReader(field.type, field.maxLength);
    const writer = new ColumnWriter(field.type, count);
    const list = keys[field.name] as readonly unknown[];
    for (let row = 0; row < count; row++) {
      const value = list[row];
      if (value === null || value === undefined) writer.setNull(row);
      else {
        const wrong = read(value, writer, row);
        if (wrong !== undefined)
          mistakes.add(() => `keys.${field.name}[${row}]${wrong.place}`, wrong.message);
      }
    }
    return writer.finish();
  });
  if (mistakes.any) throw mistakes.error();
  return { rows: count, keys: columns };
}

/** @throws {VivaceError} `INVALID_ARGUMENT` for more rows or values than one read gives. */
export function checkSize({ maxRows, features }: ReadDescription, rows: number): void {
  if (rows > maxRows) throw mistake(`${rows} values, but a read has at most ${maxRows}`, 'keys');
  if (rows * features.length > mostCells)
    throw mistake(
      `${rows} rows of ${features.length} features are more than ${mostCells} values: ask for them in several reads`,
      'keys',
    );
}

/** An answer as JSON text. */
export function readAnswerText(answer: FeatureAnswer): string {
  const { requestId, description } = answer;
  const names = description.features.map(({ name }) => JSON.stringify(name));
  const rows = Uint32Array.from({ length: answer.rows }, (_, row) => row);
  const values = answer.features.map((column, i) => {
    const write = valueWriter(column);
    return `${names[i]}:[${Array.from(rows, (row) => write(row)).join(',')}]`;
  });
  const statuses = answer.features.flatMap((column, i) =>
    column.status === undefined ? [] : [`${names[i]}:${JSON.stringify(statusesOf(column))}`],
  );
  return `{"requestId":${JSON.stringify(requestId)},"features":{${values.join(',')}},"statuses":{${statuses.join(',')}},"degraded":${JSON.stringify(degradedOf(answer))}}`;
}

/** The answer as an object, with the same values as `readAnswerText`. */
export function readAnswer(answer: FeatureAnswer): ReadAnswer {
  const named = answer.features.map((column, i) => [answer.description.features[i]!.name, column] as const);
  return {
    requestId: answer.requestId,
    features: Object.fromEntries(
      named.map(([name, column]) => [
        name,
        Array.from({ length: answer.rows }, (_, row) => jsonValue(cellAt(column, row), column)),
      ]),
    ),
    statuses: Object.fromEntries(
      named.flatMap(([name, column]) => (column.status === undefined ? [] : [[name, statusesOf(column)]])),
    ),
    degraded: degradedOf(answer),
  };
}

function statusesOf({ status = new Uint8Array() }: FrameColumn): StatusName[] {
  return Array.from(status, (code) => statusNames[code]!);
}

/** Rows that are not what a view holds, by view. */
export function degradedOf({ degraded }: FeatureAnswer): ReadAnswer['degraded'] {
  return degraded.map(({ step, ...rest }) => ({ view: step, ...rest }));
}

/** JSON Schema (2020-12) of a read. */
export const readRequestSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['features', 'keys'],
  properties: {
    features: {
      type: 'array',
      minItems: 1,
      maxItems: mostFeatures,
      items: { type: 'string' },
      description: 'each view.feature, or view for all features of one',
    },
    keys: {
      type: 'object',
      additionalProperties: { type: 'array', maxItems: mostFeatureRows },
      description: 'a list of values for each key of these views, all of one length',
    },
  },
};

/** JSON Schema (2020-12) of the answer to a read. */
export const readResponseSchema: JsonSchema = {
  type: 'object',
  required: ['requestId', 'features', 'statuses', 'degraded'],
  properties: {
    requestId: { type: 'string' },
    features: {
      type: 'object',
      additionalProperties: { type: 'array' },
      description: 'values by feature, in the order of the keys; null where there is none',
    },
    statuses: {
      type: 'object',
      additionalProperties: { type: 'array', items: { enum: statusNames } },
      description: 'of the features of which a value is not PRESENT',
    },
    degraded: {
      type: 'array',
      items: {
        type: 'object',
        required: ['view', 'status', 'rows'],
        properties: {
          view: { type: 'string' },
          status: { enum: ['MISSING', 'STALE', 'FAILED'] },
          rows: { type: 'integer' },
          code: { type: 'string', description: 'where the status is FAILED' },
        },
      },
    },
  },
};
