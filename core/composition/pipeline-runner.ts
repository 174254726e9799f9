import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { abortError, messageOf, VivaceError } from '../kernel/errors.js';
import type { Clock } from '../parts/context.js';
import { createAnswerWriter, type FinishedRun } from '../json/answer-writer.js';
import { createExecutor } from '../pipeline/execute.js';
import type { Frame } from '../data/frame.js';
import type { Plan } from '../pipeline/plan.js';
import { createRequestDecoder, type DecodedRequest } from '../json/request-decoder.js';
import type { Degradation, RunContext } from '../pipeline/run-context.js';
import type { ModelVersion } from '../ports/model-repository.js';
import type { CallContext } from '../kernel/call.js';
import type { PredictCall } from '../ports/server-face.js';
import type { PipelineSteps } from './step-factory.js';
import { traced } from './traced-step.js';

/** Fetches give up when this part of the deadline has passed, so that there is time to answer without them. */
const fetchShare = 0.8;

/** Answers requests of one pipeline. */
export class PipelineRunner {
  readonly plan: Plan;
  readonly steps: PipelineSteps;
  readonly #decode;
  readonly #write;
  readonly #execute;
  readonly #clock: Clock;
  readonly #tracing: () => boolean;
  readonly #running = new Set<Run>();

  constructor(
    plan: Plan,
    steps: PipelineSteps,
    { clock, tracing }: { clock: Clock; tracing: () => boolean },
  ) {
    this.plan = plan;
    this.steps = steps;
    this.#clock = clock;
    this.#tracing = tracing;
    this.#decode = createRequestDecoder(plan);
    this.#write = createAnswerWriter(plan);
    this.#execute = createExecutor(
      steps.nodes.map(({ node, step }) => ({ node, step: traced(node, step, tracing) })),
    );
  }

  async text(call: PredictCall): Promise<string> {
    return this.#write.text(await this.#run(call));
  }

  async value(call: PredictCall): Promise<object> {
    return this.#write.value(await this.#run(call));
  }

  /** Ends the runs that are still going on. */
  abort(reason: VivaceError): void {
    for (const run of this.#running) run.abort(reason);
  }

  async #run(call: PredictCall): Promise<FinishedRun> {
    if (!this.#tracing()) return this.#answer(call, call.context.trace);
    const parent = call.context.trace ?? ROOT_CONTEXT;
    const attributes = { 'vivace.pipeline': this.plan.name, 'vivace.request_id': call.requestId };
    const span = trace
      .getTracer('vivace')
      .startSpan(`predict ${this.plan.name}`, { kind: SpanKind.SERVER, attributes }, parent);
    try {
      return await this.#answer(call, trace.setSpan(parent, span));
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  }

  #decoded(body: unknown): DecodedRequest {
    const from = performance.now();
    try {
      return this.#decode(body, this.#clock.now());
    } catch (error) {
      this.steps.around?.refused(error, (performance.now() - from) / 1000);
      throw error;
    }
  }

  async #answer(call: PredictCall, parent: CallContext['trace']): Promise<FinishedRun> {
    const { signal } = call.context;
    if (signal.aborted) throw abortError(signal);
    const decoded = this.#decoded(call.body);
    const deadlineMs = Math.min(this.plan.deadlineMs, call.deadlineMs ?? Infinity);
    const run = new Run(decoded.frame, {
      deadlineMs,
      durations: this.plan.recorded ? new Float64Array(this.plan.nodes.length) : undefined,
      trace: parent,
    });
    const leave = (): void => run.abort(abortError(signal));
    signal.addEventListener('abort', leave, { once: true });
    this.#running.add(run);
    try {
      const { around } = this.steps;
      await (around === undefined ? this.#execute(run) : around.run(run, () => this.#execute(run)));
    } catch (error) {
      // What other steps are still waiting for is of no use to anybody.
      run.abort(new VivaceError('CANCELLED', 'another step of the request has failed', { cause: error }));
      throw error;
    } finally {
      this.#running.delete(run);
      signal.removeEventListener('abort', leave);
      run.end();
    }
    return { ...decoded, requestId: call.requestId, models: run.models, degraded: run.degraded };
  }
}

/** One run: its frame, its deadline and what it says of itself. */
class Run implements RunContext {
  readonly frame: Frame;
  readonly degraded: Degradation[] = [];
  readonly models = new Map<string, ModelVersion>();
  readonly durations: Float64Array | undefined;
  readonly trace?: NonNullable<CallContext['trace']>;
  readonly deadline: number;
  readonly fetchDeadline: number;
  readonly #controller = new AbortController();
  readonly #deadlineMs: number;
  readonly #timer: NodeJS.Timeout;
  #fetches: AbortController | undefined;
  #fetchTimer: NodeJS.Timeout | undefined;

  constructor(
    frame: Frame,
    options: { deadlineMs: number; durations: Float64Array | undefined; trace: CallContext['trace'] },
  ) {
    this.frame = frame;
    this.durations = options.durations;
    if (options.trace !== undefined) this.trace = options.trace;
    this.#deadlineMs = options.deadlineMs;
    const from = performance.now();
    this.deadline = from + options.deadlineMs;
    this.fetchDeadline = from + options.deadlineMs * fetchShare;
    this.#timer = setTimeout(
      () => this.abort(this.#late('the deadline', options.deadlineMs)),
      options.deadlineMs,
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Made when the first source asks: most runs on local stores need none. */
  fetchSignal(): AbortSignal {
    if (this.#fetches === undefined) {
      const fetches = new AbortController();
      this.#fetches = fetches;
      const share = this.#deadlineMs * fetchShare;
      const left = Math.max(0, this.fetchDeadline - performance.now());
      this.#fetchTimer = setTimeout(() => fetches.abort(this.#late('the time for fetches', share)), left);
      if (this.signal.aborted) fetches.abort(this.signal.reason);
    }
    return this.#fetches.signal;
  }

  abort(reason: VivaceError): void {
    this.#controller.abort(reason);
    this.#fetches?.abort(reason);
  }

  end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#fetchTimer);
  }

  #late(what: string, afterMs: number): VivaceError {
    return new VivaceError('DEADLINE_EXCEEDED', `${what} of ${Math.round(afterMs)} ms has passed`);
  }
}
