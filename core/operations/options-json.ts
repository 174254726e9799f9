import { z } from 'zod';
import { isKeyType, parseType, scalarTypes } from '../data/types.js';
import { moment } from '../offline/spine.js';
import { fieldSpec } from '../pipeline/schema.js';
import { aggregateFeature, featureSpec, keyTypeName, typeName } from '../views/schema.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What editors are told of schemas that say more by code than a JSON Schema sees. */
const written = new Map<z.core.$ZodType, (json: Written) => JsonSchema>([
  [typeName, typeJson],
  [keyTypeName, keyTypeJson],
  [fieldSpec, fieldJson],
  [featureSpec, featureJson],
  [aggregateFeature, aggregateJson],
  [moment, momentJson],
]);

interface Written {
  readonly anyOf?: readonly JsonSchema[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

/** The JSON Schema of options as a file writes them, without those that only code can give: functions, clients, applications. */
export function optionsJson(schema: z.ZodObject): JsonSchema {
  const shape = Object.fromEntries(
    Object.entries(schema.shape).filter(([, option]) => !isCodeOnly(option as z.core.$ZodType)),
  );
  const loose = schema._zod.def.catchall?._zod.def.type !== 'never';
  const { $schema, ...json } = z.toJSONSchema(loose ? z.looseObject(shape) : z.strictObject(shape), {
    unrepresentable: 'any',
    io: 'input',
    override({ zodSchema, jsonSchema }) {
      const json = jsonSchema as Record<string, unknown>;
      if (json['secret'] === true) {
        delete json['secret'];
        json['x-secret'] = true;
      }
      const write = written.get(zodSchema);
      if (write === undefined) return;
      const replaced = write({ ...json });
      for (const key of Object.keys(json)) delete json[key];
      Object.assign(json, replaced);
    },
  });
  void $schema;
  return json;
}

/** True for an option that no file can hold. */
function isCodeOnly(schema: z.core.$ZodType): boolean {
  const definition = schema._zod.def as { type: string; innerType?: z.core.$ZodType };
  return (
    definition.type === 'custom' || (definition.innerType !== undefined && isCodeOnly(definition.innerType))
  );
}

function keyTypeJson({ description }: Written): JsonSchema {
  const names = scalarTypes.filter((name) => isKeyType(parseType(name)));
  return { type: 'string', enum: names, ...(description === undefined ? {} : { description }) };
}

function typeJson(): JsonSchema {
  return {
    anyOf: [
      { enum: [...scalarTypes, ...scalarTypes.map((type) => `list<${type}>`)] },
      {
        type: 'string',
        pattern: `^(${scalarTypes.join('|')})\\[[1-9][0-9]{0,5}\\]$`,
        description: 'a vector, such as float32[64]',
      },
    ],
  };
}

/** By what is written, so that an editor reports the mistake in what was meant. */
function fieldJson({ anyOf = [] }: Written): JsonSchema {
  const [name, block] = anyOf;
  return { type: ['string', 'object'], ...either({ type: 'object' }, block!, name!) };
}

function featureJson({ anyOf = [] }: Written): JsonSchema {
  const [plain, aggregate] = anyOf;
  return { type: 'object', ...either({ required: ['aggregate'] }, aggregate!, plain!) };
}

function aggregateJson(json: Written): JsonSchema {
  const { properties = {} } = json;
  const is = (aggregate: string): JsonSchema => ({ properties: { aggregate: { const: aggregate } } });
  const absent = (name: string): JsonSchema => ({ properties: { [name]: false } });
  const isOne = { properties: { aggregate: { enum: ['first', 'last'] } } };
  const isNumber = { properties: { type: { enum: ['float32', 'float64', 'int32', 'int64'] } } };
  return {
    ...json,
    properties,
    allOf: [
      either(is('count'), absent('of'), { required: ['of'] }),
      either(is('share'), { required: ['above'] }, absent('above')),
      either(is('count_distinct'), {}, absent('upTo')),
      either(isOne, { required: ['type'] }, isNumber),
      either({ required: ['windowHours'] }, absent('windowDays'), { required: ['windowDays'] }),
    ],
  };
}

function momentJson({ description }: Written): JsonSchema {
  return {
    type: 'string',
    pattern: '^\\d{4}-\\d{2}-\\d{2}([Tt ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?([Zz]|[+-]\\d{2}:\\d{2}))?$',
    ...(description === undefined ? {} : { description }),
    examples: ['2001-06-15', '2001-06-15T12:00Z'],
  };
}

function either(condition: JsonSchema, then: JsonSchema, otherwise: JsonSchema): JsonSchema {
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  return { if: condition, then, else: otherwise };
}

const reference = { type: 'string', pattern: '\\$\\{env:' };

/** Allows a reference to the environment wherever a plain text would not be valid. */
export function withReferences(schema: JsonSchema): JsonSchema {
  return visit(schema) as JsonSchema;
}

/** What stands under these keys is a name, a value or a condition, not what a file may hold. */
const literal = ['enum', 'const', 'required', 'propertyNames', 'examples', 'type', 'if'];

function visit(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(visit);
  if (typeof node !== 'object' || node === null) return node;
  const { description, default: initial, ...rest } = node as Record<string, unknown>;
  const texts = {
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
  };
  const { type } = rest;
  const plain = type === 'number' || type === 'integer' || type === 'boolean';
  const isText = type === 'string' || (type === undefined && 'enum' in rest);
  // Several patterns of one text are an `allOf`.
  const narrowed = ['pattern', 'enum', 'format', 'allOf'].some((key) => key in rest);
  if (plain || (isText && narrowed)) return { ...texts, anyOf: [rest, reference] };
  const inner = Object.entries(rest).map(([key, value]) => {
    if (literal.includes(key)) return [key, value];
    if (key === 'properties')
      return [
        key,
        Object.fromEntries(
          Object.entries(value as object).map(([name, property]) => [name, visit(property)]),
        ),
      ];
    return [key, visit(value)];
  });
  return { ...texts, ...(Object.fromEntries(inner) as object) };
}
