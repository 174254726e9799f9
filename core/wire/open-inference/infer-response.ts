import type { Tensor } from '../../data/tensor.js';
import { binaryTensor } from './binary-tensor.js';
import type { DeclaredTensor, Parameters, WantedOutput } from './infer-request.js';
import { jsonTensorWriter } from './json-tensor.js';

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

/** A response as it is sent: JSON, and the binary tensors that follow it. */
export interface InferResponse {
  readonly json: string;
  readonly binary: readonly Uint8Array[];
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
}): (answer: InferAnswer, wanted: readonly WantedOutput[]) => InferResponse {
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
