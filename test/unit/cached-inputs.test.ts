import { expect } from 'chai';
import type { PipelineDeclaration, PredictContext, Signature, Tensor } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { scriptedModel, withServer } from '../support/scripted.js';

const parts = { ram: { use: memory }, recent: { use: cache, store: 'ram' } };

describe('Predictions of one model in one cache', () => {
  it('are told apart where inputs of any width are filled otherwise', async () => {
    const signature: Signature = {
      over: 'row',
      inputs: [
        { name: 'a', datatype: 'FP64', shape: [-1, -1] },
        { name: 'b', datatype: 'FP64', shape: [-1, -1] },
      ],
      outputs: [{ name: 'width', datatype: 'FP64', shape: [-1] }],
    };
    const predict = ([a]: readonly Tensor[], { rows }: PredictContext): Tensor[] => [
      { name: 'width', datatype: 'FP64', shape: [rows], data: new Float64Array(rows).fill(a!.shape[1]!) },
    ];
    const filled = (a: readonly string[], b: readonly string[]) =>
      ({
        request: { x: 'float64', y: 'float64', z: 'float64' },
        steps: [{ predict: 'm', inputs: { a: [...a], b: [...b] }, cache: { in: 'recent', ttlMs: 10_000 } }],
        response: { outputs: { width: 'm.width' } },
      }) as const satisfies PipelineDeclaration;
    const answers = await withServer(
      {
        parts: { ...parts, m: { use: scriptedModel, signature, predict } },
        pipelines: { two: filled(['x', 'y'], ['z']), one: filled(['x'], ['y', 'z']) },
      },
      async (server) => {
        const input = { request: { x: 1, y: 2, z: 3 } };
        return [(await server.predict('two', input)).outputs, (await server.predict('one', input)).outputs];
      },
    );
    expect(answers).to.deep.equal([{ width: 2 }, { width: 1 }]);
  });
});
