import { expect } from 'chai';
import hostExpress from 'express';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, httpServer } from 'vivace';
import { memory, type InjectableServer } from 'vivace/adapters/memory';
import { sendOverSocket } from 'vivace/testing';

describe('a composed server', () => {
  it('answers over an HTTP server in memory that stands in for express', async () => {
    const server = await createServer({
      parts: {
        web: { use: 'express', port: 0 },
        api: { use: 'rest', server: 'web' },
        ops: { use: 'operations', server: 'web' },
      },
      pipelines: {},
      override: { web: { use: memory } },
    });
    await server.start();
    const web = server.part(httpServer, 'web') as InjectableServer;
    expect((await web.inject({ path: '/health/ready' })).json()).to.deep.equal({
      ready: true,
      reasons: [],
      details: [],
    });
    expect((await web.inject({ path: '/v1/pipelines' })).json()).to.deep.equal({ pipelines: [] });
    expect((await web.inject({ path: '/v1/info' })).json()).to.include({ state: 'ready' });
    await server.stop();
  });

  it("is mounted in a team's application, which closes by itself", async () => {
    const ml = hostExpress.Router();
    const app = hostExpress().use('/ml', ml);
    const server = await createServer({
      parts: { web: { use: 'express', router: ml }, ops: { use: 'operations', server: 'web' } },
      pipelines: {},
    });
    const listening = createHttpServer(app).listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    const ready = async (): Promise<number> => {
      const address = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
      return (await sendOverSocket(address, { path: '/ml/health/ready' })).status;
    };
    const statuses = [await ready()];
    await server.start();
    statuses.push(await ready());
    await server.stop();
    statuses.push(await ready());
    listening.close();
    // Parts are made when the server starts: before that the router is empty.
    expect(statuses).to.deep.equal([404, 200, 503]);
  });
});
