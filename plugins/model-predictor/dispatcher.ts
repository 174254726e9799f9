import {
  checkTensor,
  wrongName,
  isVivaceError,
  messageOf,
  timeLeftMs,
  VivaceError,
  type PartContext,
  type PredictContext,
  type Tensor,
} from 'vivace';
import type { Call } from './call.js';
import { countNaN } from './count-nan.js';
import { DrainRate } from './drain-rate.js';
import type { Instance } from './instance.js';
import type { PredictorOptions } from './options.js';
import { joinInputs, joinOffsets, sliceOutputs } from './tensors.js';
import { WaitingCalls } from './waiting-calls.js';

/**
 * Brings calls to instances. A call goes at once, alone and uncopied, to an instance that is idle; while all are busy calls wait, and
 * an instance that becomes free takes as many of them together as fit.
 */
export class Dispatcher {
  readonly #waiting: WaitingCalls;
  readonly #maxQueueRows: number;
  readonly #repeatDied: boolean;
  readonly #refuseNaN: boolean;
  readonly #clock: PartContext['clock'];
  readonly #log: PartContext['log'];
  readonly #batchRows;
  readonly #duration;
  readonly #failures;
  readonly #refusals;
  readonly #nans;
  #instances = new Set<Instance>();
  #idle: Instance[] = [];
  /** Whether no call may wait until an instance is added. */
  #isDown = false;
  readonly #rate = new DrainRate();

