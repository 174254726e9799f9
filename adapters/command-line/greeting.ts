import { exampleOf, httpServer, pipelineCodec, type Server } from 'vivace';

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
      exampleOf(pipelineCodec(server.data.pipelines.describe(pipeline)).requestSchema, { nowMs: Date.now() }),
    );
    const url = `${address.replace('//0.0.0.0', '//127.0.0.1').replace('//[::]', '//[::1]')}${prefix}/v1/pipelines/${pipeline}/predict`;
    lines.push(
      'try:',
      `  curl ${url} -H 'content-type: application/json' -d '${body.replaceAll("'", "'\\''")}'`,
    );
  }
  return lines.length === 0 ? 'serving, without an address\n' : `${lines.join('\n')}\n`;
}
