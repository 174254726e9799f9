import type { Field } from '../data/feature-rows.js';
import { largestFloat32 } from '../data/float32.js';
import type { ColumnType } from '../data/types.js';
import { base64Text, longestList } from './json-values.js';
import { rfc3339 } from '../kernel/time.js';
import { errorCodes } from '../kernel/errors.js';
import { int64Text } from '../wire/json/texts.js';
import type { Scope } from '../data/frame.js';
import { statusNames } from '../data/status.js';
import type { DescribedNode, PipelineDescription, PipelineField } from '../ports/data-plane.js';

/** A schema of JSON Schema 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * JSON Schema (2020-12) of one value: what `valueReader` takes and `valueWriter` gives.
 *
 * @param maxLength The most UTF-16 units of a text. A schema counts characters, of which some are two units.
 */
export function valueSchema(type: ColumnType, maxLength?: number): JsonSchema {
  const element = elementSchema(type, maxLength);
  if (type.kind === 'scalar') return element;
  const size =
    type.kind === 'vector' ? { minItems: type.width, maxItems: type.width } : { maxItems: longestList };
  return { type: 'array', items: element, ...size };
}

function elementSchema(type: ColumnType, maxLength?: number): JsonSchema {
  const named = { enum: ['NaN', 'Infinity', '-Infinity'] };
  switch (type.element) {
    case 'float32':
      return {
        anyOf: [{ type: 'number', minimum: -largestFloat32, maximum: largestFloat32 }, named],
      };
    case 'float64':
      return { anyOf: [{ type: 'number' }, named] };
    case 'int32':
      return { type: 'integer', minimum: -2_147_483_648, maximum: 2_147_483_647 };
    case 'int64':
      return {
        anyOf: [
          { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
          { type: 'string', pattern: int64Text.source },
        ],
      };
    case 'bool':
      return { type: 'boolean' };
    case 'string':
      return { type: 'string', ...(maxLength === undefined ? {} : { maxLength }) };
    case 'timestamp':
      return { type: 'string', format: 'date-time', pattern: rfc3339.source };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64', pattern: base64Text.source };
  }
}

/** The schema of a request body. */
export function requestSchema({ request, objects, explain }: PipelineDescription): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    required: [...(request.length > 0 ? ['request'] : []), ...(objects === undefined ? [] : ['objects'])],
    properties: {
      request: fieldsSchema(request),
      ...(objects === undefined
        ? {}
        : {
            objects: {
              anyOf: [
                { type: 'array', maxItems: objects.max, items: fieldsSchema(objects.fields) },
                columnsSchema(objects),
              ],
            },
          }),
      explain: explain
        ? { type: 'boolean', description: 'answer the features used, with status and time' }
        : { const: false, description: 'this pipeline does not explain its answers' },
    },
  };
}

function fieldsSchema(fields: readonly PipelineField[]): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    required: fields.filter((field) => !field.optional).map((field) => field.name),
    properties: Object.fromEntries(
      fields.map((field) => [field.name, { ...optionalSchema(field), ...texts(field) }]),
    ),
  };
}

function columnsSchema({ fields, max }: NonNullable<PipelineDescription['objects']>): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    required: fields.filter((field) => !field.optional).map((field) => field.name),
    properties: Object.fromEntries(
      fields.map((field) => [
        field.name,
        { type: 'array', maxItems: max, items: optionalSchema(field), ...texts(field) },
      ]),
    ),
  };
}

function optionalSchema(field: PipelineField): JsonSchema {
  const schema = valueSchema(field.type, field.maxLength);
  return field.optional ? { anyOf: [schema, { type: 'null' }] } : schema;
}

function texts({ description, unit }: PipelineField): JsonSchema {
  const text = [description, unit === undefined ? undefined : `unit: ${unit}`]
    .filter((part) => part !== undefined)
    .join('; ');
  return text === '' ? {} : { description: text };
}

