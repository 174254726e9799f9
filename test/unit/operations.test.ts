import { expect } from 'chai';
import { httpServer, transport, type ControlPlane } from 'vivace';
import { memory, type InjectableServer, type InjectedResponse } from 'vivace/adapters/memory';
import { operations } from 'vivace/plugins/operations';
import { callContext, planes, startPart } from 'vivace/testing';

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
});
