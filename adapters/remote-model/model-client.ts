import { randomUUID } from 'node:crypto';
import { VivaceError, type Signature, type Tensor } from 'vivace';
import {
  inferRequestWriter,
  inferResponseReader,
  isVivaceError,
  jsonLengthHeader,
  messageBody,
  parseJson,
  readJsonLength,
  splitBody,
  type InferResponse,
} from 'vivace/wire';
import { readMetadata, type ModelMetadata } from './metadata.js';
import { refusedCall, refusedLoad, type Asked } from './refusal.js';
import type { RemoteFile } from './remote-file.js';
import type { Answer, HttpConnection } from 'vivace/kit';

/** What the JSON of an answer may hold: tensors have few dimensions, and those with many rows are binary or flat. */
const limits = { maxDepth: 32, maxContainers: 500_000 };
/** Metadata is a page of text. */
const longestMetadata = 1_048_576;

/** How long an exchange may take, milliseconds, and who may end it before. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ModelClientOptions {
  readonly model: RemoteFile;
  readonly maxResponseBytes: number;
  /** Texts that no message repeats. */
  readonly secrets: readonly string[];
}

/** One model of a server of the Open Inference Protocol. */
export class ModelClient {
  readonly #connection: HttpConnection;
  readonly #path: string;
  readonly #version: string | undefined;
  readonly #maxResponseBytes: number;
  readonly #asked: Asked;

  constructor(
    connection: HttpConnection,
    { model: { model, version }, maxResponseBytes, secrets }: ModelClientOptions,
  ) {
    const versioned = version === undefined ? '' : `/versions/${encodeURIComponent(version)}`;
    this.#connection = connection;
    this.#path = `/v2/models/${encodeURIComponent(model)}${versioned}`;
    this.#version = version;
    this.#maxResponseBytes = maxResponseBytes;
    const what = version === undefined ? `model "${model}"` : `version "${version}" of the model "${model}"`;
    this.#asked = { where: connection.where, what, secrets };
  }

  /**
   * What the server says of the model's tensors.
   *
   * @throws {VivaceError} `NOT_FOUND` where the server has no such model, `FAILED_PRECONDITION` where it does not answer in the protocol.
   */
  async metadata(patience: Patience): Promise<ModelMetadata> {
    const { body } = await this.#read(this.#path, patience);
    return readMetadata(body, this.#asked.where);
  }

  /** @throws {VivaceError} `UNAVAILABLE` where the model is not ready. */
  async checkReady(patience: Patience): Promise<void> {
    const answer = await this.#read(`${this.#path}/ready`, patience);
    if (saysNotReady(answer.body))
      throw new VivaceError('UNAVAILABLE', `${this.#asked.where}: the ${this.#asked.what} is not ready`);
  }

  /**
   * Makes the call of the model.
   *
   * @returns A function that sends the inputs of the signature, as binary tensors, and gives its outputs. It throws `PREDICTOR_FAILED` where
   *   the answer is anything other than these.
   */
  infer({
    inputs,
    outputs,
  }: Signature): (tensors: readonly Tensor[], patience: Patience) => Promise<readonly Tensor[]> {
    const write = inferRequestWriter({ inputs, outputs });
    const read = inferResponseReader(outputs);
    const caller = randomUUID();
    let calls = 0;
    return async (tensors, patience) => {
      const id = `${caller}-${++calls}`;
      const timeout = Math.max(1, Math.floor(patience.timeoutMs * 1_000));
      const answer = await this.#connection.exchange({
        ...patience,
        ...messageBody(write({ id, parameters: { timeout }, inputs: tensors })),
        method: 'POST',
        path: `${this.#path}/infer`,
        maxBytes: this.#maxResponseBytes,
      });
      if (answer.status !== 200) throw refusedCall(answer, this.#asked);
      try {
        const response = read(...partsOf(answer));
        this.#checkOrigin(response, id);
        return response.outputs.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, data }));
      } catch (error) {
        // What else lies on this connection cannot be trusted.
        this.#connection.renew();
        throw error;
      }
    };
  }

  async #read(path: string, patience: Patience): Promise<Answer> {
    const maxBytes = Math.min(longestMetadata, this.#maxResponseBytes);
    const answer = await this.#connection.exchange({ ...patience, method: 'GET', path, maxBytes });
    if (answer.status !== 200) throw refusedLoad(answer, this.#asked);
    return answer;
  }

  /** A proxy may have mixed answers up, and a server may have changed its versions. */
  #checkOrigin({ id, version }: InferResponse, asked: string): void {
    if (id !== undefined && id !== asked)
      throw wrong('it has the id of another request: it may be the answer to that');
    if (this.#version !== undefined && version !== undefined && version !== this.#version)
      throw wrong(`it is of version ${JSON.stringify(version.slice(0, 100))}`);
  }
}

/** Some servers say it with status 200; others say nothing in the body. */
function saysNotReady(body: Uint8Array): boolean {
  try {
    const value = parseJson(body, { maxDepth: 8, maxValues: 1_000 });
    return (value as { readonly ready?: unknown } | null)?.ready === false;
  } catch (error) {
    if (!isVivaceError(error)) throw error;
    return false;
  }
}

/** The parts of an answer with status 200. */
function partsOf({ headers, body }: Answer): Parameters<ReturnType<typeof inferResponseReader>> {
  const coding = headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity') throw wrong(`it is encoded as ${coding.slice(0, 40)}, which was not asked for`);
  try {
    const { json, binary } = splitBody(body, readJsonLength(headers[jsonLengthHeader]?.toString()), limits);
    return [json, binary];
  } catch (cause) {
    if (!isVivaceError(cause)) throw cause;
    throw wrong(body.length === 0 ? 'it is empty' : cause.message, cause);
  }
}

function wrong(reason: string, cause?: unknown): VivaceError {
  return new VivaceError('PREDICTOR_FAILED', `the answer is wrong: ${reason}`, { cause });
}