/** The schema of an answer. */
export function responseSchema({ objects, explained, ...description }: PipelineDescription): JsonSchema {
  const outputs = Object.fromEntries(description.outputs.map((output) => [output.name, nullable(output)]));
  const perObject =
    objects === undefined
      ? {}
      : { ...Object.fromEntries(objects.fields.map((field) => [field.name, nullable(field)])), ...outputs };
  const lists = Object.fromEntries(
    Object.entries(perObject).map(([name, schema]) => [name, { type: 'array', items: schema }]),
  );
  const names = Object.keys(perObject);
  return {
    type: 'object',
    required: ['requestId', 'models', objects === undefined ? 'outputs' : 'objects', 'degraded'],
    properties: {
      requestId: { type: 'string' },
      models: {
        type: 'array',
        items: {
          type: 'object',
          properties: { step: { type: 'string' }, name: { type: 'string' }, version: { type: 'string' } },
          required: ['step', 'name', 'version'],
        },
      },
      ...(objects === undefined
        ? { outputs: { type: 'object', required: Object.keys(outputs), properties: outputs } }
        : {
            objects: {
              anyOf: [
                {
                  type: 'array',
                  items: {
                    type: 'object',
                    required: ['index', ...names],
                    properties: { index: objectIndex, ...perObject },
                  },
                },
                {
                  type: 'object',
                  required: ['index', ...names],
                  properties: { index: { type: 'array', items: objectIndex }, ...lists },
                },
              ],
            },
          }),
      degraded: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            step: { type: 'string' },
            status: { enum: ['MISSING', 'STALE', 'FAILED'] },
            rows: { type: 'integer' },
            code: { enum: Object.keys(errorCodes), description: 'where the status is FAILED' },
          },
          required: ['step', 'status', 'rows'],
        },
      },
      ...(description.explain
        ? {
            explain: {
              ...explainSchema(explained, objects !== undefined),
              description: 'where the request asked for it',
            },
          }
        : {}),
    },
  };
}

const objectIndex: JsonSchema = {
  type: 'integer',
  description: 'place of the object in the request, from 0',
};
const instant: JsonSchema = { type: 'string', format: 'date-time' };

function nullable({ type }: Field): JsonSchema {
  return { anyOf: [valueSchema(type), { type: 'null' }] };
}

/** The schema of `explain` in an answer. */
function explainSchema(nodes: readonly DescribedNode[], hasObjects: boolean): JsonSchema {
  const inScope = (scope: Scope): JsonSchema =>
    Object.fromEntries(
      nodes.filter((node) => node.scope === scope).map((node) => [node.alias, nodeSchema(node)]),
    );
  const [request, object] = [inScope('request'), inScope('object')];
  return {
    type: 'object',
    required: ['time', 'request', ...(hasObjects ? ['objects'] : [])],
    properties: {
      time: { ...instant, description: 'the request time' },
      request: { type: 'object', required: Object.keys(request), properties: request },
      ...(hasObjects
        ? {
            objects: {
              type: 'array',
              items: {
                type: 'object',
                required: ['index', ...Object.keys(object)],
                properties: {
                  index: objectIndex,
                  skipped: { const: true, description: 'where the object was left out' },
                  ...object,
                },
              },
            },
          }
        : {}),
    },
  };
}

function nodeSchema({ hasStatus, columns }: DescribedNode): JsonSchema {
  const required = columns.map(({ name }) => name);
  if (!hasStatus) {
    const values = Object.fromEntries(columns.map((column) => [column.name, nullable(column)]));
    return { type: 'object', required, properties: values };
  }
  const status = { enum: statusNames };
  const features = Object.fromEntries(
    columns.map((column) => [
      column.name,
      { type: 'object', required: ['value', 'status'], properties: { value: nullable(column), status } },
    ]),
  );
  return {
    type: 'object',
    required: ['status', 'features'],
    properties: {
      status,
      eventTime: instant,
      availableTime: instant,
      features: { type: 'object', required, properties: features },
    },
  };
}
