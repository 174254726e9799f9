import { Worker } from 'node:worker_threads';
import type { Tensor } from '../data/tensor.js';
import { abortError, VivaceError } from '../kernel/errors.js';
import type { PredictContext, PredictorInstance } from '../ports/predictor-runtime.js';
import {
  packTensors,
  unpackTensors,
  type CloseThread,
  type ModelAnswer,
  type ModelReady,
} from '../wire/model-calls.js';
import type { Signature } from '../models/bundle.js';

/** A thread that loads a model and answers calls with `answerCalls` of `vivace/wire`. */
export interface ModelThread {
  /** The module the thread runs; it posts `{ ready }` or `{ failed }` once. */
  readonly module: URL;
  /** What the module finds as `workerData`. */
  readonly data: unknown;
  /**
   * Whether the thread may be ended in the middle of its work. Native code that loses its thread can crash the whole process. A thread that
   * runs such code is asked to end, and finishes its work first.
   */
  readonly interruptible: boolean;
}

interface Waiting {
  resolve(tensors: readonly Tensor[]): void;
  reject(error: VivaceError): void;
}

/**
 * Starts a thread and waits until it is ready.
 *
 * @returns What the thread said in `ready`, and its worker.
 * @throws {VivaceError} What the thread said in `failed`; `FAILED_PRECONDITION` where the thread died; the signal's error where the signal
 *   aborted.
 */
export async function startModelThread(
  { module, data, interruptible }: ModelThread,
  { signal }: { readonly signal: AbortSignal },
): Promise<{ readonly worker: Worker; readonly ready: unknown }> {
  if (signal.aborted) throw abortError(signal);
  const worker = new Worker(module, { workerData: data });
  let leave: () => void = () => undefined;
  try {
    const ready = await new Promise<unknown>((resolve, reject) => {
      leave = () => reject(abortError(signal));
      signal.addEventListener('abort', leave, { once: true });
      worker.once('message', (message: ModelReady) => {
        if ('ready' in message) resolve(message.ready);
        else reject(new VivaceError(message.failed.code, message.failed.message));
      });
      worker.once('error', (error) => {
        reject(
          new VivaceError('FAILED_PRECONDITION', `the model's thread failed: ${error.message}`, {
            cause: error,
          }),
        );
      });
      worker.once('exit', (code) => {
        reject(
          new VivaceError(
            'FAILED_PRECONDITION',
            `the model's thread ended with code ${code} before it was ready`,
          ),
        );
      });
    });
    return { worker, ready };
  } catch (error) {
    const ended = endThread(worker, interruptible);
    // A caller that has left does not wait for a thread that finishes its work first.
    if (interruptible) await ended;
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** An instance whose model lives in a thread of its own: the event loop stays free while it predicts. */
export async function loadInThread(
  thread: ModelThread,
  signature: Signature,
  context: { readonly signal: AbortSignal },
): Promise<PredictorInstance> {
  const { worker } = await startModelThread(thread, context);
  return new ThreadInstance(worker, { signature, interruptible: thread.interruptible });
}

/** Ends a thread; resolves when it has ended. */
async function endThread(worker: Worker, interruptible: boolean): Promise<void> {
  if (interruptible) {
    await worker.terminate();
    return;
  }
  // A worker that has ended has no thread id.
  if (worker.threadId === -1) return;
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const close: CloseThread = { close: true };
  worker.postMessage(close, []);
  await ended;
}

class ThreadInstance implements PredictorInstance {
  readonly closed: Promise<string>;
  readonly #worker: Worker;
  readonly #signature: Signature;
  readonly #interruptible: boolean;
  readonly #waiting = new Map<number, Waiting>();
  #dead: string | undefined;
  #lastId = 0;

  constructor(
    worker: Worker,
    { signature, interruptible }: { signature: Signature; interruptible: boolean },
  ) {
    this.#worker = worker;
    this.#signature = signature;
    this.#interruptible = interruptible;
    worker.on('message', (answer: ModelAnswer) => this.#settle(answer));
    this.closed = new Promise((resolve) => {
      const end = (reason: string): void => {
        this.#dead ??= reason;
        resolve(this.#dead);
        this.#failWaiting(this.#dead);
      };
      worker.once('error', (error) => end(`the model's thread failed: ${error.message}`));
      worker.once('exit', (code) => end(`the model's thread ended with code ${code}`));
    });
  }

  predict(inputs: readonly Tensor[], { rows, offsets, signal }: PredictContext): Promise<readonly Tensor[]> {
    if (this.#dead !== undefined)
      return Promise.reject(new VivaceError('UNAVAILABLE', this.#dead, { started: false }));
    if (signal.aborted) return Promise.reject(abortError(signal));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const cancel = (): void => this.#worker.postMessage({ cancel: id }, []);
      signal.addEventListener('abort', cancel, { once: true });
      this.#waiting.set(id, {
        resolve: (tensors) => {
          signal.removeEventListener('abort', cancel);
          resolve(tensors);
        },
        reject: (error) => {
          signal.removeEventListener('abort', cancel);
          reject(error);
        },
      });
      const { data, shapes, transfer } = packTensors(inputs);
      this.#worker.postMessage(
        { id, rows, data, shapes, ...(offsets === undefined ? {} : { offsets }) },
        transfer,
      );
    });
  }

  async unload(): Promise<void> {
    this.#dead ??= 'the model was unloaded';
    if (!this.#interruptible) this.#failWaiting(this.#dead);
    await endThread(this.#worker, this.#interruptible);
  }

  #failWaiting(reason: string): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new VivaceError('UNAVAILABLE', reason));
    this.#waiting.clear();
  }

  #settle(answer: ModelAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting.reject(new VivaceError(answer.error.code, answer.error.message));
    else waiting.resolve(unpackTensors(this.#signature.outputs, answer));
  }
}
