import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Container } from 'inversify';
import { didYouMean } from '../config/did-you-mean.js';
import { Mistakes } from '../config/mistake.js';
import { VivaceError } from '../errors.js';
import type { Signature } from '../models/bundle.js';
import type { Log } from '../parts/context.js';
import { logLevelsOf } from '../parts/context.js';
import type { RunningPart } from '../parts/create-part.js';
import type { Definition } from '../parts/definition.js';
import { systemClock, toRecord } from '../parts/part-context.js';
import type { AnswerOf, RequestOf } from '../pipeline/definition.js';
import { requestSchema, responseSchema } from '../pipeline/json-schema.js';
import { describePlan, type Plan } from '../pipeline/plan.js';
import { httpServer, type HttpServer } from '../ports/http-server.js';
import { logSink, type LogRecord, type LogSink } from '../ports/log-sink.js';
import type { ModelVersion } from '../ports/model-repository.js';
import type { CallContext, Port } from '../ports/port.js';
import { predictor, type Predictor } from '../ports/predictor.js';
import { telemetry, type Telemetry } from '../ports/telemetry.js';
import { transport } from '../ports/transport.js';
import { packageVersion } from '../package-version.js';
import { observeServer } from '../telemetry/observe.js';
import type { FeatureView } from '../views/view.js';
import { createContainer, partId } from './container.js';
import { checkLock } from './features-lock.js';
import { startParts, stopParts } from './lifecycle.js';
import { startOrder } from './parts.js';
import { PipelineRunner } from './pipeline-runner.js';
import type { PipelineDescription, PredictCall, ServerFace, ServerState } from './server-face.js';
import type { CheckedSpecification, Pipelines, ServerSpecification } from './specification.js';
import { createSteps } from './step-factory.js';

/** How a caller in process may call. */
export interface PredictOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
  readonly requestId?: string;
  readonly trace?: CallContext['trace'];
}

/** A part as it stands in the server. */
export interface Binding {
  readonly name: string;
  /** The name of its definition. */
  readonly use: string;
  readonly ports: readonly string[];
  /** Part per filled slot. */
  readonly slots: Readonly<Record<string, string>>;
  /** As parsed, secrets included: `redact` hides them. */
  readonly options: object;
  readonly definition: Definition;
}

type Settings = Omit<ServerSpecification, 'parts' | 'views' | 'pipelines' | 'override'>;

