import {
  abortError,
  timeLeftMs,
  VivaceError,
  type PredictContext,
  type PredictorInstance,
  type Signature,
  type Tensor,
} from 'vivace';
import { isErrorCode, type Frame } from 'vivace/wire';
import type { WorkerConnection } from './worker-connection.js';

/** A model that a worker has loaded. */
export class WorkerInstance implements PredictorInstance {
  readonly closed: Promise<string>;
  /** What a call is made of is written to a socket. */
  readonly keepsInputs = true;
  readonly #connection: WorkerConnection;
  readonly #stop: () => Promise<void>;
  readonly #overRequests: boolean;
  #lastCall = 0;

  /** @param stop Ends the worker after it has been told goodbye. */
  constructor(connection: WorkerConnection, { over }: Signature, stop: () => Promise<void>) {
    this.#connection = connection;
    this.#stop = stop;
    this.#overRequests = over === 'request';
    this.closed = connection.closed;
  }

  async predict(inputs: readonly Tensor[], context: PredictContext): Promise<readonly Tensor[]> {
    const { signal } = context;
    if (signal.aborted) throw abortError(signal);
    const call = (this.#lastCall % 0xffff_ffff) + 1;
    const asked = this.#connection.exchange(this.#frame(call, inputs, context));
    this.#lastCall = call;
    const cancel = (): void => this.#cancel(call);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return this.#outputsOf(call, await asked);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async unload(): Promise<void> {
    this.#connection.leave('the model was unloaded');
    await this.#stop();
  }

  #frame(call: number, inputs: readonly Tensor[], { rows, offsets, ...context }: PredictContext): Frame {
    const leftMs = timeLeftMs(context);
    const header = {
      rows,
      ...(Number.isFinite(leftMs) ? { timeout_ms: Math.max(0, Math.floor(leftMs)) } : {}),
    };
    if (!this.#overRequests || offsets === undefined)
      return { type: 'PREDICT', call, header, tensors: inputs };
    const { buffer, byteOffset, length } = offsets;
    const tensor: Tensor = {
      name: 'offsets',
      datatype: 'INT32',
      shape: [length],
      data: new Int32Array(buffer as ArrayBuffer, byteOffset, length),
    };
    return {
      type: 'PREDICT',
      call,
      header: { ...header, requests: length - 1 },
      tensors: [...inputs, tensor],
    };
  }

  #cancel(call: number): void {
    if (this.#connection.reason === undefined)
      this.#connection.send({ type: 'CANCEL', call, header: {}, tensors: [] });
  }

  #outputsOf(call: number, answer: Frame): readonly Tensor[] {
    if (answer.call === call && answer.type === 'RESULT') return answer.tensors;
    if (answer.call === call && answer.type === 'ERROR') throw errorOf(answer);
    const message = `the worker answered call ${call} with ${answer.type} of call ${answer.call}`;
    this.#connection.end(message);
    throw new VivaceError('UNAVAILABLE', message);
  }
}

/** The error that a worker answered with. */
export function errorOf({ header }: Frame): VivaceError {
  const { code, message, started } = header;
  const known = isErrorCode(code) ? code : 'PREDICTOR_FAILED';
  return new VivaceError(known, String(message), started === false ? { started } : {});
}
