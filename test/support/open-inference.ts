import { expect } from 'chai';
import { httpServer, transport, type Datatype, type Signature, type Tensor } from 'vivace';
import {
  memory,
  type InjectableServer,
  type InjectedRequest,
  type InjectedResponse,
} from 'vivace/adapters/memory';
import { openInference } from 'vivace/plugins/open-inference';
import { callContext, planes, startPart, type OwnPlanes } from 'vivace/testing';

export type Ask = (request: InjectedRequest) => Promise<InjectedResponse>;

/** The input of the model that `served` has. */
export const features = [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] as const;
/** One row of it, as a request has it. */
export const input = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
/** Where that model answers. */
export const infer = '/v2/models/mirror/infer';

/** The protocol over the server in memory, in front of a model `mirror` that answers its input, and of what `own` says. */
export async function served(own: OwnPlanes = {}, options: object = {}): Promise<Ask> {
  const host = await startPart(memory);
  const server = host.face(httpServer) as InjectableServer;
  const part = await startPart(openInference, options, { uses: { server } });
  await part.face(transport).serve(planes({ predictors: echoing(features), ...own }), callContext());
  return (request) => server.inject(request);
}

/** The message of an error of the protocol, which has nothing else. */
export function errorOf(answer: InjectedResponse): string {
  expect(answer.headers['content-type']).to.equal('application/json');
  const body = answer.json() as { error: string };
  expect(Object.keys(body)).to.deep.equal(['error']);
  return body.error;
}

/** A predictor that answers its inputs, each as the output of the same name. */
export function echoing(
  inputs: readonly {
    readonly name: string;
    readonly datatype: Datatype;
    readonly shape: readonly number[];
  }[],
  more: { readonly name?: string; readonly model?: string; readonly seen?: Tensor[] } = {},
): NonNullable<OwnPlanes['predictors']> {
  const { name = 'part', model = 'mirror', seen = [] } = more;
  const identity = { name: model, version: '3', digest: 'd' };
  const tensors = inputs.map((input) => ({ ...input, shape: [...input.shape] }));
  const signature: Signature = { inputs: tensors, outputs: tensors, over: 'row' };
  return {
    list: () => [{ name, serving: identity }],
    describe: async () => ({ model: identity, signature }),
    predict: async (_name, given) => {
      seen.push(...given);
      return { model: identity, outputs: given };
    },
  };
}

/** A body of JSON with binary tensors after it, and its headers. */
export function binaryRequest(
  head: object,
  ...tensors: readonly Uint8Array[]
): { readonly body: Uint8Array; readonly headers: Record<string, string> } {
  const json = Buffer.from(JSON.stringify(head));
  return {
    body: Buffer.concat([json, ...tensors]),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(json.length),
    },
  };
}

/** The JSON of a response, and its binary tensors. */
export function readBinary({ headers, bytes }: InjectedResponse): {
  readonly json: InferResponse;
  readonly rest: Buffer;
} {
  const length = Number(headers['inference-header-content-length']);
  const all = Buffer.from(bytes);
  return { json: JSON.parse(all.toString('utf8', 0, length)) as InferResponse, rest: all.subarray(length) };
}

/** A response of the protocol. */
export interface InferResponse {
  readonly model_name: string;
  readonly model_version?: string;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly outputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly number[];
    readonly data?: readonly unknown[];
    readonly parameters?: Readonly<Record<string, unknown>>;
  }[];
}
