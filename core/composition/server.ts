import { setMaxListeners } from 'node:events';
import type { Container } from 'inversify';
import { didYouMean } from '../config/did-you-mean.js';
import { Mistakes, type ConfigPath, type Mistake, type Place } from '../config/mistake.js';
import type { Call } from '../kernel/call.js';
import { ServerAdmission } from '../kernel/admission.js';
import { VivaceError } from '../kernel/errors.js';
import type { Signature } from '../models/bundle.js';
import type { Clock } from '../parts/context.js';
import { systemClock } from '../parts/part-context.js';
import { DeadlineNodes, DeadlineRuns } from '../pipeline/deadline-layer.js';
import { nodeLayer, runLayer } from '../pipeline/layers.js';
import { TraceNodes, TraceRuns } from '../pipeline/trace-layer.js';
import type { AnswerOf, AnswerWith, Form, Outputs, PipelineDeclaration, RequestOf } from './declaration.js';
import type { Plan } from '../pipeline/plan.js';
import type { ControlPlane, ServerState } from '../ports/control-plane.js';
import type { DataPlane } from '../ports/data-plane.js';
import { httpServer } from '../ports/http-server.js';
import { predictor } from '../ports/predictor.js';
import { servedLog, type ServedLog } from '../ports/served-log.js';
import { transport } from '../ports/transport.js';
import { RecordServed } from '../steps/record/record-served.js';
import { endedWithin } from '../kernel/ended-within.js';
import { Handover } from './handover.js';
import { Heartbeat } from './heartbeat.js';
import { observeServer } from './observe-server.js';
import type { FeatureView } from '../views/view.js';
import type { Port } from '../ports/port.js';
import type { Server } from './server-interface.js';
import { createSteps, type PipelineSteps, type SlotOverride } from './step-factory.js';
import { CallGate, refused } from './call-gate.js';
import { createControlPlane, partialMessage } from './control-plane.js';
import { createDataPlane } from './data-plane.js';
import { openViews } from './open-views.js';
import { OwnCalls, type PredictOptions } from './own-calls.js';
import { PartSet, type Binding } from './part-set.js';
import { PushCounters } from './push-counters.js';
import { ServedPipelines } from './served-pipelines.js';
import { serverFeatures, type ServerFeatures } from './server-features.js';
import type { CheckedSpecification, Pipelines, ServerSpecification } from './specification.js';
import { pause, timeoutSignal } from '../kernel/timer.js';

type Settings = Omit<ServerSpecification, 'parts' | 'views' | 'pipelines' | 'admission' | 'override'>;

/** @throws {VivaceError} `FAILED_PRECONDITION` where it is not ready, or not a server of this copy of Vivace. */
function formerOf(given: Server | undefined): ServerOf | undefined {
  if (given === undefined) return undefined;
  if (given instanceof ServerOf && given.state === 'ready') return given;
  throw new VivaceError(
    'FAILED_PRECONDITION',
    'inherit: not a server that has started and still serves; create this one without it',
  );
}

/** A server: parts, started in the order of their dependencies, and the pipelines that run on them. */
export class ServerOf<P extends Pipelines = Pipelines> implements Server {
  readonly #container: Container;
  readonly views: ReadonlyMap<string, FeatureView>;
  /** What the server takes the time from. */
  readonly clock: Clock;
  /** What callers may ask; transports answer from it. */
  readonly data: DataPlane;
  /** What operators of the server may ask. */
  readonly control: ControlPlane;
  /** Features without a pipeline: rows that are pushed, and reads by key. */
  readonly features: ServerFeatures<PredictOptions>;
  readonly #checked: CheckedSpecification;
  readonly #settings: Settings;
  readonly #parts: PartSet;
  readonly #admission: ServerAdmission;
  readonly #heartbeat: Heartbeat;
  readonly #gate = new CallGate();
  readonly #pushed = new PushCounters();
  readonly #pipelines: ServedPipelines;
  readonly #calls: OwnCalls;
  #state: ServerState = 'created';
  #startedOnly: readonly string[] = [];
  #cut = new AbortController();
  #unobserve: (() => void) | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #former: ServerOf | undefined;
  readonly #handover: Handover;

