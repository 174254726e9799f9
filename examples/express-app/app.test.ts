import { strict as assert } from 'node:assert';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server } from 'vivace';
import { createApp } from './app.js';

describe('example express-app', () => {
  let http: HttpServer;
  let server: Server;
  let base: string;

  before(async () => {
    const created = await createApp();
    server = created.server;
    await new Promise<void>((resolve) => (http = created.app.listen(0, '127.0.0.1', () => resolve())));
    base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });
  after(async () => {
    await server.stop();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });

  it('answers predictions under the path it is mounted at, with a body the application has parsed', async () => {
    const response = await fetch(`${base}/ml/v1/pipelines/calendar/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ request: { departure: '2001-06-15T08:30:00Z' } }),
    });
    assert.equal(response.status, 200);
    assert.deepEqual(((await response.json()) as { outputs: object }).outputs, { hour: 8, weekday: 5 });
  });

  it("leaves the application's own routes and middleware alone", async () => {
    const response = await fetch(base);
    assert.equal(await response.text(), 'the team’s own page');
    assert.equal(response.headers.get('x-team'), 'flights');
  });
});
