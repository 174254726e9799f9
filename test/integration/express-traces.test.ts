import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect } from 'chai';
import hostExpress, { type RequestHandler } from 'express';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { httpServer, VivaceError, type HttpRoute } from 'vivace';
import { ask, ExpressHost } from '../support/express-host.js';
import { instrumented, Spans } from '../support/in-memory-telemetry.js';

describe('Traces of express', () => {
  const host = new ExpressHost();
  after(() => host.remove());

  let exporter: InMemorySpanExporter;
  let provider: NodeTracerProvider;
  beforeEach(() => {
    exporter = new InMemorySpanExporter();
    provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
  });
  afterEach(async () => {
    await host.clear();
    trace.disable();
    context.disable();
    propagation.disable();
    await provider.shutdown();
  });

  /** What has ended, once a span of that name has: a server hears of its answer's end later than the peer does. */
  async function ended(name: string): Promise<Spans> {
    for (;;) {
      const spans = new Spans(exporter.getFinishedSpans());
      if (spans.names().includes(name)) return spans;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const handle: HttpRoute['handle'] = async (_request, call) => {
    await new Promise((resolve) => setImmediate(resolve));
    instrumented('inside');
    const own = trace.getTracer('own').startSpan('below the call', {}, call.trace);
    own.end();
    return { status: 200, headers: {}, body: '' };
  };
  const route: HttpRoute = { handle, template: '/a/{name}' };

  for (const [way, serve] of Object.entries(host.ways)) {
    it(`are SERVER spans, ${way}, and what is done for the exchange is below them`, async () => {
      const address = await serve([], route);
      await ask(address, { path: '/a/b?c=d', headers: { 'user-agent': 'test', connection: 'close' } });
      const spans = await ended('GET /a/{name}');
      for (const name of ['inside', 'below the call'])
        expect(spans.pathOf(name)).to.deep.equal([name, 'GET /a/{name}']);
      const { kind, attributes, status } = spans.named('GET /a/{name}');
      expect([kind, status.code]).to.deep.equal([SpanKind.SERVER, SpanStatusCode.UNSET]);
      expect(attributes).to.include({
        'http.request.method': 'GET',
        'http.route': '/a/{name}',
        'http.response.status_code': 200,
        'url.path': '/a/b',
        'url.scheme': 'http',
        'network.protocol.version': '1.1',
        'server.address': '127.0.0.1',
        'server.port': Number(new URL(address).port),
        'client.address': '127.0.0.1',
        'user_agent.original': 'test',
      });
    });
  }

  it('are active while middleware runs', async () => {
    const middleware: RequestHandler = (_request, _response, next) => {
      instrumented('middleware');
      next();
    };
    await ask(await host.alone([middleware], route));
    expect((await ended('GET /a/{name}')).pathOf('middleware')).to.deep.equal([
      'middleware',
      'GET /a/{name}',
    ]);
  });

  it('join the span of an application that is traced itself, and are none of their own', async () => {
    const app = hostExpress();
    app.use((_request, response, next) => {
      trace.getTracer('app').startActiveSpan('POST /ml/*', { kind: SpanKind.SERVER }, (span) => {
        response.on('close', () => span.end());
        next();
      });
    });
    const router = hostExpress.Router();
    app.use('/ml', router);
    (await host.start({ router })).face(httpServer).mount(() => route);
    const address = await listen(app);
    await ask(address, {
      path: '/ml/a/b',
      headers: { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` },
    });
    const spans = await ended('POST /ml/*');
    expect(spans.pathOf('below the call')).to.deep.equal(['below the call', 'POST /ml/*']);
    expect(spans.all.filter(({ kind }) => kind === SpanKind.SERVER)).to.have.length(1);
  });

  it('have the whole path where the server is mounted below one', async () => {
    const router = hostExpress.Router();
    (await host.start({ router })).face(httpServer).mount(() => route);
    await ask(await listen(hostExpress().use('/ml', router)), { path: '/ml/a/b' });
    const { attributes } = (await ended('GET /ml/a/{name}')).named('GET /ml/a/{name}');
    expect(attributes).to.include({ 'url.path': '/ml/a/b', 'http.route': '/ml/a/{name}' });
  });

  it('name few routes where the path that the server is mounted at has a parameter', async () => {
    const router = hostExpress.Router();
    (await host.start({ router })).face(httpServer).mount(() => route);
    const address = await listen(hostExpress().use('/shops/:shop', router));
    for (let shop = 0; shop < 20; shop++) await ask(address, { path: `/shops/${shop}/a/b` });
    let servers: Spans['all'] = [];
    while (servers.length < 20) {
      await new Promise((resolve) => setImmediate(resolve));
      servers = new Spans(exporter.getFinishedSpans()).all.filter(({ kind }) => kind === SpanKind.SERVER);
    }
    expect(new Set(servers.map(({ attributes }) => attributes['http.route']))).to.have.property('size', 11);
    expect(servers.map(({ attributes }) => attributes['url.path'])).to.include('/shops/15/a/b');
  });

  it('are none for what the application answers', async () => {
    const address = await host.ways['mounted in an application']!([], route);
    await ask(address, { path: '/own' });
    await ask(address, { path: '/a' });
    expect((await ended('GET /a/{name}')).all.filter(({ kind }) => kind === SpanKind.SERVER)).to.have.length(
      1,
    );
  });

  for (const [httpStatus, code] of [
    [404, 'NOT_FOUND'],
    [503, 'UNAVAILABLE'],
  ] as const) {
    it(`tell of ${httpStatus}`, async () => {
      const refuse = (): never => {
        throw new VivaceError(code, 'no');
      };
      await ask(await host.alone([], { ...route, admit: refuse }));
      const { status, attributes } = (await ended('GET /a/{name}')).named('GET /a/{name}');
      expect([attributes['http.response.status_code'], status.code, attributes['error.type']]).to.deep.equal(
        httpStatus < 500 ? [404, SpanStatusCode.UNSET, undefined] : [503, SpanStatusCode.ERROR, '503'],
      );
    });
  }

  it('are there for a path that is nobody’s, and for a request without a host', async () => {
    const address = await host.alone([], route);
    await ask(address, { path: '/nowhere' });
    const [nowhere] = (await ended('GET')).all;
    expect(nowhere!.attributes['http.response.status_code']).to.equal(404);
    exporter.reset();
    const socket = connect(Number(new URL(address).port), '127.0.0.1');
    socket.end('GET /a HTTP/1.1\r\n\r\n');
    const { attributes } = (await ended('GET /a/{name}')).named('GET /a/{name}');
    expect(attributes).to.include({ 'http.response.status_code': 400 });
    expect(attributes).to.not.have.property('server.address');
    socket.destroy();
  });

  it('end without a status where the peer leaves before it is answered', async () => {
    let arrived!: () => void;
    const arrival = new Promise<void>((resolve) => (arrived = resolve));
    const waiting: HttpRoute['handle'] = async () => {
      arrived();
      return new Promise(() => undefined);
    };
    const address = await host.alone([], { ...route, handle: waiting });
    const socket = connect(Number(new URL(address).port), '127.0.0.1');
    socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
    await arrival;
    socket.destroy();
    const { attributes, status } = (await ended('GET /a/{name}')).named('GET /a/{name}');
    expect(attributes).to.not.have.property('http.response.status_code');
    expect(status.code).to.equal(SpanStatusCode.UNSET);
  });

  async function listen(app: hostExpress.Express): Promise<string> {
    const server = createServer(app);
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const servers: ReturnType<typeof createServer>[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });
});
