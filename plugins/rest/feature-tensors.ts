import { Buffer } from 'node:buffer';
import {
  degradedOf,
  isVivaceError,
  readTensors,
  VivaceError,
  type Call,
  type FeaturePlane,
  type HttpResponse,
  type ReadDescription,
  type ReadTensors,
} from 'vivace';
import {
  inferRequestReader,
  inferResponseWriter,
  messageBody,
  type InferMessage,
  type MessageParts,
} from 'vivace/wire';

/** The name that answers in tensors give the model. */
const name = 'features';

interface TensorCodec {
  readonly tensors: ReadTensors;
  readonly read: ReturnType<typeof inferRequestReader>;
  readonly write: ReturnType<typeof inferResponseWriter>;
}

/**
 * Reads of features in tensors, as a request for inference of the Open Inference Protocol: an input for each key, an output for each feature.
 *
 * @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
export class FeatureTensors {
  readonly #features: FeaturePlane;
  /** By what they were made from, which is the same for the same list of features. */
  readonly #codecs = new WeakMap<ReadDescription, TensorCodec>();

  constructor(features: FeaturePlane) {
    this.#features = features;
  }

  /** The features that a request asks for. */
  featuresOf({ json: { value } }: MessageParts): readonly string[] {
    const { outputs } = value as { readonly outputs?: unknown };
    if (!Array.isArray(outputs) || outputs.length === 0)
      throw wrong('outputs', 'name at least one feature, such as {"name": "view.feature"}');
    return outputs.map((output: unknown, i) => {
      const asked = (Object(output) as { readonly name?: unknown }).name;
      if (typeof asked === 'string' && asked.includes('.')) return asked;
      throw wrong(`outputs[${i}].name`, 'must be a feature such as view.feature');
    });
  }

  async read(features: readonly string[], { json, binary }: MessageParts, call: Call): Promise<HttpResponse> {
    const { tensors, read, write } = this.#codec(features);
    const { id, inputs, outputs } = read(json, binary);
    const answer = await this.#features.read(features, () => tensors.decode(inputs), call);
    const degraded = degradedOf(answer);
    const message = write(
      {
        ...(id === undefined ? {} : { id }),
        ...(degraded.length === 0 ? {} : { parameters: { degraded: JSON.stringify(degraded) } }),
        outputs: tensors.encode(answer),
      },
      outputs,
    );
    return response(message, call);
  }

  #codec(features: readonly string[]): TensorCodec {
    const description = this.#describe(features);
    let codec = this.#codecs.get(description);
    if (codec === undefined) {
      const tensors = readTensors(description);
      codec = {
        tensors,
        read: inferRequestReader(tensors),
        write: inferResponseWriter({ name, outputs: tensors.outputs }),
      };
      this.#codecs.set(description, codec);
    }
    return codec;
  }

  /** A mistake in a feature is one in the output that names it. */
  #describe(features: readonly string[]): ReadDescription {
    try {
      return this.#features.describeRead(features);
    } catch (error) {
      if (!isVivaceError(error) || error.path === undefined) throw error;
      const path = error.path.replace(/^features(\[\d+\])?/, (_, at = '') => `outputs${at}`);
      throw wrong(path, error.message.slice(error.path.length + 2));
    }
  }
}

function response(message: InferMessage, { requestId }: Call): HttpResponse {
  if (message.binary.length === 0)
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'x-request-id': requestId },
      body: message.json,
    };
  const { headers, pieces } = messageBody(message);
  return { status: 200, headers: { ...headers, 'x-request-id': requestId }, body: Buffer.concat(pieces) };
}

function wrong(path: string, message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `${path}: ${message}`, { path });
}
