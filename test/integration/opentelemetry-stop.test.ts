import { expect } from 'chai';
import { once } from 'node:events';
import { createServer as listen, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'vivace';
import { freePort } from '../servers/server-process.js';
import { withEnvironment } from '../support/with-environment.js';

/** Far above the two seconds that it takes, and far below the twenty that the SDK would wait. */
const boundMs = 10_000;

/** How long a server with telemetry takes to stop when its calls have a second to end. */
async function stopMs(port: number): Promise<number> {
  let elapsed = 0;
  await withEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }, async () => {
    const server = await createServer({
      parts: { telemetry: { use: 'opentelemetry' } },
      pipelines: { p: { request: { x: 'float64' }, steps: [], response: { outputs: { x: 'request.x' } } } },
      drainTimeoutMs: 1000,
    });
    await server.start();
    await server.predict('p', { request: { x: 1 } });
    const from = performance.now();
    await server.stop().catch(() => undefined);
    elapsed = performance.now() - from;
    expect(server.control.state).to.equal('stopped');
  });
  return elapsed;
}

describe('opentelemetry: stopping', () => {
  it('does not wait for a receiver that takes everything and never answers', async () => {
    const sockets = new Set<Socket>();
    const silent = listen((socket) => sockets.add(socket.on('error', () => undefined))).listen(
      0,
      '127.0.0.1',
    );
    await once(silent, 'listening');
    try {
      expect(await stopMs((silent.address() as AddressInfo).port)).to.be.below(boundMs);
      expect(sockets.size).to.be.above(0);
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });

  it('does not wait for a receiver that is away', async () => {
    expect(await stopMs(await freePort())).to.be.below(boundMs);
  });
});
