import {
  errorCodes,
  exampleOf,
  pushResponseSchema,
  readRequestSchema,
  readResponseSchema,
  requestIds,
} from 'vivace';
import type { FeatureApi } from './feature-api.js';
import type { SpokenPipeline } from './rest-api.js';

type Json = Readonly<Record<string, unknown>>;

const errors: Readonly<Record<string, string>> = {
  '400': 'A field, the JSON or the path is wrong; `path` names the field',
  '401': 'Who calls is not known',
  '403': 'The caller may not do this',
  '404': 'No such pipeline, or no such view',
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
    features,
  }: {
    readonly prefix: string;
    readonly version: string;
    readonly servers: readonly string[];
    readonly features: FeatureApi;
  },
): Json {
  return {
    openapi: '3.1.0',
    info: { title: 'Vivace', version },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: servers.length === 0 ? [relativeServer(prefix)] : servers.map((url) => ({ url })),
    tags: [
      { name: 'predictions', description: 'A path for each pipeline' },
      ...(features.reads || features.pushes.size > 0
        ? [{ name: 'features', description: 'Features without a pipeline' }]
        : []),
      { name: 'descriptions', description: 'What there is, and what it takes and gives' },
    ],
    paths: {
      ...Object.fromEntries(
        pipelines.map((pipeline) => [predictPath(prefix, pipeline.description.name), predictItem(pipeline)]),
      ),
      ...featurePaths(prefix, features),
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
        ...featureSchemas(features),
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

/** The paths of reads and pushes, where callers may do either. */
function featurePaths(prefix: string, features: FeatureApi): Json {
  const read = {
    post: {
      operationId: 'readFeatures',
      tags: ['features'],
      summary: 'Read features of one or more views by key',
      parameters: requestHeaders,
      requestBody: { required: true, content: reference('features.read.body') },
      responses: {
        '200': { description: 'The features', content: reference('features.read.answer') },
        ...errorResponses(Object.keys(errors)),
      },
    },
  };
  return {
    ...(features.reads ? { [`${prefix}/v1/features/read`]: read } : {}),
    ...Object.fromEntries(
      [...features.pushes.keys()].map((view) => [
        `${prefix}/v1/features/${encodeURIComponent(view)}/push`,
        pushItem(view),
      ]),
    ),
  };
}

function pushItem(view: string): Json {
  return {
    post: {
      operationId: `push-${view}`,
      tags: ['features'],
      summary: `Push rows to the view ${view}`,
      description:
        'Whole rows, at most 5 minutes ahead of the clock of the server. Rows that are wrong are named, and the others are written; 400 where all of them are. It may be repeated.',
      parameters: requestHeaders,
      requestBody: { required: true, content: reference(pushSchema(view)) },
      responses: {
        '200': { description: 'What became of the rows', content: reference('features.push.answer') },
        ...errorResponses(Object.keys(errors)),
      },
    },
  };
}

function featureSchemas(features: FeatureApi): Json {
  return {
    ...(features.reads
      ? { 'features.read.body': readRequestSchema, 'features.read.answer': readResponseSchema }
      : {}),
    ...(features.pushes.size > 0 ? { 'features.push.answer': pushResponseSchema } : {}),
    ...Object.fromEntries(
      [...features.pushes].map(([view, { requestSchema }]) => [pushSchema(view), requestSchema]),
    ),
  };
}

/** The name of the schema of pushes to a view, which no pipeline has: theirs end in Request and Response. */
function pushSchema(view: string): string {
  return `features.push.${view}.body`;
}

function reference(schema: string): Json {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
}

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
