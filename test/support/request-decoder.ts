import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import {
  createServer,
  isVivaceError,
  pipelineCodec,
  type PipelineDeclaration,
  type ServerOf,
  type TypeName,
} from 'vivace';
import { predictText } from './predict-text.js';

const optional = (type: TypeName) => ({ type, optional: true });
const fields = {
  f32: optional('float32'),
  f64: optional('float64'),
  i32: optional('int32'),
  i64: optional('int64'),
  bool: optional('bool'),
  text: optional('string'),
  time: optional('timestamp'),
  bytes: optional('bytes'),
  vector: optional('float32[3]'),
  integers: optional('list<int64>'),
  texts: optional('list<string>'),
  flags: optional('bool[2]'),
};
/** Fields of requests and objects of `echo`, one of each kind of type; all may be left out. */
export const names = Object.keys(fields);

const pipelines: Record<string, PipelineDeclaration> = {
  echo: {
    request: { ...fields, needed: 'int32' },
    objects: { fields: { ...fields, needed: 'string' }, max: 3 },
    steps: [],
    response: {
      outputs: { now: 'time', ...Object.fromEntries(names.map((name) => [`r_${name}`, `request.${name}`])) },
    },
  },
  alone: {
    request: { a: optional('float64') },
    steps: [],
    response: { outputs: { a: 'request.a' } },
  },
  bare: { steps: [], response: { outputs: { now: 'time' } } },
};

/** What a suite of requests works with. */
export interface RequestDecoder {
  readonly server: ServerOf;
  /** What the schema of a pipeline's requests says of a body. */
  readonly fits: (pipeline: string, body: unknown) => boolean;
  /** What the decoder says: the path of a refusal, or that the request was answered, with an answer that fits its schema. */
  readonly decoded: (
    pipeline: string,
    body: unknown,
  ) => Promise<{ readonly path: string | undefined } | 'accepted'>;
}

/** Starts a server of pipelines without steps before the tests of the suite that is being described, and stops it after. */
export function requestDecoder(): RequestDecoder {
  let server: ServerOf;
  const requests: Record<string, ValidateFunction> = {};
  const responses: Record<string, ValidateFunction> = {};

  before(async () => {
    server = await createServer({ parts: {}, pipelines });
    await server.start();
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    addFormats.default(ajv);
    const { pipelines: plane } = server.data;
    for (const name of plane.names()) {
      const { requestSchema, responseSchema } = pipelineCodec(plane.describe(name));
      requests[name] = ajv.compile(requestSchema);
      responses[name] = ajv.compile(responseSchema);
    }
  });
  after(() => server.stop());

  async function decoded(
    pipeline: string,
    body: unknown,
  ): Promise<{ path: string | undefined } | 'accepted'> {
    let text: string;
    try {
      text = await predictText(server.data, pipeline, body);
    } catch (error) {
      if (!isVivaceError(error) || error.code !== 'INVALID_ARGUMENT') throw error;
      return { path: error.path };
    }
    const validate = responses[pipeline]!;
    expect(validate(JSON.parse(text)), `${text} ${JSON.stringify(validate.errors)}`).to.equal(true);
    return 'accepted';
  }

  return {
    get server() {
      return server;
    },
    fits: (pipeline, body) => requests[pipeline]!(body),
    decoded,
  };
}
