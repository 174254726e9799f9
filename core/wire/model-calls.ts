import type { Datatype, Tensor, TensorData } from '../data/tensor.js';
import type { ErrorCode } from '../kernel/errors.js';
import { isVivaceError, messageOf, VivaceError } from '../kernel/errors.js';
import { copyData } from './copy-tensor.js';

/** The part of a tensor's signature that both sides know. */
export interface DeclaredTensor {
  readonly name: string;
  readonly datatype: Datatype;
}

/** A call to a model in another thread. Names and datatypes are the signature's, so only data and shapes travel. */
export interface ModelCall {
  readonly id: number;
  readonly rows: number;
  readonly offsets?: Uint32Array;
  readonly shapes: readonly (readonly number[])[];
  readonly data: readonly TensorData[];
}

/** Tells the thread that the caller no longer waits for a call. */
export interface CancelCall {
  readonly cancel: number;
}

/** Asks the thread to end once the call it is running is done. */
export interface CloseThread {
  readonly close: true;
}

/** What a thread says once: that it has loaded its model, or that it could not. */
export type ModelReady =
  { readonly ready: unknown } | { readonly failed: { readonly code: ErrorCode; readonly message: string } };

/** The answer to a `ModelCall`. */
export type ModelAnswer =
  | {
      readonly id: number;
      readonly shapes: readonly (readonly number[])[];
      readonly data: readonly TensorData[];
    }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

/** The side of a message port that this module needs. */
export interface CallPort {
  on(event: 'message', listener: (message: ModelCall | CancelCall | CloseThread) => void): unknown;
  close(): void;
  postMessage(message: ModelAnswer | ModelReady, transfer: ArrayBuffer[]): void;
}

/** Copying less than this costs no more than transferring it. */
const smallestTransferBytes = 2_048;

/**
 * Makes data ready to leave the thread: large, whole buffers are transferred; views into larger buffers are copied out first, because
 * cloning a view clones its whole buffer.
 */
export function packTensors(tensors: readonly Tensor[]): {
  data: TensorData[];
  shapes: (readonly number[])[];
  transfer: ArrayBuffer[];
} {
  const transfer: ArrayBuffer[] = [];
  const shapes = tensors.map((tensor) => tensor.shape);
  const data = tensors.map((tensor) => {
    let { data } = tensor;
    if (Array.isArray(data)) return data;
    if (data.byteLength !== data.buffer.byteLength) data = copyData(data);
    const { buffer } = data;
    if (
      data.byteLength >= smallestTransferBytes &&
      buffer instanceof ArrayBuffer &&
      !transfer.includes(buffer)
    ) {
      transfer.push(buffer);
    }
    return data;
  });
  return { data, shapes, transfer };
}

/** Puts names and datatypes back on data and shapes that travelled. */
export function unpackTensors(
  declared: readonly DeclaredTensor[],
  message: { readonly shapes: readonly (readonly number[])[]; readonly data: readonly TensorData[] },
): Tensor[] {
  return declared.map(({ name, datatype }, i) => ({
    name,
    datatype,
    shape: message.shapes[i] as readonly number[],
    data: message.data[i] as TensorData,
  }));
}

/** The thread's side: answers each call through `port` with what `predict` gives. */
export function answerCalls(
  port: CallPort,
  signature: { readonly inputs: readonly DeclaredTensor[] },
  predict: (
    inputs: readonly Tensor[],
    context: { readonly rows: number; readonly offsets?: Uint32Array; readonly signal: AbortSignal },
  ) => Promise<readonly Tensor[]>,
): void {
  const running = new Map<number, AbortController>();
  const answer = async (call: ModelCall): Promise<void> => {
    const controller = new AbortController();
    running.set(call.id, controller);
    try {
      const { id, rows, offsets } = call;
      const context = { rows, signal: controller.signal, ...(offsets === undefined ? {} : { offsets }) };
      const { data, shapes, transfer } = packTensors(
        await predict(unpackTensors(signature.inputs, call), context),
      );
      port.postMessage({ id, data, shapes }, transfer);
    } catch (error) {
      port.postMessage({ id: call.id, error: describeError(error, 'PREDICTOR_FAILED') }, []);
    } finally {
      running.delete(call.id);
    }
  };
  port.on('message', (message) => {
    if ('close' in message) port.close();
    else if ('cancel' in message)
      running.get(message.cancel)?.abort(new VivaceError('CANCELLED', 'every caller has left'));
    else void answer(message);
  });
}

/** An error as it travels between threads. */
export function describeError(error: unknown, otherwise: ErrorCode): { code: ErrorCode; message: string } {
  return { code: isVivaceError(error) ? error.code : otherwise, message: messageOf(error) };
}
