import { expect } from 'chai';
import hostExpress from 'express';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpServer, transport } from 'vivace';
import { express } from 'vivace/adapters/express';
import { rest } from 'vivace/plugins/rest';
import { callContext, planes, sendOverSocket, startPart } from 'vivace/testing';
import { predict, type ErrorBody } from '../support/echo-answers.js';

describe("rest in a team's own express application", () => {
  /** Sends a POST through an application in which Vivace is mounted under /ml behind `middleware`. */
  async function mounted(
    middleware: hostExpress.RequestHandler[],
    body: string,
    headers = {},
  ): Promise<[number, ErrorBody]> {
    const router = hostExpress.Router();
    const server = await startPart(express, { router });
    const api = await startPart(rest, {}, { uses: { server: server.face(httpServer) } });
    await api.face(transport).serve(planes(), callContext());
    const app = hostExpress();
    for (const handler of middleware) app.use(handler);
    app.use('/ml', router);
    const listening = createServer(app).listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    try {
      const address = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
      const answer = await sendOverSocket(address, {
        path: `/ml${predict}`,
        body: Buffer.from(body),
        headers,
      });
      return [answer.status, JSON.parse(answer.text) as ErrorBody];
    } finally {
      listening.close();
      await server.stop();
    }
  }
  const json = { 'content-type': 'application/json' };

  it('reads the body itself where nobody has', async () => {
    const [status, { outputs }] = await mounted([], '{"request":{"text":"a"}}', json);
    expect([status, outputs?.text]).to.deep.equal([200, 'a']);
  });

  it('uses a body that the application has parsed', async () => {
    const [status, { outputs }] = await mounted([hostExpress.json()], '{"request":{"text":"a"}}', json);
    expect([status, outputs?.text]).to.deep.equal([200, 'a']);
  });

  it('looks at the keys of a body that the application has parsed', async () => {
    const [status, { path }] = await mounted([hostExpress.json()], '{"a":{"constructor":1}}', json);
    expect([status, path]).to.deep.equal([400, 'a.constructor']);
  });

  it('uses a body that the application has read as bytes or text', async () => {
    for (const parser of [hostExpress.raw({ type: '*/*' }), hostExpress.text({ type: '*/*' })]) {
      expect((await mounted([parser], '{"request":{}}', json))[0]).to.equal(200);
    }
  });

  it('names the mistake where a middleware has read the body and kept it', async () => {
    const swallow: hostExpress.RequestHandler = (request, _response, next) => {
      request.resume().on('end', () => next());
    };
    const [status, { message }] = await mounted([swallow], '{"a":1}', json);
    expect(status).to.equal(500);
    expect(message).to.contain('read the body without parsing it');
  });

  it('leaves requests that are not its own untouched', async () => {
    const router = hostExpress.Router();
    const server = await startPart(express, { router });
    const api = await startPart(rest, {}, { uses: { server: server.face(httpServer) } });
    await api.face(transport).serve(planes(), callContext());
    const app = hostExpress().use(router).use(hostExpress.json());
    app.post('/own', (request, response) => void response.json({ own: request.body as unknown }));
    const listening = createServer(app).listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    const address = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    const answer = await sendOverSocket(address, {
      path: '/own',
      body: Buffer.from('{"a":1}'),
      headers: json,
    });
    listening.close();
    await server.stop();
    expect(answer.text).to.equal('{"own":{"a":1}}');
  });
});
