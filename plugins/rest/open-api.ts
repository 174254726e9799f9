import { errorCodes, exampleOf, requestIds } from 'vivace';
import type { SpokenPipeline } from './rest-api.js';

type Json = Readonly<Record<string, unknown>>;

const errors: Readonly<Record<string, string>> = {
  '400': 'A field, the JSON or the path is wrong; `path` names the field',
  '401': 'Who calls is not known',
  '403': 'The caller may not do this',
  '404': 'No such pipeline',
  '405': 'The method is not allowed; see Allow',
  '408': 'The request did not arrive in time',
  '409': 'It was changed meanwhile; try again',
  '412': 'It cannot be done as things are',
  '413': 'The body is too large',
  '415': 'The content type or encoding is not supported',
  '422': 'A feature is missing that the pipeline requires',
  '429': 'Too much at once; see Retry-After',
  '500': 'A fault of the server',
  '501': 'Not offered here',
  '503': 'Not ready, stopping, or busy with too much; see Retry-After',
  '504': 'The deadline has passed',
};

/**
 * The OpenAPI document of the API, from the pipelines' own schemas.
 *
 * @see https://spec.openapis.org/oas/v3.1.0
 */
export function openApiDocument(
  pipelines: readonly SpokenPipeline[],
  {
    prefix,
    version,
    servers,
  }: { readonly prefix: string; readonly version: string; readonly servers: readonly string[] },
): Json {
  return {
    openapi: '3.1.0',
    info: { title: 'Vivace', version },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: servers.length === 0 ? [relativeServer(prefix)] : servers.map((url) => ({ url })),
    tags: [
      { name: 'predictions', description: 'A path for each pipeline' },
      { name: 'descriptions', description: 'What there is, and what it takes and gives' },
    ],
    paths: {
      ...Object.fromEntries(
        pipelines.map((pipeline) => [predictPath(prefix, pipeline.description.name), predictItem(pipeline)]),
      ),
      [`${prefix}/v1/pipelines`]: get('listPipelines', 'The names of the pipelines', {
        type: 'object',
        required: ['pipelines'],
        properties: { pipelines: { type: 'array', items: { type: 'string' } } },
      }),
      [`${prefix}/v1/pipelines/{name}`]: {
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
        ...get('describePipeline', 'The schemas and the plan of a pipeline', describedSchema, ['404']),
      },
    },
    components: {
      schemas: {
        Error: errorSchema,
        ...Object.fromEntries(
          pipelines.flatMap(({ description: { name }, codec }) => [
            [schemaName(name, 'Request'), codec.requestSchema],
            [schemaName(name, 'Response'), codec.responseSchema],
          ]),
        ),
      },
      responses: Object.fromEntries(
        Object.entries(errors).map(([status, description]) => [
          `Error${status}`,
          {
            description,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        ]),
      ),
    },
  };
}

const errorSchema: Json = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: {
      // A mistake of the configuration is found before the server answers.
      enum: Object.keys(errorCodes).filter((code) => code !== 'INVALID_CONFIG'),
      description: 'stable',
    },
    message: { type: 'string', description: 'for people; it may change' },
    path: { type: 'string', description: 'the field at fault, such as objects[3].destination' },
    details: {
      type: 'array',
      maxItems: 20,
      description:
        'where fields are at fault: the first mistakes of the request, that at `path` before the others',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
    requestId: { type: 'string' },
  },
};

const requestHeaders: readonly Json[] = [
  {
    name: 'x-request-id',
    in: 'header',
    description: 'repeated in the answer and in the log; generated if absent',
    schema: { type: 'string', pattern: requestIds.pattern.source },
  },
  {
    name: 'x-deadline-ms',
    in: 'header',
    description: 'milliseconds after which the caller needs no answer',
    schema: { type: 'integer', minimum: 1, maximum: 2_147_483_647 },
  },
  { name: 'traceparent', in: 'header', description: 'W3C trace context', schema: { type: 'string' } },
];

/** Times of examples, 2026-01-01T08:00:00Z, so that the document is the same each time. */
const exampleTimeMs = 1_767_254_400_000;
/** Longest example, characters of JSON: one with long vectors helps nobody. */
const longestExample = 4000;

const describedSchema: Json = {
  type: 'object',
  required: ['name', 'requestSchema', 'responseSchema', 'plan'],
  properties: {
    name: { type: 'string' },
    description: { type: 'string' },
    requestSchema: { type: 'object', description: 'JSON Schema 2020-12 of a request' },
    responseSchema: { type: 'object', description: 'JSON Schema 2020-12 of an answer' },
    plan: { type: 'object', description: 'what runs, for people' },
  },
};

/** The root of the paths, relative to where this document is served: an application may have mounted it anywhere. */
function relativeServer(prefix: string): Json {
  const up = prefix.split('/').length - 1;
  return {
    url: up === 0 ? '.' : Array.from({ length: up }, () => '..').join('/'),
    description: 'where this document is served',
  };
}

function predictPath(prefix: string, name: string): string {
  return `${prefix}/v1/pipelines/${encodeURIComponent(name)}/predict`;
}

function predictItem({ description: { name, description, deadlineMs }, codec }: SpokenPipeline): Json {
  const content = (kind: string, schema: Json): Json => {
    const example = exampleOf(schema, { nowMs: exampleTimeMs });
    const isShort = JSON.stringify(example).length <= longestExample;
    return {
      'application/json': {
        schema: { $ref: `#/components/schemas/${schemaName(name, kind)}` },
        ...(isShort ? { example } : {}),
      },
    };
  };
  const deadline = `Answered within ${deadlineMs} ms, or with 504.`;
  return {
    post: {
      operationId: `predict-${name}`,
      tags: ['predictions'],
      summary: `Predict with the pipeline ${name}`,
      description: description === undefined ? deadline : `${description}\n\n${deadline}`,
      parameters: requestHeaders,
      requestBody: { required: true, content: content('Request', codec.requestSchema) },
      responses: {
        '200': { description: 'The answer', content: content('Response', codec.responseSchema) },
        ...errorResponses(Object.keys(errors)),
      },
    },
  };
}

function get(operationId: string, summary: string, schema: Json, statuses: readonly string[] = []): Json {
  return {
    get: {
      operationId,
      tags: ['descriptions'],
      summary,
      responses: {
        '200': { description: summary, content: { 'application/json': { schema } } },
        ...errorResponses([...statuses, '405', '500', '503']),
      },
    },
  };
}

function errorResponses(statuses: readonly string[]): Json {
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/Error${status}` }]),
  );
}

/** Component names are letters, digits, `.`, `-` and `_` only. */
function schemaName(pipeline: string, kind: string): string {
  return `${pipeline.replace(/[^A-Za-z0-9._-]/g, '_')}.${kind}`;
}