  /** @throws {VivaceError} `FAILED_PRECONDITION` where the server to take over from is not ready. */
  constructor(checked: CheckedSpecification, settings: Settings) {
    this.#checked = checked;
    this.#settings = settings;
    this.views = checked.views;
    this.clock = settings.clock ?? systemClock;
    // Each call in flight listens to it.
    setMaxListeners(0, this.#cut.signal);
    this.#container = checked.container;
    this.#former = formerOf(settings.inherit);
    this.#admission =
      this.#former === undefined ? new ServerAdmission(checked.admission) : this.#former.#admission;
    this.#heartbeat = new Heartbeat(() => ({
      started: this.#state === 'ready' || this.#state === 'draining',
      // Once it stops, its parts cannot be asked any more.
      ready: this.#state === 'ready' && this.control.readiness().ready,
    }));
    this.#parts = new PartSet(this.#container, checked.parts, {
      clock: this.clock,
      admission: this.#admission,
      directory: settings.directory ?? process.cwd(),
      former: this.#former === undefined ? undefined : this.#former.#parts,
    });
    this.#handover = new Handover(this.#parts, this.#gate);
    this.#pipelines = new ServedPipelines(checked, {
      parts: this.#parts,
      clock: this.clock,
      timeoutMs: this.#startTimeoutMs,
    });
    const { tracing } = this.#parts;
    this.#container.bind(runLayer).toConstantValue(new TraceRuns(tracing));
    this.#container.bind(runLayer).toConstantValue(new DeadlineRuns(this.#cut.signal));
    const log = (name: string): ServedLog => this.#container.get(servedLog.id, { name });
    this.#container.bind(runLayer).toConstantValue(new RecordServed(log, this.clock));
    this.#container.bind(nodeLayer).toConstantValue(new TraceNodes(tracing));
    this.#container.bind(nodeLayer).toConstantValue(new DeadlineNodes());
    const common = {
      plans: () => this.plans,
      predictors: () => this.#parts.running(predictor),
      views: () => this.views,
      cut: this.#cut.signal,
    };
    this.data = createDataPlane({
      ...common,
      runners: () => this.#pipelines.runners,
      counted: (call, run) => this.#counted(call, run),
      open: openViews(this.#container),
      log,
      clock: this.clock,
      pushed: this.#pushed,
    });
    this.#calls = new OwnCalls(this.data, {
      cut: this.#cut.signal,
      isCompiled: (pipeline) => this.#pipelines.runners.has(pipeline),
    });
    this.features = serverFeatures(this.data.features, (options) => this.#calls.call(options ?? {}));
    this.control = createControlPlane({
      ...common,
      state: () => this.#state,
      startedOnly: () => this.#startedOnly,
      parts: () => this.#parts.statuses,
      telemetries: () => this.#parts.telemetries,
    });
  }

  get state(): ServerState {
    return this.#state;
  }

  get plans(): ReadonlyMap<string, Plan> {
    return this.#pipelines.plans;
  }

  get bindings(): readonly Binding[] {
    return this.#parts.bindings;
  }

  get #startTimeoutMs(): number {
    return this.#settings.startTimeoutMs ?? 120_000;
  }

  get #drainTimeoutMs(): number {
    return this.#settings.drainTimeoutMs ?? 10_000;
  }

  async start({ serve = true }: { readonly serve?: boolean } = {}): Promise<this> {
    await this.#begun(() => this.#start(serve));
    return this;
  }

  /** A `stop` that comes while something starts waits for it, even where the start of a part calls it at once. */
  async #begun(start: () => Promise<void>): Promise<void> {
    let ended = (): void => undefined;
    this.#starting = new Promise((resolve) => (ended = resolve));
    try {
      await start();
    } finally {
      this.#starting = undefined;
      ended();
    }
  }

  async #start(serve: boolean): Promise<void> {
    const former = this.#former;
    try {
      await this.#startParts(serve ? this.#parts.order : this.#parts.withoutTransports());
      try {
        // While another server serves, probes are about that one.
        if (former === undefined) this.#answerProbes();
        await this.#pipelines.create();
        this.#state = 'ready';
        if (serve) await this.#serve(this.#parts.order);
        if (former === undefined) for (const front of this.#parts.fronts.values()) void front.open();
        else this.#takeOver(former);
        this.#unobserve = this.#observe();
      } catch (error) {
        this.#state = 'failed';
        this.#heartbeat.stop();
        this.#admission.close();
        await this.#parts.stop().catch(() => undefined);
        throw error;
      }
    } catch (error) {
      if (former !== undefined) await former.#revive();
      throw error;
    }
    this.#heartbeat.beat();
    this.#parts.log.info('ready', {
      pipelines: this.data.pipelines.names(),
      models: this.control.models(),
    });
  }

  #observe(): () => void {
    return observeServer({
      admission: this.#admission,
      inFlight: () => this.#gate.inFlight,
      ready: () => this.control.readiness().ready,
      models: () => this.control.models(),
      contracts: () => this.control.contracts(),
      pushed: () => this.#pushed.views(),
      pipelines: () => [...this.#pipelines.runners].map(([name, { counters }]) => ({ name, counters })),
    });
  }

  /** Lets the transports among the parts answer; over HTTP they do so only when the fronts open. */
  async #serve(names: readonly string[]): Promise<void> {
    for (const [name, part] of this.#parts.running(transport))
      if (names.includes(name))
        await part.serve({ data: this.data, control: this.control }, { signal: this.#cut.signal });
  }

  /** Takes over from a server that serves, in one step. */
  #takeOver(former: ServerOf): void {
    if (former.#state !== 'ready')
      throw new VivaceError('FAILED_PRECONDITION', `the server to take over from is ${former.#state}`);
    former.#handover.passTo(this.#parts);
    this.#admission.limits = this.#checked.admission;
    this.#answerProbes();
    former.#unobserve?.();
  }

  /** Serves as before, after another server has failed to take over. */
  async #revive(): Promise<void> {
    if (!this.#handover.isHeld) return;
    // It may have been stopped meanwhile.
    const refusing = this.#state !== 'ready';
    if (!refusing) await this.#startAgain();
    this.#handover.resume({ refusing });
  }

  /** Starts the parts that were stopped for another server. */
  async #startAgain(): Promise<void> {
    try {
      const revived = await this.#parts.revive({
        timeoutMs: this.#startTimeoutMs,
        signal: this.#cut.signal,
      });
      await this.#pipelines.create();
      await this.#serve(revived);
    } catch (error) {
      this.#parts.log.error('what was stopped for a server that failed to start does not start again', {
        error,
      });
      this.#state = 'failed';
    }
  }

  async startOnly(names: readonly string[], { timeoutMs }: { timeoutMs?: number } = {}): Promise<this> {
    const started = this.#parts.withUsed(names);
    await this.#begun(() => this.#startParts(started, timeoutMs));
    this.#startedOnly = started;
    this.#state = 'partial';
    return this;
  }

  async signatures(): Promise<ReadonlyMap<string, Signature>> {
    return this.#pipelines.signatures();
  }

  async compile(signatures: ReadonlyMap<string, Signature> = new Map()): Promise<ReadonlyMap<string, Plan>> {
    return this.#pipelines.compile(signatures);
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  /**
   * Answers a request in process. It answers objects in the form in which they were sent: a list of objects, or a list per field.
   *
   * The types of an answer are those of the pipeline. Where the compiler does not know the pipeline, as with a YAML file, say what the
   * outputs are: `server.predict<{ score: number }>('rank', …)`.
   *
   * @throws {VivaceError} as a transport would answer it.
   */
  predict<N extends keyof P & string>(
    pipeline: N,
    body: RequestOf<P[N], 'rows'>,
    options?: PredictOptions,
  ): Promise<AnswerOf<P[N]>>;
  predict<N extends keyof P & string>(
    pipeline: N,
    body: RequestOf<P[N], 'columns'>,
    options?: PredictOptions,
  ): Promise<AnswerOf<P[N], 'columns'>>;
  // Only where `O` is written: it cannot be inferred, and no name is a `never`.
  predict<O extends Outputs = never>(
    pipeline: [O] extends [never] ? never : keyof P & string,
    body: RequestOf<PipelineDeclaration, 'rows'>,
    options?: PredictOptions,
  ): Promise<AnswerWith<O>>;
  predict<N extends keyof P & string>(
    pipeline: N,
    body: RequestOf<P[N]>,
    options?: PredictOptions,
  ): Promise<AnswerOf<P[N], Form>>;
  async predict(pipeline: string, body: unknown, options: PredictOptions = {}): Promise<object> {
    return this.#calls.predict(pipeline, body, options);
  }

  part<T>(port: Port<T>, name: string): T {
    const names = this.bindings
      .filter(({ ports }) => ports.includes(port.name))
      .map((binding) => binding.name);
    if (names.includes(name)) return this.#container.get(port.id, { name });
    throw new VivaceError('NOT_FOUND', `there is no ${port.name} part "${name}"${didYouMean(name, names)}`);
  }

  createSteps(plan: Plan, override?: SlotOverride): PipelineSteps {
    return createSteps(this.#container, plan, override);
  }

  throwMistakes(mistakes: readonly Mistake[]): void {
    const gathered = new Mistakes();
    for (const { path, message } of mistakes) gathered.add(path, message);
    this.#checked.throwIfAny(gathered);
  }

  placeOf(path: ConfigPath): Place | undefined {
    return this.#checked.placeOf?.(path);
  }

  addresses(): readonly string[] {
    return this.#parts.running(httpServer).flatMap(([, server]) => server.address() ?? []);
  }

  async #startParts(names: readonly string[], timeoutMs = this.#startTimeoutMs): Promise<void> {
    if (this.#state !== 'created')
      throw new VivaceError('FAILED_PRECONDITION', `the server is ${this.#state}, not new`);
    this.#state = 'starting';
    this.#admission.open();
    try {
      await this.#parts.start(names, {
        timeoutMs,
        signal: this.#cut.signal,
        vacate: async (occupied) => this.#former!.#handover.vacate(occupied, this.#former!.#drainTimeoutMs),
      });
    } catch (error) {
      this.#state = 'failed';
      this.#admission.close();
      throw error;
    }
  }

  /** Lets HTTP servers that have a thread for it answer health checks. */
  #answerProbes(): void {
    const answered = this.#parts
      .running(httpServer)
      .flatMap(([, server]) => server.probes?.(this.#heartbeat.memory) ?? []);
    if (answered.length === 0) return;
    this.#heartbeat.start();
    this.#parts.log.info('probes are answered', { addresses: answered });
  }

  async #counted<T>(call: Call, run: () => Promise<T>): Promise<T> {
    if (this.#state === 'partial')
      throw new VivaceError('FAILED_PRECONDITION', partialMessage(this.#startedOnly));
    if (this.#state !== 'ready' && this.#state !== 'draining') throw refused(this.#state);
    return this.#gate.pass(call, run);
  }

  async #stop(): Promise<void> {
    if (this.#state === 'starting')
      this.#cut.abort(new VivaceError('CANCELLED', 'the server was stopped while it was starting'));
    if (this.#starting !== undefined) await this.#starting;
    if (this.#state === 'created' || this.#state === 'failed') {
      this.#state = 'stopped';
      return;
    }
    this.#state = 'draining';
    this.#heartbeat.beat();
    this.#parts.log.info('draining', { inFlight: this.#gate.inFlight });
    const { drainDelayMs = 0 } = this.#settings;
    const drainTimeoutMs = this.#drainTimeoutMs;
    // Where another server has taken over all addresses, no load balancer needs to notice.
    const leaves =
      this.#handover.superseded === undefined ||
      this.#parts.own(httpServer).some((server) => server.address() !== undefined);
    if (leaves && drainDelayMs > 0) await pause(drainDelayMs, { ref: true });
    const context = { signal: timeoutSignal(drainTimeoutMs) };
    const until = performance.now() + drainTimeoutMs;
    if (this.#handover.superseded !== undefined) await endedWithin(this.#handover.superseded, drainTimeoutMs);
    this.#gate.close();
    const drained = await Promise.allSettled(
      this.#parts.own(httpServer).map(async (server) => server.drain(context)),
    );
    for (const outcome of drained) {
      if (outcome.status === 'rejected')
        this.#parts.log.warn('a server did not drain', { error: outcome.reason });
    }
    // HTTP servers that drain and calls that came another way share the same time.
    await this.#gate.untilIdle(Math.max(0, until - performance.now()));
    if (this.#gate.inFlight > 0)
      this.#parts.log.warn('calls in flight are cut off', { inFlight: this.#gate.inFlight });
    const cut = new VivaceError('CANCELLED', 'the server has stopped');
    this.#cut.abort(cut);
    await Promise.all(this.#parts.telemetries.map((part) => part.flush(context))).catch((error: unknown) =>
      this.#parts.log.warn('telemetry was not delivered', { error }),
    );
    this.#unobserve?.();
    this.#parts.log.info('stopped');
    try {
      await this.#parts.stop(Math.min(drainTimeoutMs, 5000));
    } finally {
      this.#heartbeat.stop();
      this.#admission.close();
      this.#state = 'stopped';
    }
  }
}