/** A server: parts, started in the order of their dependencies, and the pipelines that run on them. */
export class Server<P extends Pipelines = Pipelines> implements ServerFace {
  /** Everything is here by port and part name: `server.container.get(port.id, { name })`. */
  readonly container: Container;
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly #checked: CheckedSpecification;
  readonly #settings: Settings;
  readonly #clock;
  readonly #order: readonly string[];
  readonly #sinks: LogSink[] = [];
  readonly #telemetries: Telemetry[] = [];
  readonly #log: Log;
  #parts: readonly RunningPart[] = [];
  #runners: ReadonlyMap<string, PipelineRunner> = new Map();
  #state: ServerState = 'created';
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #refusing = false;
  #cut = new AbortController();
  #unobserve: (() => void) | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(checked: CheckedSpecification, settings: Settings) {
    this.#checked = checked;
    this.#settings = settings;
    this.views = checked.views;
    this.#clock = settings.clock ?? systemClock;
    this.#order = startOrder(checked.parts);
    // Each call in flight listens to it.
    setMaxListeners(0, this.#cut.signal);
    const writeLog = (record: LogRecord): void => {
      for (const sink of this.#sinks) sink.write(record);
    };
    this.#log = logLevelsOf((level, message, fields) =>
      writeLog(toRecord({ time: this.#clock.now(), level, message, part: 'vivace' }, fields)),
    );
    this.container = createContainer(
      checked.parts.values(),
      {
        directory: settings.directory ?? process.cwd(),
        clock: this.#clock,
        writeLog,
        tracing: this.#tracing,
      },
      settings.modules ?? [],
    );
  }

  get state(): ServerState {
    return this.#state;
  }

  /** The plans: complete once the server has started. */
  get plans(): ReadonlyMap<string, Plan> {
    return this.#runners.size === 0
      ? this.#checked.plans
      : new Map([...this.#runners].map(([name, runner]) => [name, runner.plan]));
  }

  /** What each part is, uses and was given, in the order of starting. */
  get bindings(): readonly Binding[] {
    return this.#order.map((name) => {
      const { definition, slots, options } = this.#checked.parts.get(name)!;
      return {
        name,
        use: definition.name,
        ports: definition.provides.map((port) => port.name),
        slots,
        options,
        definition,
      };
    });
  }

  /**
   * Starts every part, compiles the pipelines with their models' signatures, and opens the transports.
   *
   * @param options `serve: false` leaves transports and the HTTP servers under them out, for callers in process.
   * @throws {VivaceError} naming the part that failed; those started before it are stopped again.
   */
  async start({ serve = true }: { readonly serve?: boolean } = {}): Promise<this> {
    const starting = this.#start(serve);
    this.#starting = starting.catch(() => undefined);
    await starting;
    return this;
  }

  async #start(serve: boolean): Promise<void> {
    await this.#startParts(serve ? this.#order : this.#withUsed(this.#inProcess()));
    try {
      this.#runners = this.#createRunners(await this.signatures());
      this.#unobserve = observeServer({
        inFlight: () => this.#inFlight,
        ready: () => this.readiness().ready,
        models: () => this.models(),
        pipelines: () =>
          [...this.#runners].map(([name, { steps }]) => ({
            name,
            features: steps.features,
            caches: steps.caches,
          })),
      });
      this.#state = 'ready';
      for (const name of serve ? this.#named(transport) : []) {
        await this.container.get(transport.id, { name }).serve(this, { signal: this.#cut.signal });
      }
    } catch (error) {
      this.#state = 'failed';
      this.#unobserve?.();
      await stopParts(this.#parts).catch(() => undefined);
      throw error;
    }
    this.#log.info('ready', { pipelines: this.pipelines(), models: this.models() });
  }

  /** Starts only the named parts and what they use: for commands that need a repository or a warehouse and serve nothing. */
  async startOnly(names: readonly string[]): Promise<this> {
    await this.#startParts(this.#withUsed(names));
    this.#state = 'ready';
    return this;
  }

  /**
   * The signatures of the predictors that have started.
   *
   * @throws {ConfigError} where a model was trained on views that this server does not have.
   */
  async signatures(): Promise<ReadonlyMap<string, Signature>> {
    const context = { signal: AbortSignal.timeout(this.#settings.startTimeoutMs ?? 120_000) };
    const described = await Promise.all(
      this.#predictors().map(async ([name, part]) => [name, await part.describe(context)] as const),
    );
    const mistakes = new Mistakes();
    for (const [name, model] of described) checkLock(name, model, { views: this.views, mistakes });
    this.#checked.throwIfAny(mistakes);
    return new Map(described.map(([name, model]) => [name, model.signature]));
  }

  /**
   * Compiles the pipelines for runs outside of requests, with the signatures of predictors that have started.
   *
   * @param signatures Per predictor, instead of its own: to ask whether a model would fit.
   * @throws {ConfigError} with every mistake.
   */
  async compile(signatures: ReadonlyMap<string, Signature> = new Map()): Promise<ReadonlyMap<string, Plan>> {
    const mistakes = new Mistakes();
    const own = await this.signatures();
    const plans = this.#checked.compile((name) => signatures.get(name) ?? own.get(name), mistakes);
    this.#checked.throwIfAny(mistakes);
    return plans;
  }

  /**
   * Readiness off, drain delay, refuse new calls, wait for those in flight and abort what is left, stop everything in reverse. Safe to
   * call twice.
   */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  /**
   * Answers a request in process.
   *
   * @throws {VivaceError} as a transport would answer it.
   */
  async predict<N extends keyof P & string>(
    pipeline: N,
    body: RequestOf<P[N]>,
    options: PredictOptions = {},
  ): Promise<AnswerOf<P[N]>> {
    const call = this.#callOf(body, options);
    return (await this.#counted(pipeline, (runner) => runner.value(call))) as AnswerOf<P[N]>;
  }

  predictJson(pipeline: string, call: PredictCall): Promise<string> {
    return this.#counted(pipeline, (runner) => runner.text(call));
  }

  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] } {
    if (this.#state !== 'ready') return { ready: false, reasons: [`the server is ${this.#state}`] };
    const reasons = this.#predictors()
      .filter(([, part]) => part.serving() === undefined)
      .map(([name]) => `predictor "${name}" has no loaded model`);
    return { ready: reasons.length === 0, reasons };
  }

  pipelines(): readonly string[] {
    return [...this.plans.keys()];
  }

  describe(pipeline: string): PipelineDescription {
    const plan = this.plans.get(pipeline);
    if (plan === undefined) throw this.#unknown(pipeline);
    return {
      name: pipeline,
      requestSchema: requestSchema(plan),
      responseSchema: responseSchema(plan),
      plan: describePlan(plan),
    };
  }

  models(): readonly (ModelVersion & { readonly predictor: string })[] {
    if (this.#state !== 'ready' && this.#state !== 'draining') return [];
    return this.#predictors().flatMap(([name, part]) => {
      const serving = part.serving();
      return serving === undefined ? [] : [{ predictor: name, ...serving }];
    });
  }

  async scrape(
    context: CallContext,
  ): Promise<{ readonly contentType: string; readonly body: string } | undefined> {
    for (const part of this.#telemetries) {
      const scraped = await part.scrape(context);
      if (scraped !== undefined) return scraped;
    }
    return undefined;
  }

  info(): Readonly<Record<string, unknown>> {
    return {
      name: 'vivace',
      version: packageVersion,
      state: this.#state,
      pipelines: this.pipelines(),
      models: this.models(),
      parts: Object.fromEntries(this.bindings.map(({ name, use }) => [name, use])),
      views: Object.fromEntries([...this.views].map(([name, view]) => [name, view.hash])),
    };
  }

  /** Where the server listens. */
  addresses(): readonly string[] {
    return this.#servers().flatMap((server) => server.address() ?? []);
  }

  readonly #tracing = (): boolean => this.#telemetries.some((part) => part.tracing);

  /** The named parts and all they use, in the order of starting. */
  #withUsed(names: readonly string[]): readonly string[] {
    const needed = new Set<string>();
    const visit = (name: string): void => {
      needed.add(name);
      for (const used of Object.values(this.#checked.parts.get(name)?.slots ?? {})) visit(used);
    };
    names.forEach(visit);
    return this.#order.filter((name) => needed.has(name));
  }

  #inProcess(): readonly string[] {
    const outer: readonly string[] = [transport.name, httpServer.name];
    return this.#order.filter(
      (name) =>
        !this.#checked.parts.get(name)!.definition.provides.every((port) => outer.includes(port.name)),
    );
  }

  async #startParts(names: readonly string[]): Promise<void> {
    if (this.#state !== 'created')
      throw new VivaceError('FAILED_PRECONDITION', `the server is ${this.#state}, not new`);
    this.#state = 'starting';
    this.#parts = names.map((name) => this.container.get(partId, { name }));
    try {
      await startParts(
        this.#parts.map((part) => this.#listening(part)),
        {
          timeoutMs: this.#settings.startTimeoutMs ?? 120_000,
          signal: this.#cut.signal,
        },
      );
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  /** Logs and telemetry are used from the moment their part has started. */
  #listening(part: RunningPart): RunningPart {
    return {
      ...part,
      start: async (context) => {
        await part.start(context);
        if (part.definition.provides.includes(logSink)) this.#sinks.push(part.face(logSink));
        if (part.definition.provides.includes(telemetry)) this.#telemetries.push(part.face(telemetry));
      },
    };
  }

  #createRunners(signatures: ReadonlyMap<string, Signature>): ReadonlyMap<string, PipelineRunner> {
    const mistakes = new Mistakes();
    const plans = this.#checked.compile((name) => signatures.get(name), mistakes);
    this.#checked.throwIfAny(mistakes);
    const options = { clock: this.#clock, tracing: this.#tracing };
    return new Map(
      [...plans].map(([name, plan]) => [
        name,
        new PipelineRunner(plan, createSteps(this.container, plan), options),
      ]),
    );
  }

  #callOf(body: unknown, options: PredictOptions): PredictCall {
    return {
      body,
      requestId: options.requestId ?? randomUUID(),
      context: {
        signal: options.signal ?? this.#cut.signal,
        ...(options.trace === undefined ? {} : { trace: options.trace }),
      },
      ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    };
  }

  async #counted<T>(pipeline: string, run: (runner: PipelineRunner) => Promise<T>): Promise<T> {
    const runner = this.#runners.get(pipeline);
    if (this.#refusing || (this.#state !== 'ready' && this.#state !== 'draining')) {
      throw new VivaceError('UNAVAILABLE', `the server is ${this.#state}`, {
        retryAfterMs: 1000,
        started: false,
      });
    }
    if (runner === undefined) throw this.#unknown(pipeline);
    this.#inFlight++;
    try {
      return await run(runner);
    } finally {
      if (--this.#inFlight === 0) this.#idle?.();
    }
  }

  #unknown(pipeline: string): VivaceError {
    return new VivaceError(
      'NOT_FOUND',
      `there is no pipeline "${pipeline}"${didYouMean(pipeline, this.pipelines())}`,
    );
  }

