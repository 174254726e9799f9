import {
  formatInstant,
  httpServer,
  instantOfMillis,
  pipelineCodec,
  type JsonSchema,
  type Server,
} from 'vivace';

/** Where the server listens, and a request to paste for its first pipeline. */
export function greeting(server: Server): string {
  const addresses = server.addresses();
  const lines = addresses.map((address) => `serving on ${address}`);
  const api = server.bindings.find((binding) => binding.use === 'rest');
  const [pipeline] = server.data.pipelines.names();
  const name = api?.slots['server'];
  const address = name === undefined ? undefined : server.part(httpServer, name).address();
  if (address !== undefined && pipeline !== undefined) {
    const { prefix = '' } = (api?.options ?? {}) as { prefix?: string };
    const body = JSON.stringify(
      exampleOf(pipelineCodec(server.data.pipelines.describe(pipeline)).requestSchema),
    );
    const url = `${address.replace('//0.0.0.0', '//127.0.0.1').replace('//[::]', '//[::1]')}${prefix}/v1/pipelines/${pipeline}/predict`;
    lines.push(
      'try:',
      `  curl ${url} -H 'content-type: application/json' -d '${body.replaceAll("'", "'\\''")}'`,
    );
  }
  return lines.length === 0 ? 'serving, without an address\n' : `${lines.join('\n')}\n`;
}

/** A value that fits a schema of a request: what is required, and two of each list. */
function exampleOf(schema: JsonSchema): unknown {
  const {
    anyOf,
    type,
    format,
    properties = {},
    required = [],
    items,
    minItems = 2,
  } = schema as {
    anyOf?: readonly JsonSchema[];
    type?: string;
    format?: string;
    properties?: Readonly<Record<string, JsonSchema>>;
    required?: readonly string[];
    items?: JsonSchema;
    minItems?: number;
  };
  if (anyOf !== undefined) return exampleOf(anyOf[0]!);
  switch (type) {
    case 'object':
      return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name]!)]));
    case 'array':
      return Array.from({ length: minItems }, () => exampleOf(items!));
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'boolean':
      return true;
    default:
      return format === 'date-time'
        ? formatInstant(instantOfMillis(Math.floor(Date.now() / 1000) * 1000))
        : 'contentEncoding' in schema
          ? 'AAAA'
          : 'text';
  }
}
