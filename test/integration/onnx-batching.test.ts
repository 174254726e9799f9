import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { predictor as port, predictorRuntime, type Predictor, type Signature, type Tensor } from 'vivace';
import { onnxruntime } from 'vivace/adapters/onnxruntime';
import { modelPredictor } from 'vivace/plugins/model-predictor';
import { callContext, startPart } from 'vivace/testing';
import { recordWorkers } from '../fixtures/workers.js';
import { startRepository } from '../support/model-fixture.js';

const signature: Signature = {
  inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [
    { name: 'label', datatype: 'INT64', shape: [-1] },
    { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
  ],
  over: 'row',
};

/** Flowers of request `request`, all different. */
function flowers(request: number, rows: number): { inputs: Tensor[]; rows: number } {
  const data = Float32Array.from({ length: rows * 4 }, (_, i) => ((request * 37 + i * 11) % 79) / 10);
  return { inputs: [{ name: 'features', datatype: 'FP32', shape: [rows, 4], data }], rows };
}

describe('model-predictor over onnxruntime', () => {
  const workers = recordWorkers();
  let predictor: Predictor;
  const close: (() => Promise<void>)[] = [];
  before(async () => {
    const models = await startRepository();
    close.push(() => models.close());
    const content = readFileSync(resolve('examples/hello/iris.onnx'));
    await models.add(content, 'iris.onnx', { name: 'iris', alias: 'champion', signature });
    const runtime = await startPart(onnxruntime);
    close.push(() => runtime.stop());
    const uses = { repository: models.repository, runtime: runtime.face(predictorRuntime) };
    const part = await startPart(modelPredictor, { model: 'iris' }, { uses });
    close.push(() => part.stop());
    predictor = part.face(port);
  });
  after(async () => {
    for (const each of close.reverse()) await each();
  });

  const ask = async (request: number, count: number): Promise<Tensor['data'][]> => {
    const { inputs, rows } = flowers(request, count);
    const { outputs } = await predictor.predict(inputs, { rows, ...callContext() });
    return outputs.map(({ data }) => data);
  };
  const requests = Array.from({ length: 200 }, (_, i) => i);

  it('gives concurrent requests exactly the answers that they get alone', async () => {
    const alone: Tensor['data'][][] = [];
    for (const request of requests) alone.push(await ask(request, 2 + (request % 3)));
    const together = await Promise.all(requests.map((request) => ask(request, 2 + (request % 3))));
    expect(together).to.deep.equal(alone);
  });

  // ONNX Runtime multiplies a single row with another kernel than several, which sums in another order.
  it('gives concurrent requests of one row the label they get alone, and probabilities equal to rounding', async () => {
    const alone: Tensor['data'][][] = [];
    for (const request of requests) alone.push(await ask(request, 1));
    const together = await Promise.all(requests.map((request) => ask(request, 1)));
    together.forEach(([label, probabilities], i) => {
      expect(label).to.deep.equal(alone[i]![0]);
      const exact = alone[i]![1] as Float32Array;
      (probabilities as Float32Array).forEach((value, k) => expect(value).to.be.closeTo(exact[k]!, 1e-6));
    });
  });

  it('serves on when the thread is ended', async () => {
    const before = await ask(1, 1);
    // A message that the thread does not understand ends it.
    const thread = workers.last();
    const ended = new Promise((resolve) => thread.once('exit', resolve));
    thread.postMessage(null, []);
    await ended;
    expect(await ask(1, 1)).to.deep.equal(before);
  });
});