  constructor(
    limits: Pick<PredictorOptions, 'maxBatchRows' | 'maxQueueRows' | 'repeatDied' | 'refuseNaN'>,
    context: PartContext,
  ) {
    this.#waiting = new WaitingCalls(limits.maxBatchRows);
    this.#maxQueueRows = limits.maxQueueRows;
    this.#repeatDied = limits.repeatDied;
    this.#refuseNaN = limits.refuseNaN;
    this.#clock = context.clock;
    this.#log = context.log;
    this.#batchRows = context.histogram('predictor.batch.rows', {
      unit: '{row}',
      description: 'Rows of one call to a model',
    });
    this.#duration = context.histogram('predictor.duration', {
      unit: 's',
      description: 'Time of one call to a model',
    });
    this.#failures = context.counter('predictor.failures', {
      unit: '{call}',
      description: 'Calls to a model that failed',
    });
    this.#nans = context.counter('predictor.nan', {
      unit: '{value}',
      description: 'Values of outputs that are not a number',
    });
    this.#refusals = context.counter('predictor.refusals', {
      unit: '{call}',
      description: 'Calls refused because the queue was full, or too long for their deadline',
    });
    context.gauge(
      'predictor.queue.rows',
      { unit: '{row}', description: 'Rows that wait for an instance' },
      () => {
        return this.#waiting.rows;
      },
    );
  }

  /** What waits for an instance. */
  get queue(): { readonly calls: number; readonly rows: number } {
    return { calls: this.#waiting.size, rows: this.#waiting.rows };
  }

  /** Takes a call; it settles by itself. */
  submit(call: Call): void {
    const instance = this.#idle.pop();
    if (instance !== undefined) return this.#run(instance, [call]);
    const { rows: waiting } = this.#waiting;
    const { rows, context } = call;
    if (waiting + rows > this.#maxQueueRows) {
      return this.#refuse(call, 'full', `the queue is full: ${waiting} of ${this.#maxQueueRows} rows wait`);
    }
    const neededMs = this.#msFor(this.#running + waiting + rows);
    if (neededMs > 0 && neededMs > timeLeftMs(context)) {
      const why = `an answer would take about ${Math.ceil(neededMs)} ms, longer than the call may: ${waiting} rows wait`;
      return this.#refuse(call, 'late', why, 503);
    }
    this.#waiting.add(call);
  }

  #refuse(call: Call, reason: 'full' | 'late', message: string, httpStatus?: number): void {
    this.#refusals.add(1, { 'vivace.reason': reason });
    const retryAfterMs = Math.max(1, Math.ceil(this.#msFor(this.#waiting.rows)));
    call.reject(
      new VivaceError('RESOURCE_EXHAUSTED', message, {
        ...(httpStatus === undefined ? {} : { httpStatus }),
        retryAfterMs,
        started: false,
      }),
    );
  }

  /** How long all instances together take for so many rows, milliseconds; 0 where that is not known yet. */
  #msFor(rows: number): number {
    return (rows * this.#rate.msPerRow) / Math.max(1, this.#instances.size);
  }

  /** Rows that are being predicted. */
  get #running(): number {
    let rows = 0;
    for (const instance of this.#instances) if (instance.calls !== undefined) rows += instance.rows;
    return rows;
  }

  /** Lets an instance take calls. */
  add(instance: Instance): void {
    this.#isDown = false;
    this.#instances.add(instance);
    this.#next(instance);
  }

  /** Gives an instance no more calls; what it is predicting goes on. */
  remove(instance: Instance): void {
    instance.usable = false;
    this.#instances.delete(instance);
    this.#idle = this.#idle.filter((other) => other !== instance);
    // Calls that wait although an instance is idle avoid that instance; now there may be no other.
    this.#wakeIdle();
  }

  /** Fails every call that waits; none is repeated until an instance is added. */
  failWaiting(error: VivaceError): void {
    this.#isDown = true;
    for (const call of this.#waiting.drain()) call.reject(error);
  }

  #next(instance: Instance): void {
    const calls = this.#waiting.size === 0 ? [] : this.#waiting.take(instance, this.#instances.size > 1);
    if (calls.length > 0) this.#run(instance, calls, true);
    else this.#idle.push(instance);
  }

  /** Lets instances that are idle take calls that wait. */
  #wakeIdle(): void {
    if (this.#waiting.size === 0) return;
    for (const instance of this.#idle.splice(0).reverse()) this.#next(instance);
  }

  /** @param waited Whether the calls come from the queue. */
  #run(instance: Instance, calls: readonly Call[], waited = false): void {
    const [first] = calls as readonly [Call];
    instance.calls = calls;
    instance.since = this.#clock.monotonic();
    let { inputs, context } = first;
    first.onLeave = undefined;
    if (calls.length > 1) {
      const rows = calls.reduce((sum, call) => sum + call.rows, 0);
      const offsets = instance.signature.over === 'request' ? { offsets: joinOffsets(calls) } : {};
      inputs = joinInputs(calls, rows);
      context = { rows, signal: untilAllLeft(calls), ...offsets };
    }
    const { rows } = context;
    instance.rows = rows;
    predict(instance, inputs, context).then(
      (outputs) => this.#answered(instance, { calls, rows, outputs, waited }),
      (error: unknown) => this.#failed(instance, calls, error),
    );
  }

  #answered(instance: Instance, { calls, rows, outputs, waited }: Answered): void {
    const elapsedMs = this.#clock.monotonic() - instance.since;
    this.#batchRows.record(rows);
    this.#duration.record(elapsedMs / 1_000);
    if (waited) this.#rate.learn(rows, elapsedMs);
    const wrong = wrongOutput(instance, outputs, rows);
    if (wrong !== undefined) return this.#failed(instance, calls, new VivaceError('PREDICTOR_FAILED', wrong));
    // The answers first: nothing that the next call does may show in them.
    const nans = countNaN(outputs);
    if (nans > 0) this.#nans.add(nans);
    this.#handOut(instance, calls, outputs, nans > 0 && this.#refuseNaN);
    this.#release(instance);
  }

  /** Gives each call its rows; calls that were predicted together get copies. */
  #handOut(
    { model }: Instance,
    calls: readonly Call[],
    outputs: readonly Tensor[],
    isNaNRefused: boolean,
  ): void {
    let from = 0;
    for (const call of calls) {
      const to = from + call.rows;
      if (!call.settled) {
        const own = calls.length === 1 ? outputs : sliceOutputs(outputs, from, to);
        if (isNaNRefused && countNaN(own) > 0) this.#fail(call, nanRefused());
        else call.resolve({ model, outputs: own });
      }
      from = to;
    }
  }

  #fail(call: Call, error: VivaceError): void {
    this.#failures.add(1, { 'error.type': error.code });
    call.reject(error);
  }

  #failed(instance: Instance, calls: readonly Call[], thrown: unknown): void {
    const error = isVivaceError(thrown)
      ? thrown
      : new VivaceError('PREDICTOR_FAILED', `the model failed: ${messageOf(thrown)}`, { cause: thrown });
    const again = calls.filter(
      (call) => !call.settled && this.#mayRepeat(call, { instance, error, joined: calls.length > 1 }),
    );
    for (const call of again) this.#waiting.add(call, true);
    for (const call of calls) {
      if (again.includes(call) || call.settled) continue;
      this.#fail(call, call.repeated ? this.#reportDeadly(instance, error) : error);
    }
    this.#wakeIdle();
    this.#release(instance);
  }

  /** A call that never started goes to another instance, once; one of several that failed together is tried alone. */
  #mayRepeat(
    call: Call,
    { instance, error, joined }: { instance: Instance; error: VivaceError; joined: boolean },
  ): boolean {
    if (this.#isDown) return false;
    if (error.started === false) {
      const another = !instance.usable || this.#instances.size > 1;
      if (call.avoid !== undefined || !another) return false;
      call.avoid = instance;
      return true;
    }
    if (died(instance, error)) {
      const areInputsIntact = joined || instance.predictor.keepsInputs === true;
      if (!this.#repeatDied || call.repeated || !areInputsIntact) return false;
      call.repeated = true;
      call.alone = true;
      return true;
    }
    // A runtime finds some faults of an input only as it predicts: they are those of one caller.
    if (!joined || (error.code !== 'PREDICTOR_FAILED' && error.code !== 'INVALID_ARGUMENT')) return false;
    call.alone = true;
    return true;
  }

  /** What a caller hears whose call ended two instances, or failed on the second; the log has the details. */
  #reportDeadly(instance: Instance, error: VivaceError): VivaceError {
    if (!died(instance, error)) return error;
    this.#log.error('a call ended two instances of the model; it is not tried again', {
      error,
      version: instance.model.version,
    });
    return new VivaceError(
      'PREDICTOR_FAILED',
      'two instances of the model ended while they predicted for it',
    );
  }

  #release(instance: Instance): void {
    instance.free();
    if (instance.usable) this.#next(instance);
  }
}

