import { requestIds } from 'vivace';
import type { SpokenPipeline } from './rest-api.js';

type Json = Readonly<Record<string, unknown>>;

const errors: Readonly<Record<string, string>> = {
  '400': 'A field, the JSON or the path is wrong; `path` names the field',
  '404': 'No such pipeline',
  '405': 'The method is not allowed; see Allow',
  '408': 'The request did not arrive in time',
  '413': 'The body is too large',
  '415': 'The content type or encoding is not supported',
  '422': 'A feature is missing that the pipeline requires',
  '429': 'Too much at once; see Retry-After',
  '500': 'A fault of the server',
  '503': 'Not ready, or stopping; see Retry-After',
  '504': 'The deadline has passed',
};

/**
 * The OpenAPI document of the API, from the pipelines' own schemas.
 *
 * @see https://spec.openapis.org/oas/v3.1.0
 */
export function openApiDocument(
  pipelines: readonly SpokenPipeline[],
  { prefix, version }: { readonly prefix: string; readonly version: string },
): Json {
  const names = pipelines.map(({ description }) => description.name);
  return {
    openapi: '3.1.0',
    info: { title: 'Vivace', version },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    paths: {
      ...Object.fromEntries(names.map((name) => [predictPath(prefix, name), predictItem(name)])),
      [`${prefix}/v1/pipelines`]: get('listPipelines', 'The names of the pipelines', {
        type: 'object',
        required: ['pipelines'],
        properties: { pipelines: { type: 'array', items: { type: 'string' } } },
      }),
      [`${prefix}/v1/pipelines/{name}`]: {
        parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
        ...get('describePipeline', 'The schemas and the plan of a pipeline', { type: 'object' }, ['404']),
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
    code: { type: 'string', description: 'stable; INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE, …' },
    message: { type: 'string', description: 'for people; it may change' },
    path: { type: 'string', description: 'the field at fault, such as objects[3].destination' },
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

function predictPath(prefix: string, name: string): string {
  return `${prefix}/v1/pipelines/${encodeURIComponent(name)}/predict`;
}

function predictItem(name: string): Json {
  const content = (kind: string): Json => ({
    'application/json': { schema: { $ref: `#/components/schemas/${schemaName(name, kind)}` } },
  });
  return {
    post: {
      operationId: `predict-${name}`,
      summary: `Predict with the pipeline ${name}`,
      parameters: requestHeaders,
      requestBody: { required: true, content: content('Request') },
      responses: {
        '200': { description: 'The answer', content: content('Response') },
        ...errorResponses(Object.keys(errors)),
      },
    },
  };
}

function get(operationId: string, summary: string, schema: Json, statuses: readonly string[] = []): Json {
  return {
    get: {
      operationId,
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
