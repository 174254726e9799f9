import { context, metrics, propagation, ROOT_CONTEXT, trace, type Span } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect } from 'chai';
import { isVivaceError, telemetry, type Telemetry } from 'vivace';
import { opentelemetry } from 'vivace/adapters/opentelemetry';
import { callContext, makePart, startPart } from 'vivace/testing';
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp-receiver.js';

type Started = Awaited<ReturnType<typeof startPart>>;

describe('opentelemetry', () => {
  const saved = { ...process.env };
  const started: Started[] = [];
  const stopAll = async (): Promise<unknown> =>
    Promise.allSettled(started.splice(0).map(async (part) => part.stop()));
  afterEach(async () => {
    await stopAll();
    for (const name of Object.keys(process.env))
      if (name.startsWith('OTEL_')) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, saved);
    trace.disable();
    metrics.disable();
    propagation.disable();
    context.disable();
  });

  async function start(options: object = {}, logs: string[] = []): Promise<Telemetry> {
    const part = await startPart(opentelemetry, options, { onLog: ({ message }) => logs.push(message) });
    started.push(part);
    return part.face(telemetry);
  }

  const scraped = async (port: Telemetry): Promise<string> => (await port.scrape(callContext()))!.body;

  describe('Prometheus text', () => {
    it('holds counters, gauges and histograms that a scraper reads', async () => {
      const port = await start({ serviceName: 'ranking' });
      const meter = metrics.getMeter('test');
      meter.createCounter('test.calls', { description: 'Calls' }).add(2, { path: 'a"b\\c\nd' });
      meter.createObservableGauge('test.lag').addCallback((result) => result.observe(0.25));
      const advice = { explicitBucketBoundaries: [0.001, 0.01] };
      meter.createHistogram('test.duration', { unit: 's', advice }).record(0.005);
      const samples = readPrometheus(await scraped(port));
      expect(samples.get('test_calls_total{path=a"b\\c\nd}')).to.equal(2);
      expect(samples.get('test_lag{}')).to.equal(0.25);
      expect([...samples].filter(([name]) => name.startsWith('test_duration'))).to.deep.equal([
        ['test_duration_count{}', 1],
        ['test_duration_sum{}', 0.005],
        ['test_duration_bucket{le=0.001}', 0],
        ['test_duration_bucket{le=0.01}', 1],
        ['test_duration_bucket{le=+Inf}', 1],
      ]);
      expect([...samples.keys()].some((key) => key.includes('service_name=ranking'))).to.equal(true);
    });

    it('names the version of the service, and this process among its instances', async () => {
      const port = await start();
      metrics.getMeter('test').createCounter('test.calls').add(1);
      const [info] = /^target_info\{.*$/m.exec(await scraped(port))!;
      expect(info)
        .to.include('service_version="0.')
        .and.match(/service_instance_id="[0-9a-f-]{36}"/);
    });

    it('takes version and instance from the environment, and the version from its options first', async () => {
      process.env['OTEL_RESOURCE_ATTRIBUTES'] = 'service.version=2.5,service.instance.id=pod-7';
      const infoOf = async (options: object): Promise<string> => {
        const port = await start(options);
        metrics.getMeter('test').createCounter('test.calls').add(1);
        const text = await scraped(port);
        await stopAll();
        return /^target_info\{.*$/m.exec(text)![0];
      };
      expect(await infoOf({}))
        .to.include('service_version="2.5"')
        .and.include('service_instance_id="pod-7"');
      expect(await infoOf({ serviceVersion: '3.0' })).to.include('service_version="3.0"');
    });

    it('is not offered where it is switched off', async () => {
      expect(await (await start({ prometheus: false })).scrape(callContext())).to.equal(undefined);
    });

    it('goes on, and logs, where a metric cannot be read', async () => {
      const logs: string[] = [];
      const port = await start({}, logs);
      const gauge = metrics.getMeter('test').createObservableGauge('test.broken');
      gauge.addCallback(() => {
        throw new Error('no');
      });
      metrics.getMeter('test').createCounter('test.fine').add(1);
      expect(await scraped(port)).to.include('test_fine');
      expect(logs).to.include('a metric could not be read');
    });

    it('sums up what is beyond the limit of series', async () => {
      const port = await start({ seriesLimit: 5 });
      const counter = metrics.getMeter('test').createCounter('test.many');
      for (let i = 0; i < 50; i++) counter.add(1, { i });
      const values = [...readPrometheus(await scraped(port))].filter(([name]) =>
        name.startsWith('test_many'),
      );
      expect(values).to.have.length(5);
      expect(values.reduce((sum, [, value]) => sum + value, 0)).to.equal(50);
    });
  });

  describe('OTLP', () => {
    let receiver: OtlpReceiver;
    beforeEach(async () => (receiver = await startOtlpReceiver()));
    afterEach(async () => {
      // While the receiver is there to take what is left.
      await stopAll();
      await receiver.close();
    });

    function record(): void {
      const parent = trace.getTracer('test').startSpan('request', {}, ROOT_CONTEXT);
      trace.getTracer('test').startSpan('step', {}, trace.setSpan(ROOT_CONTEXT, parent)).end();
      parent.end();
      metrics.getMeter('test').createCounter('test.calls').add(1);
    }

    it('sends spans with their parents, metrics and the service name, to the endpoint of the variable', async () => {
      process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url;
      process.env['OTEL_SERVICE_NAME'] = 'ranking';
      const port = await start();
      record();
      await port.flush(callContext());
      const [request, step] = ['request', 'step'].map((name) =>
        receiver.spans.find((span) => span.name === name)!,
      );
      expect(step).to.include({ traceId: request!.traceId, parentSpanId: request!.spanId });
      expect(receiver.metricNames).to.include('test.calls');
      expect(receiver.resourceTexts[0]).to.include('service.name').and.to.include('ranking');
    });

    it('hands over what is buffered when it stops', async () => {
      process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] = `${receiver.url}/v1/traces`;
      await start();
      record();
      await started.pop()!.stop();
      expect(receiver.spans.map((span) => span.name)).to.have.members(['step', 'request']);
      expect(receiver.metricNames).to.deep.equal([]);
    });

    it('obeys the sampler of the variable', async () => {
      process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url;
      process.env['OTEL_TRACES_SAMPLER'] = 'always_off';
      const port = await start();
      record();
      await port.flush(callContext());
      expect(receiver.spans).to.deep.equal([]);
    });

    for (const [name, value] of [
      ['OTEL_TRACES_EXPORTER', 'none'],
      ['OTEL_SDK_DISABLED', 'true'],
    ] as const) {
      it(`sends no spans with ${name}=${value}`, async () => {
        process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url;
        process.env[name] = value;
        await start();
        expect(trace.getTracer('test').startSpan('one').isRecording()).to.equal(false);
      });
    }

    it('fails a flush with UNAVAILABLE where nobody receives, and stops nevertheless', async () => {
      await receiver.close();
      process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] = `${receiver.url}/v1/traces`;
      process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '200';
      const port = await start();
      record();
      const failure: unknown = await port.flush(callContext(5000)).catch((error: unknown) => error);
      expect(isVivaceError(failure) && failure.code).to.equal('UNAVAILABLE');
    });
  });

  for (const [name, value, message] of [
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /"grpc" is not supported: use http\/protobuf/],
    ['OTEL_METRIC_EXPORT_INTERVAL', 'soon', /"soon" is not a whole number of milliseconds/],
    ['OTEL_METRIC_EXPORT_TIMEOUT', '2147483648', /must be at most 2147483647 ms \(24.8 days\)/],
  ] as const) {
    it(`refuses ${name}=${value}`, async () => {
      process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:1';
      process.env[name] = value;
      const part = makePart(opentelemetry);
      const failure: unknown = await part.start(callContext()).catch((error: unknown) => error);
      await part.stop();
      expect(failure).to.include({ code: 'INVALID_CONFIG' });
      expect(String(failure)).to.match(message);
    });
  }

  it('reads and writes W3C trace context', async () => {
    await start();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const carrier: Record<string, string> = {};
    propagation.inject(propagation.extract(ROOT_CONTEXT, { traceparent }), carrier);
    expect(carrier['traceparent']).to.equal(traceparent);
  });

  it('gives spans to processors given in code', async () => {
    const exporter = new InMemorySpanExporter();
    const port = await start({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    trace.getTracer('test').startSpan('one').end();
    await port.flush(callContext());
    expect(exporter.getFinishedSpans().map((span) => span.name)).to.deep.equal(['one']);
  });

  describe('context manager', () => {
    const takesSpans = { spanProcessors: [new SimpleSpanProcessor(new InMemorySpanExporter())] };
    /** The active span inside another's context, behind an asynchronous operation. */
    async function activeSpan(): Promise<Span | undefined> {
      const span = trace.getTracer('test').startSpan('outer');
      const seen = await context.with(trace.setSpan(ROOT_CONTEXT, span), async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return trace.getActiveSpan();
      });
      if (seen !== undefined) expect(seen).to.equal(span);
      return seen;
    }

    it('is there while spans are taken, and gone when the part has stopped', async () => {
      await start(takesSpans);
      expect(await activeSpan()).to.not.equal(undefined);
      await started.pop()!.stop();
      expect(await activeSpan()).to.equal(undefined);
    });

    it('is not there where nobody takes spans, nor where it is switched off', async () => {
      await start();
      expect(await activeSpan()).to.equal(undefined);
      await stopAll();
      await start({ ...takesSpans, contextManager: false });
      expect(await activeSpan()).to.equal(undefined);
    });

    it('stays the one of a host application', async () => {
      const own = new NodeTracerProvider();
      own.register();
      trace.disable();
      await start(takesSpans);
      await started.pop()!.stop();
      expect(await activeSpan()).to.not.equal(undefined);
    });
  });

  it('leaves the providers of a host application in place', async () => {
    const exporter = new InMemorySpanExporter();
    const host = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    trace.setGlobalTracerProvider(host);
    const hostMeter = new MeterProvider();
    metrics.setGlobalMeterProvider(hostMeter);
    const logs: string[] = [];
    const port = await start({}, logs);
    trace.getTracer('test').startSpan('mine').end();
    expect(exporter.getFinishedSpans().map((span) => span.name)).to.deep.equal(['mine']);
    expect(await port.scrape(callContext())).to.equal(undefined);
    expect(logs).to.have.length(2);
    await started.pop()!.stop();
    expect(metrics.getMeterProvider()).to.equal(hostMeter);
  });

  it('says that a second server of the process shares the providers of the first', async () => {
    const logs: string[] = [];
    const first = await start({ serviceName: 'first' });
    const second = await start({ serviceName: 'second' }, logs);
    expect(logs).to.deep.equal([
      'telemetry is shared with the first server of this process, whose options apply',
    ]);
    expect(await scraped(second))
      .to.include('first')
      .and.not.to.include('second');
    expect(await scraped(first)).to.include('first');
  });
});

/** Samples by name and labels (`otel_scope_…` left out): a strict reader of the text exposition format. */
function readPrometheus(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE|UNIT) [a-zA-Z_:][a-zA-Z0-9_:]* ?/.test(line)) continue;
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
    if (match === null) throw new Error(`no line of the Prometheus text format: ${line}`);
    const labels = [...(match[2] ?? '').matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\.|[^"\\])*)"/g)]
      .filter(([, name]) => !name!.startsWith('otel_scope_'))
      .map(
        ([, name, value]) => `${name}=${value!.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))}`,
      );
    samples.set(`${match[1]}{${labels.join(',')}}`, Number(match[3] === '+Inf' ? Infinity : match[3]));
  }
  return samples;
}