  async #stop(): Promise<void> {
    if (this.#state === 'starting') {
      this.#cut.abort(new VivaceError('CANCELLED', 'the server was stopped while it started'));
      await this.#starting;
    }
    if (this.#state === 'created' || this.#state === 'failed') {
      this.#state = 'stopped';
      return;
    }
    this.#state = 'draining';
    this.#log.info('draining', { inFlight: this.#inFlight });
    const { drainDelayMs = 0, drainTimeoutMs = 10_000 } = this.#settings;
    if (drainDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, drainDelayMs));
    this.#refusing = true;
    const context = { signal: AbortSignal.timeout(drainTimeoutMs) };
    await Promise.all(this.#servers().map(async (server) => server.drain(context))).catch((error: unknown) =>
      this.#log.warn('a server did not drain', { error }),
    );
    if (this.#inFlight > 0) await this.#untilIdle(drainTimeoutMs);
    const cut = new VivaceError('CANCELLED', 'the server has stopped');
    this.#cut.abort(cut);
    for (const runner of this.#runners.values()) runner.abort(cut);
    await Promise.all(this.#telemetries.map((part) => part.flush(context))).catch((error: unknown) =>
      this.#log.warn('telemetry was not handed over', { error }),
    );
    this.#unobserve?.();
    this.#log.info('stopped');
    try {
      await stopParts(this.#parts, Math.min(drainTimeoutMs, 5000));
    } finally {
      this.#state = 'stopped';
    }
  }

  async #untilIdle(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => (this.#idle = resolve)),
      new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs))),
    ]);
    clearTimeout(timer);
    if (this.#inFlight > 0) this.#log.warn('calls in flight are cut off', { inFlight: this.#inFlight });
  }

  #named(port: Port): string[] {
    return this.#order.filter((name) => this.#checked.parts.get(name)!.definition.provides.includes(port));
  }

  #predictors(): (readonly [string, Predictor])[] {
    const running = new Set(this.#parts.map((part) => part.name));
    return this.#named(predictor)
      .filter((name) => running.has(name))
      .map((name) => [name, this.container.get(predictor.id, { name })]);
  }

  #servers(): HttpServer[] {
    const running = new Set(this.#parts.map((part) => part.name));
    return this.#named(httpServer)
      .filter((name) => running.has(name))
      .map((name) => this.container.get(httpServer.id, { name }));
  }
}
