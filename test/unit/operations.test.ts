import { expect } from 'chai';
import { httpServer, transport, VivaceError, type ControlPlane } from 'vivace';
import { express } from 'vivace/adapters/express';
import { memory, type InjectableServer, type InjectedResponse } from 'vivace/adapters/memory';
import { operations } from 'vivace/plugins/operations';
import { callContext, planes, sendOverSocket, startPart, type TestPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';

async function get(path: string, own: Partial<ControlPlane> = {}, method = 'GET'): Promise<InjectedResponse> {
  const server = (await startPart(memory)).face(httpServer) as InjectableServer;
  const part = await startPart(operations, { prefix: '/ops' }, { uses: { server } });
  await part.face(transport).serve(planes({ control: own }), callContext());
  return server.inject({ path: `/ops${path}`, method });
}

describe('operations', () => {
  it('is alive, also while it is not ready', async () => {
    const answer = await get('/health/live', {
      readiness: () => ({ ready: false, reasons: ['draining'], details: [] }),
    });
    expect([answer.status, answer.json()]).to.deep.equal([200, { live: true }]);
  });

  it('is ready when the server is', async () => {
    const answer = await get('/health/ready');
    expect([answer.status, answer.json()]).to.deep.equal([200, { ready: true, reasons: [], details: [] }]);
    expect(answer.headers['cache-control']).to.equal('no-store');
  });

  it('answers 503 with the reasons while the server is not ready', async () => {
    const reasons = ['predictor "delays" has no loaded model'];
    const details = ['last-known: predictor "eta" serves eta 1 from its disk'];
    const answer = await get('/health/ready', { readiness: () => ({ ready: false, reasons, details }) });
    expect([answer.status, answer.json()]).to.deep.equal([503, { ready: false, reasons, details }]);
  });

  it('gives the metrics as the telemetry part writes them', async () => {
    const body = '# HELP vivace_ready\nvivace_ready 1\n';
    const answer = await get('/metrics', {
      scrape: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body }),
    });
    expect([answer.status, answer.headers['content-type'], answer.text]).to.deep.equal([
      200,
      'text/plain; version=0.0.4',
      body,
    ]);
  });

  it('says what to configure where there are no metrics', async () => {
    const answer = await get('/metrics');
    expect(answer.status).to.equal(404);
    expect((answer.json() as { message: string }).message).to.contain('use: opentelemetry');
  });

  it('says what is running', async () => {
    const models = [{ predictor: 'delays', name: 'flight-delays', version: '3' }] as unknown as ReturnType<
      ControlPlane['models']
    >;
    const answer = await get('/v1/info', { models: () => models });
    expect(answer.json()).to.deep.include({ name: 'vivace', version: '1.2.3', models, pipelines: ['echo'] });
  });

  it('answers 405 to another method', async () => {
    const answer = await get('/health/live', {}, 'POST');
    expect([answer.status, answer.headers.allow]).to.deep.equal([405, 'GET, HEAD']);
  });

  describe('administration', () => {
    const served = async (part: TestPart): Promise<void> =>
      part.face(transport).serve(planes(), callContext());

    it('is off without `admin`, and takes no path but its own', async () => {
      const answer = await get('/v1/predictors/delays/refresh', {}, 'POST');
      expect([answer.status, (answer.json() as { message: string }).message]).to.deep.equal([
        501,
        'predictors are not refreshed over HTTP: that needs `admin: true`',
      ]);
      for (const path of ['/v1/predictors', '/v1/predictors//refresh', '/v1/predictors/a/b/refresh'])
        expect((await get(path, {}, 'POST')).status, path).to.equal(404);
    });

    it('is refused on a server that does not listen itself', async () => {
      const server = (await startPart(memory)).face(httpServer);
      const part = await startPart(operations, { admin: true }, { uses: { server } });
      expect(await failureOf(served(part))).to.match(
        /^INVALID_CONFIG .*parts\.operations\.admin: the server does not listen itself.*`host: 127\.0\.0\.1`$/,
      );
    });

    it('is refused on a server that listens beyond loopback', async () => {
      const web = await startPart(express, { port: 0, host: '0.0.0.0', drainIdleMs: 0 });
      const part = await startPart(operations, { admin: true }, { uses: { server: web.face(httpServer) } });
      expect(await failureOf(served(part))).to.contain('can be reached from other machines');
      await part.stop();
      await web.stop();
    });

    describe('on loopback', () => {
      const asked: string[] = [];
      let address: string;
      let stop: () => Promise<void>;
      before(async () => {
        const web = await startPart(express, { port: 0, drainIdleMs: 0 });
        const server = web.face(httpServer);
        const part = await startPart(operations, { prefix: '/ops', admin: true }, { uses: { server } });
        const serving = { name: 'flight-delays', version: '4', digest: 'abc' };
        const control: Partial<ControlPlane> = {
          async refresh(name) {
            asked.push(name);
            if (name === 'broken') throw new VivaceError('FAILED_PRECONDITION', 'the self-test failed');
            return Promise.resolve({ name, serving });
          },
        };
        await part.face(transport).serve(planes({ control }), callContext());
        address = server.address()!;
        stop = async () => {
          await part.stop();
          await web.stop();
        };
      });
      after(() => stop());
      const send = async (predictor: string, method = 'POST'): Promise<[number, unknown]> => {
        const path = `/ops/v1/predictors/${predictor}/refresh`;
        const { status, text } = await sendOverSocket(address, { path, method });
        return [status, JSON.parse(text)];
      };

      it('has a predictor look for a new version, and says where it stands then', async () => {
        const [status, said] = await send('delay%20s');
        expect(asked).to.deep.equal(['delay s']);
        expect(status).to.equal(200);
        expect(said).to.deep.equal({
          name: 'delay s',
          serving: { name: 'flight-delays', version: '4', digest: 'abc' },
        });
      });

      it('says why a version does not serve', async () => {
        const [status, said] = await send('broken');
        expect([status, (said as { message: string }).message]).to.deep.equal([412, 'the self-test failed']);
      });

      it('refuses a broken percent-encoding, and other methods', async () => {
        expect((await send('%zz'))[0]).to.equal(400);
        expect((await send('delays', 'GET'))[0]).to.equal(405);
      });
    });
  });
});
