import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import hostExpress, { type RequestHandler } from 'express';
import { httpServer, transport, VivaceError, type Call } from 'vivace';
import { operations } from 'vivace/plugins/operations';
import { rest } from 'vivace/plugins/rest';
import { callContext, echoed, planes, startPart } from 'vivace/testing';
import { ask, ExpressHost, failed, httpError, named, tell } from '../support/express-host.js';

describe('Express middleware', () => {
  const host = new ExpressHost();
  const { alone, logs } = host;
  after(() => host.remove());
  afterEach(() => host.clear());

  for (const [way, serve] of Object.entries(host.ways)) {
    describe(way, () => {
      it('comes before admission, and that before the body', async () => {
        const steps: string[] = [];
        const noting = (name: string): RequestHandler => {
          return (request, _response, next) => {
            steps.push(`${name} ${request.readableDidRead}`);
            next();
          };
        };
        const address = await serve([noting('first'), noting('second')], {
          admit: (_head, call) => (steps.push('admit'), call),
          handle: ({ body }) => (steps.push(`handle ${body.length}`), { status: 200, headers: {}, body: '' }),
        });
        await ask(address, { body: new Uint8Array(3) });
        expect(steps).to.deep.equal(['first false', 'second false', 'admit', 'handle 3']);
      });

      it('hands on who calls', async () => {
        const address = await serve([named], { handle: tell });
        expect((await ask(address, { headers: { 'x-who': 'ada' } })).text).to.equal('ada 0');
      });

      it('may answer itself', async () => {
        const address = await serve(
          [(_request, response) => void response.status(401).json({ who: 'are you' })],
          { handle: tell, failed },
        );
        const answer = await ask(address);
        expect([answer.status, answer.text]).to.deep.equal([401, '{"who":"are you"}']);
      });

      it('keeps the route from working where it has begun its answer and goes on all the same', async () => {
        let handled = 0;
        const begins: RequestHandler = (_request, response, next) => {
          response.status(401).write('who ');
          next();
          setTimeout(() => response.end('are you'), 20);
        };
        const address = await serve([begins], {
          handle: (request, call) => (handled++, tell(request, call)),
        });
        const answer = await ask(address);
        expect([answer.status, answer.text, handled]).to.deep.equal([401, 'who are you', 0]);
      });

      it('has its answer cut where it began one and failed', async () => {
        const begins: RequestHandler = (_request, response, next) => {
          response.writeHead(200, { 'content-length': 10 });
          response.write('half ');
          next(new Error('as the test asked'));
        };
        const address = await serve([begins], { handle: tell, failed });
        const error = await fetch(`${address}/a`)
          .then((answer) => answer.text())
          .catch((thrown: unknown) => thrown);
        expect(error).to.be.instanceOf(TypeError);
        expect(logs.map(({ message }) => message)).to.deep.equal(['a request failed']);
      });

      const failures: Record<string, RequestHandler> = {
        throws: () => {
          throw httpError(403, 'not you');
        },
        'gives an error to `next`': (_request, _response, next) => next(httpError(403, 'not you')),
        rejects: async () => Promise.reject(httpError(403, 'not you')),
        'throws an error of Vivace': () => {
          throw new VivaceError('PERMISSION_DENIED', 'not you');
        },
      };
      for (const [what, middleware] of Object.entries(failures)) {
        it(`is answered in the route's format where it ${what}`, async () => {
          const address = await serve([middleware], { handle: tell, failed });
          const answer = await ask(address);
          expect([answer.status, answer.text]).to.deep.equal([403, '/a PERMISSION_DENIED: not you']);
          expect(logs).to.deep.equal([]);
        });
      }

      it('is answered in words where it gives something that is not an Error', async () => {
        const address = await serve([(_request, _response, next) => next({ statusCode: 403 })], {
          handle: tell,
          failed,
        });
        const answer = await ask(address);
        expect([answer.status, answer.text]).to.deep.equal([
          403,
          '/a PERMISSION_DENIED: refused by middleware',
        ]);
      });

      it('is answered in words where it rejects with null', async () => {
        const rejects: RequestHandler = async () => {
          throw null as unknown;
        };
        const address = await serve([rejects], { handle: tell, failed });
        const answer = await ask(address);
        expect([answer.status, answer.text]).to.deep.equal([500, '/a INTERNAL: hidden']);
      });

      it('is answered with 504 where it never goes on, and may do what it likes later', async () => {
        let late: () => void = () => undefined;
        const address = await serve(
          [(_request, response) => void (late = () => void response.status(200).json({ too: 'late' }))],
          { handle: tell, failed },
          { middlewareTimeoutMs: 20 },
        );
        const answer = await ask(address);
        expect([answer.status, answer.text]).to.deep.equal([
          504,
          '/a DEADLINE_EXCEEDED: the middleware neither answered nor called next within 20 ms',
        ]);
        late();
        expect((await ask(address)).status).to.equal(504);
      });

      it('runs for no path of others', async () => {
        let seen = 0;
        const address = await serve(
          [
            (request, _response, next) => {
              seen++;
              Object.assign(request, { vivace: { caller: { id: 'x' } } });
              next();
            },
          ],
          { handle: tell },
        );
        expect((await ask(address, { path: '/elsewhere' })).status).to.equal(404);
        if (way !== 'listening alone')
          expect((await ask(address, { path: '/own' })).text).to.equal('own false');
        expect(seen).to.equal(0);
        expect((await ask(address)).text).to.equal('x 0');
      });

      it('sets headers that answers and errors keep', async () => {
        const safe: RequestHandler = (_request, response, next) => {
          response.set('X-Content-Type-Options', 'nosniff');
          next();
        };
        const address = await serve([safe], {
          admit(head, call) {
            if (head.method === 'PUT') throw new VivaceError('PERMISSION_DENIED', 'no');
            return call;
          },
          handle: tell,
        });
        for (const method of ['GET', 'PUT'])
          expect((await ask(address, { method })).headers['x-content-type-options']).to.equal('nosniff');
      });

      it('may read the body', async () => {
        const address = await serve([hostExpress.json()], { handle: tell });
        const sent = { body: Buffer.from('{"a":1}'), headers: { 'content-type': 'application/json' } };
        expect((await ask(address, sent)).text).to.equal('nobody {"a":1}');
        const broken = { ...sent, body: Buffer.from('{"a"') };
        expect((await ask(address, broken)).status).to.equal(400);
      });

      it('is told where it has read the body and kept it', async () => {
        const swallow: RequestHandler = (request, _response, next) => {
          request.resume().on('end', () => next());
        };
        const address = await serve([swallow], { handle: tell });
        const answer = await ask(address, { body: new Uint8Array(3) });
        expect(answer.status).to.equal(500);
        expect(answer.text).to.include('has read the body without parsing it');
      });
    });
  }

  it('counts what it ends, by how', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
    const provider = new MeterProvider({ readers: [reader] });
    metrics.setGlobalMeterProvider(provider);
    try {
      const address = await alone(
        [
          (request, response, next) => {
            const what = request.get('x-do');
            if (what === 'answer') response.end('mine');
            else if (what === 'fail') next(httpError(403, 'no'));
            else if (what === 'pass') next();
          },
        ],
        { handle: tell },
        { middlewareTimeoutMs: 20 },
      );
      for (const what of ['answer', 'fail', 'fail', 'hang', 'pass'])
        await ask(address, { headers: { 'x-do': what } });
      await reader.forceFlush();
      const found = exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics: each }) => each)
        .find(({ descriptor }) => descriptor.name === 'vivace.middleware.exchanges');
      const counts = found?.dataPoints.map(({ attributes, value }) => [attributes['vivace.outcome'], value]);
      expect(Object.fromEntries(counts as [])).to.deep.equal({ answered: 1, failed: 2, late: 1 });
    } finally {
      metrics.disable();
      await provider.shutdown();
    }
  });

  it('is of one part: who calls reaches the pipeline, and health on another part is asked by anybody', async () => {
    let seen: Call | undefined;
    const served = planes({
      pipelines: { predict: async (_, __, call) => ((seen = call), echoed('r', null)) },
    });
    const guarded: RequestHandler = (request, _response, next) => {
      if (request.get('authorization') === undefined) throw httpError(401, 'who?');
      Object.assign(request, { vivace: { caller: { id: 'ada', team: 'flights' } } });
      next();
    };
    const front = (await host.start({ port: 0, middleware: [guarded] })).face(httpServer);
    const back = (await host.start({ port: 0 })).face(httpServer);
    for (const part of [
      await startPart(rest, {}, { uses: { server: front } }),
      await startPart(operations, {}, { uses: { server: back } }),
    ]) {
      host.keep(part);
      await part.face(transport).serve(served, callContext());
    }
    const predict = { path: '/v1/pipelines/echo/predict', body: Buffer.from('{"request":{}}') };
    const refused = await ask(front.address() as string, predict);
    expect([refused.status, (JSON.parse(refused.text) as { code: string }).code]).to.deep.equal([
      401,
      'UNAUTHENTICATED',
    ]);
    const headers = { authorization: 'Bearer x' };
    expect((await ask(front.address() as string, { ...predict, headers })).status).to.equal(200);
    expect(seen?.caller).to.deep.equal({ id: 'ada', team: 'flights' });
    expect((await ask(back.address() as string, { path: '/health/ready' })).status).to.equal(200);
  });
});
