import { expect } from 'chai';
import { predictor as port, predictorRuntime, type Predictor, type Tensor } from 'vivace';
import { javascript } from 'vivace/adapters/javascript';
import { memory } from 'vivace/adapters/memory';
import { modelPredictor } from 'vivace/plugins/model-predictor';
import { affineInput, callContext, startPart } from 'vivace/testing';
import { startRepository } from '../support/model-fixture.js';

/** y = x[0] + 2 · x[1], in a buffer that every call fills again. */
const reusing = `
  const data = new Float32Array(4096);
  export const predict = async ({ x }, { rows }) => {
    for (let row = 0; row < rows; row++) data[row] = x.data[2 * row] + 2 * x.data[2 * row + 1];
    return { y: { data: data.subarray(0, rows) } };
  };
`;

describe('A model that reuses its output buffer', () => {
  const buffer = new Float32Array(4096);
  const runtimes = {
    'javascript, in process': () => startPart(javascript),
    'javascript, in a worker': () => startPart(javascript, { worker: true }),
    memory: () =>
      startPart(memory, {
        hosts: ['javascript'],
        predict: ([x]: readonly Tensor[], { rows }: { rows: number }): Tensor[] => {
          const values = x!.data as Float32Array;
          for (let row = 0; row < rows; row++) buffer[row] = values[2 * row]! + 2 * values[2 * row + 1]!;
          return [{ name: 'y', datatype: 'FP32', shape: [rows, 1], data: buffer.subarray(0, rows) }];
        },
      }),
  };
  for (const [name, start] of Object.entries(runtimes)) {
    for (const rows of [1, 600]) {
      it(`answers 120 concurrent requests of ${rows} rows with their own values, joined and alone (${name})`, async () => {
        const models = await startRepository();
        await models.add(reusing, 'model.mjs', { alias: 'champion' });
        const runtime = await start();
        const uses = { repository: models.repository, runtime: runtime.face(predictorRuntime) };
        const part = await startPart(
          modelPredictor,
          { model: 'affine', refreshMs: 0, maxQueueRows: 100_000 },
          { uses },
        );
        const predictor: Predictor = part.face(port);
        const answers = await Promise.all(
          Array.from({ length: 120 }, async (_, i) => {
            const input = affineInput(...Array.from({ length: rows }, (): [number, number] => [i, i]));
            const { outputs } = await predictor.predict(input, { rows, ...callContext() });
            return outputs[0]!;
          }),
        );
        const wrong = answers.filter(
          ({ data }, i) => data.length !== rows || [...data].some((value) => value !== 3 * i),
        );
        expect(wrong).to.deep.equal([]);
        await part.stop();
        await runtime.stop();
        await models.close();
      });
    }
  }
});
