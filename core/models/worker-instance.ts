import { Worker } from 'node:worker_threads';
import type { Tensor } from '../data/tensor.js';
import { abortError, VivaceError } from '../errors.js';
import type { PredictContext, PredictorInstance } from '../ports/predictor-runtime.js';
import { packTensors, unpackTensors, type ModelAnswer, type ModelReady } from '../wire/model-calls.js';
import type { Signature } from './bundle.js';

/** A thread that loads a model and answers calls with `answerCalls` of `vivace/wire`. */
export interface ModelThread {
  /** The module the thread runs; it posts `{ ready }` or `{ failed }` once. */
  readonly module: URL;
  /** What the module finds as `workerData`. */
  readonly data: unknown;
}

interface Waiting {
  resolve(tensors: readonly Tensor[]): void;
  reject(error: VivaceError): void;
}

/**
 * Starts a thread and waits until it is ready.
 *
 * @returns What the thread said in `ready`, and its worker.
 * @throws {VivaceError} What the thread said in `failed`; `FAILED_PRECONDITION` where it died; the signal's error where it aborted.
 */
export async function startModelThread(
  { module, data }: ModelThread,
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
    await worker.terminate();
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
  return new ThreadInstance(worker, signature);
}

class ThreadInstance implements PredictorInstance {
  readonly closed: Promise<string>;
  readonly #worker: Worker;
  readonly #signature: Signature;
  readonly #waiting = new Map<number, Waiting>();
  #dead: string | undefined;
  #lastId = 0;

  constructor(worker: Worker, signature: Signature) {
    this.#worker = worker;
    this.#signature = signature;
    let reason: string | undefined;
    worker.on('message', (answer: ModelAnswer) => this.#settle(answer));
    worker.on('error', (error) => (reason ??= `the model's thread failed: ${error.message}`));
    this.closed = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.#dead ??= reason ?? `the model's thread ended with code ${code}`;
        resolve(this.#dead);
        const error = new VivaceError('UNAVAILABLE', this.#dead);
        for (const waiting of this.#waiting.values()) waiting.reject(error);
        this.#waiting.clear();
      });
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
    await this.#worker.terminate();
  }

  #settle(answer: ModelAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting.reject(new VivaceError(answer.error.code, answer.error.message));
    else waiting.resolve(unpackTensors(this.#signature.outputs, answer));
  }
}
