import type { Tensor } from '../../data/tensor.js';
import { isVivaceError, VivaceError } from '../../kernel/errors.js';
import { binaryTensor } from './binary-tensor.js';
import type { WantedOutput } from './infer-request.js';
import { jsonTensorWriter } from './json-tensor.js';
import { mistake } from './mistake.js';
import {
  asMessage,
  idOf,
  parametersOf,
  readExactly,
  tensorListReader,
  type CarriedTensor,
  type DeclaredTensor,
  type InferMessage,
  type MessageJson,
  type Parameters,
} from './tensor-list.js';

/** What a model has answered. */
export interface InferAnswer {
  readonly version?: string | undefined;
  readonly id?: string | undefined;
  readonly parameters?: Parameters | undefined;
  /** One per declared output, in its order. */
  readonly outputs: readonly (Pick<Tensor, 'shape' | 'data'> & {
    readonly parameters?: Parameters | undefined;
  })[];
}

/**
 * Makes the writer of a model's responses.
 *
 * @param model `name`: the name under which it is served.
 * @returns A function that throws `INVALID_ARGUMENT` where JSON cannot hold an output: BYTES that are not UTF-8.
 */
export function inferResponseWriter(model: {
  readonly name: string;
  readonly outputs: readonly DeclaredTensor[];
}): (answer: InferAnswer, wanted: readonly WantedOutput[]) => InferMessage {
  const opening = `{"model_name":${JSON.stringify(model.name)}`;
  const outputs = model.outputs.map(({ name, datatype }) => ({
    head: `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[`,
    dataText: jsonTensorWriter(datatype, name),
  }));
  return ({ version, id, parameters, outputs: tensors }, wanted) => {
    const binary: Uint8Array[] = [];
    let text = opening;
    if (version !== undefined) text += `,"model_version":${JSON.stringify(version)}`;
    if (id !== undefined) text += `,"id":${JSON.stringify(id)}`;
    if (parameters !== undefined) text += `,"parameters":${JSON.stringify(parameters)}`;
    text += ',"outputs":[';
    for (let i = 0; i < wanted.length; i++) {
      const { index, binary: asBinary } = wanted[i] as WantedOutput;
      const { head, dataText } = outputs[index]!;
      const { shape, data, parameters: own } = tensors[index]!;
      if (i > 0) text += ',';
      text += head + shape.join(',');
      if (asBinary) {
        const bytes = binaryTensor(data);
        binary.push(bytes);
        text += `],"parameters":${JSON.stringify({ ...own, binary_data_size: bytes.length })}}`;
      } else {
        text += own === undefined ? '],"data":[' : `],"parameters":${JSON.stringify(own)},"data":[`;
        text += `${dataText(data)}]}`;
      }
    }
    return { json: `${text}]}`, binary };
  };
}

/** A response of the protocol, as it came. */
export interface InferResponse {
  readonly id: string | undefined;
  /** The version that has answered, where the server says it. */
  readonly version: string | undefined;
  readonly parameters: Parameters;
  /** One per declared output, in its order. */
  readonly outputs: readonly CarriedTensor[];
}

/**
 * Makes the reader of the responses of a model. Outputs may be in JSON, in binary tensors, or both, in any order; all that are declared must
 * be there, and no other.
 *
 * @returns A function from the JSON, and the binary tensors that follow it, to the response, which shares no memory with them. It throws
 *   `PREDICTOR_FAILED` with the place of what is wrong: the model gave something other than its outputs.
 */
export function inferResponseReader(
  outputs: readonly DeclaredTensor[],
): (json: MessageJson, binary: Uint8Array) => InferResponse {
  const readOutputs = tensorListReader(outputs, 'outputs');
  const read = (json: MessageJson, binary: Uint8Array): InferResponse =>
    readExactly(json, 'outputs', (exact) => {
      const root = asMessage(json.value, 'outputs');
      const error = root['error'];
      // Some servers answer so with status 200.
      if (typeof error === 'string' && root['outputs'] === undefined)
        throw mistake(`an error instead of outputs: ${error.slice(0, 500)}`, '');
      const version = root['model_version'] ?? undefined;
      if (version !== undefined && typeof version !== 'string')
        throw mistake('is not a text', 'model_version');
      return {
        id: idOf(root),
        version,
        parameters: parametersOf(root, ''),
        outputs: readOutputs(root['outputs'], binary, exact) as CarriedTensor[],
      };
    });
  return (json, binary) => {
    try {
      return read(json, binary);
    } catch (cause) {
      if (!isVivaceError(cause)) throw cause;
      throw new VivaceError('PREDICTOR_FAILED', `the answer is wrong: ${cause.message}`, { cause });
    }
  };
}