/** Whether a call failed because its instance died. */
function died({ usable }: Instance, { code, started }: VivaceError): boolean {
  return !usable && code === 'UNAVAILABLE' && started !== false;
}

function nanRefused(): VivaceError {
  return new VivaceError('PREDICTOR_FAILED', 'the model gave NaN, which `refuseNaN` does not pass on');
}

/** What an instance gave for the calls that it was given. */
interface Answered {
  readonly calls: readonly Call[];
  readonly rows: number;
  readonly outputs: readonly Tensor[];
  /** Whether the calls come from the queue. */
  readonly waited: boolean;
}

/** Treats a runtime that throws synchronously as one that rejects. */
function predict(
  { predictor }: Instance,
  inputs: readonly Tensor[],
  context: PredictContext,
): Promise<readonly Tensor[]> {
  return new Promise((resolve) => resolve(predictor.predict(inputs, context)));
}

function wrongOutput({ signature }: Instance, outputs: readonly Tensor[], rows: number): string | undefined {
  for (let i = 0; i < signature.outputs.length; i++) {
    const spec = signature.outputs[i]!;
    const output = (outputs as Partial<readonly Tensor[]> | undefined)?.[i];
    if (output === undefined) return `the model gave no output "${spec.name}"`;
    const wrong = wrongName(output, spec) ?? checkTensor(output, spec, rows);
    if (wrong !== undefined) return `the model's output "${spec.name}" ${wrong}`;
  }
  return undefined;
}

/** Aborts when the last caller of a joined call has left. */
function untilAllLeft(calls: readonly Call[]): AbortSignal {
  const controller = new AbortController();
  let left = calls.length;
  for (const call of calls) {
    call.onLeave = () => {
      if (--left === 0) controller.abort(new VivaceError('CANCELLED', 'every caller has left'));
    };
  }
  return controller.signal;
}
