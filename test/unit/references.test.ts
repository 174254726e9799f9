import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pushModel, createServer, type Server, type Signature, type Tensor } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { memory } from 'vivace/adapters/memory';
import { modelPredictor } from 'vivace/plugins/model-predictor';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext } from 'vivace/testing';
import { fixtures } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';

/** Outputs as exporters name them: vectors, a scalar, texts, and a dimension that varies. */
const signature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [
    { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
    { name: 'StatefulPartitionedCall:0', datatype: 'FP32', shape: [-1, 1] },
    { name: 'out "put"', datatype: 'BYTES', shape: [-1, 2] },
    { name: 'a.b', datatype: 'FP32', shape: [-1, -1] },
  ],
  over: 'row',
};

describe('references', () => {
  let directory: string;
  const servers: Server[] = [];
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-references-'))));
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
    rmSync(directory, { recursive: true });
  });

  /** A server whose model answers x as probabilities, their sum, texts of them, and both. */
  async function create(pipeline: object) {
    const parts = {
      files: { use: filesystem, path: directory },
      models: { use: modelRepository, blobs: 'files', workspace: 'files' },
      runtime: {
        use: memory,
        hosts: ['javascript'],
        predict: ([x]: readonly Tensor[]): Tensor[] => {
          const values = Array.from(x!.data as Float32Array);
          const rows = x!.shape[0]!;
          const sums = Array.from({ length: rows }, (_, i) => values[2 * i]! + values[2 * i + 1]!);
          return [
            { name: 'probabilities', datatype: 'FP32', shape: [rows, 2], data: Float32Array.from(values) },
            {
              name: 'StatefulPartitionedCall:0',
              datatype: 'FP32',
              shape: [rows, 1],
              data: Float32Array.from(sums),
            },
            {
              name: 'out "put"',
              datatype: 'BYTES',
              shape: [rows, 2],
              data: values.map((value) => `t${value}`),
            },
            { name: 'a.b', datatype: 'FP32', shape: [rows, 2], data: Float32Array.from(values) },
          ];
        },
      },
      buy: { use: modelPredictor, model: 'buy', repository: 'models', runtime: 'runtime', warmUp: false },
    };
    const adding = await createServer({ parts: parts, pipelines: {} });
    await pushModel(
      adding,
      { file: join(fixtures, 'affine.mjs'), name: 'buy', signature },
      callContext(),
    ).finally(() => adding.stop());
    const server = await createServer({ parts: parts, pipelines: { rank: pipeline as never } });
    servers.push(server);
    return server;
  }
  const objects = { fields: { v: 'float32[2]', name: 'string' } };
  const predict = { predict: 'buy', inputs: { x: ['object.v[1]', 'object.v[0]'] } };
  const ask = async (pipeline: object): Promise<readonly Record<string, unknown>[]> => {
    const server = await create({ objects, steps: [predict], ...pipeline });
    await server.start();
    const answer = await server.predict('rank', {
      objects: [
        { v: [1, 9], name: 'a' },
        { v: [5, 2], name: 'b' },
        { v: [3, 4], name: 'c' },
      ],
    } as never);
    return (answer as unknown as { objects: Record<string, unknown>[] }).objects;
  };
  const namesOf = (rows: readonly Record<string, unknown>[]): unknown[] => rows.map(({ name }) => name);
  /** The mistakes of a pipeline, once the model's signature is known. */
  const mistakes = async (pipeline: object): Promise<string> => {
    const server = await create({ objects, steps: [predict], ...pipeline }).catch(
      (error: unknown) => error as Error,
    );
    if (server instanceof Error) return failureOf(Promise.reject(server));
    return failureOf(server.start());
  };

  it('pick elements of vectors for inputs and outputs', async () => {
    const rows = await ask({
      response: { outputs: { p: 'buy.probabilities[1]', q: 'buy.probabilities[0]', w: 'object.v[0]' } },
    });
    expect(rows.map(({ p, q, w }) => [p, q, w])).to.deep.equal([
      [1, 9, 1],
      [5, 2, 5],
      [3, 4, 3],
    ]);
  });

  for (const [what, orderBy] of [
    ['an element of an output', 'scores[1]'],
    ['an element of a column', 'buy.probabilities[1]'],
    ['an element of a field', 'v[0]'],
    ['an element of a field by its full name', 'object.v[0]'],
  ] as const) {
    it(`sort by ${what}`, async () => {
      const response = { outputs: { scores: 'buy.probabilities' }, orderBy, descending: true };
      expect(namesOf(await ask({ response }))).to.deep.equal(['b', 'c', 'a']);
    });
  }

  it('sort by a column that is no output', async () => {
    const response = { outputs: { p: 'buy.probabilities[1]' }, orderBy: 'buy."StatefulPartitionedCall:0"' };
    expect(namesOf(await ask({ response }))).to.deep.equal(['b', 'c', 'a']);
  });

  it('name outputs that are no words in quotes', async () => {
    const rows = await ask({
      response: {
        outputs: {
          sum: 'buy."StatefulPartitionedCall:0"',
          texts: 'buy."out \\"put\\""',
          second: 'buy."out \\"put\\""[1]',
          list: 'buy."a.b"',
          last: 'buy."a.b"[1]',
          beyond: 'buy."a.b"[7]',
        },
      },
    });
    expect(rows[1]).to.deep.include({
      sum: 7,
      texts: ['t2', 't5'],
      second: 't5',
      list: [2, 5],
      last: 5,
      beyond: null,
    });
  });

  it('fill a model from elements of what another one wrote', async () => {
    const again = {
      predict: 'buy',
      as: 'again',
      inputs: { x: ['buy.probabilities[1]', 'buy.probabilities[1]'] },
    };
    const rows = await ask({
      steps: [predict, again],
      response: { outputs: { twice: 'again."StatefulPartitionedCall:0"' } },
    });
    expect(rows.map(({ twice }) => twice)).to.deep.equal([2, 10, 6]);
  });

  for (const [what, response, message] of [
    [
      'an element that a vector does not have',
      { outputs: { p: 'buy.probabilities[2]' } },
      /response\.outputs\.p: there is no element \[2\] of "buy\.probabilities", a float32\[2\]: its elements are \[0\] to \[1\]/,
    ],
    [
      'an element of a scalar',
      { outputs: { p: 'object.name[0]' } },
      /response\.outputs\.p: there is no element \[0\] of "object\.name", a string: it has no elements/,
    ],
    [
      'a vector to sort by',
      { outputs: { p: 'buy.probabilities' }, orderBy: 'p' },
      /response\.orderBy: objects cannot be sorted by a float32\[2\]: name one of its elements, such as p\[0\]/,
    ],
    [
      'a name that nothing has',
      { outputs: { p: 'buy."StatefulPartitionedCall"' } },
      /there is no column "buy\."StatefulPartitionedCall""/,
    ],
    [
      'a misspelt output to sort by',
      { outputs: { score: 'buy.probabilities' }, orderBy: 'scroe[1]' },
      /response\.orderBy: "scroe\[1\]" is neither an output nor a field; did you mean "score"\?/,
    ],
    [
      'what is no reference',
      { outputs: { p: 'buy.out put' } },
      /response\.outputs\.p: "buy\.out put" is not a column: /,
    ],
  ] as const) {
    it(`are refused where they name ${what}`, async () => {
      expect(await mistakes({ response })).to.match(message);
    });
  }

  it('suggest a quoted name as it must be written', async () => {
    expect(await mistakes({ response: { outputs: { p: 'buy."StatefulPartitionedCall:1"' } } })).to.include(
      'did you mean "buy."StatefulPartitionedCall:0""?',
    );
  });
});
