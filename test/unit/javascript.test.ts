import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Call, predictorRuntime, type PredictorInstance, type Signature, type Tensor } from 'vivace';
import { javascript } from 'vivace/adapters/javascript';
import { affineInput, affineSignature, callContext, startPart } from 'vivace/testing';
import { manifestOf } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';

for (const worker of [false, true]) {
  describe(`javascript, worker: ${worker}`, () => {
    let directory: string;
    let close: (() => Promise<void>)[];
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'vivace-'));
      close = [];
    });
    afterEach(async () => {
      for (const each of close.reverse()) await each();
      rmSync(directory, { recursive: true });
    });

    async function load(source: string, signature: Signature = affineSignature): Promise<PredictorInstance> {
      writeFileSync(join(directory, 'model.mjs'), source);
      const part = await startPart(javascript, { worker });
      close.push(() => part.stop());
      const manifest = manifestOf(Buffer.from(source), 'model.mjs', { signature });
      const instance = await part.face(predictorRuntime).load({ directory, manifest }, callContext());
      close.push(() => instance.unload());
      return instance;
    }
    const predict = async (source: string, signature?: Signature): Promise<readonly Tensor[]> =>
      (await load(source, signature)).predict(affineInput([1, 2], [3, 4]), { rows: 2, ...callContext() });

    it('gives predict what load returned', async () => {
      const [y] = await predict(`
        export const load = async (directory) => ({ length: directory.length });
        export const predict = (inputs, { rows, model }) => ({ y: { data: Array(rows).fill(model.length) } });
      `);
      expect(y!.data[1]).to.equal(directory.length);
    });

    it('gives predict the signal of a call as well', async () => {
      const model = await load(
        'export const predict = (_, { signal, rows }) => ({ y: { data: Array(rows).fill(signal.aborted ? 1 : 2) } });',
      );
      const call = new Call({ requestId: 'r', signal: callContext().signal }).derive({ rows: 2 });
      const [y] = await model.predict(affineInput([1, 2], [3, 4]), call);
      expect(y!.data).to.deep.equal(Float32Array.of(2, 2));
    });

    it('takes a plain array, and the declared shape for a missing one', async () => {
      const [y] = await predict('export const predict = () => ({ y: { data: [1, 2] } });');
      expect(y).to.deep.equal({
        name: 'y',
        datatype: 'FP32',
        shape: [2, 1],
        data: Float32Array.from([1, 2]),
      });
    });

    const unfit: [Signature['outputs'][number]['datatype'], string, string][] = [
      ['INT32', '[1, 1.5]', '1.5 is not an int32'],
      ['INT32', '[1, 4294967296]', '4294967296 is not an int32'],
      ['INT64', '[1, 1.5]', '1.5 is not an int64'],
      ['FP32', '[1, 1e39]', '1e+39 is not a float32'],
      ['FP64', '[1, "2"]', '"2" is not a float64'],
      ['BOOL', '[true, 2]', '2 is not a bool'],
      ['BYTES', '["a", 5]', '5 is not a string'],
    ];
    for (const [datatype, data, message] of unfit) {
      it(`refuses ${data} for ${datatype}`, async () => {
        const outputs = [{ name: 'y', datatype, shape: [-1] }];
        const source = `export const predict = () => ({ y: { data: ${data} } });`;
        expect(await failureOf(predict(source, { ...affineSignature, outputs })))
          .to.match(/^PREDICTOR_FAILED /)
          .and.contain(`output "y": ${message}`);
      });
    }

    it('hands on the rows, and the offsets of a model over requests', async () => {
      const source = `export const predict = (inputs, { offsets }) => ({ y: { data: [offsets[1], offsets[2]] } });`;
      const instance = await load(source);
      const offsets = Uint32Array.from([0, 1, 2]);
      const [y] = await instance.predict(affineInput([1, 2], [3, 4]), { rows: 2, offsets, ...callContext() });
      expect([...(y!.data as Float32Array)]).to.deep.equal([1, 2]);
    });

    it('tells the model that the caller gave up', async () => {
      const instance = await load(`
        export const predict = (inputs, { signal }) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve({ y: { data: [42] } })));
      `);
      const controller = new AbortController();
      const call = instance.predict(affineInput([1, 2]), { rows: 1, signal: controller.signal });
      controller.abort();
      expect((await call)[0]!.data[0]).to.equal(42);
    });

    describe('whose outputs the model keeps', () => {
      /** What two calls of one instance answered, both looked at after the second. */
      async function twice(source: string, signature?: Signature, rows = 1_000): Promise<unknown[][]> {
        const instance = await load(source, signature);
        const answers: (readonly Tensor[])[] = [];
        for (const value of [1, 2]) {
          const input = affineInput(...Array.from({ length: rows }, (): [number, number] => [value, value]));
          answers.push(await instance.predict(input, { rows, ...callContext() }));
        }
        return answers.map(([y]) => [...new Set<unknown>([...y!.data].map(String))]);
      }

      it('answers with copies of a buffer that it fills again', async () => {
        const source = `
          const data = new Float32Array(1000);
          export const predict = ({ x }) => ({ y: { data: data.fill(x.data[0]) } });
        `;
        expect(await twice(source)).to.deep.equal([['1'], ['2']]);
      });

      it('answers with copies of a view into a buffer of its own', async () => {
        const source = `
          const data = new Float32Array(3000).subarray(1000, 2000);
          export const predict = ({ x }) => ({ y: { data: data.fill(x.data[0]) } });
        `;
        expect(await twice(source)).to.deep.equal([['1'], ['2']]);
      });

      it('answers with copies of shared memory', async () => {
        const source = `
          const data = new Float32Array(new SharedArrayBuffer(4000));
          export const predict = ({ x }) => ({ y: { data: data.fill(x.data[0]) } });
        `;
        expect(await twice(source)).to.deep.equal([['1'], ['2']]);
      });

      it('answers with copies of texts and byte strings that it replaces', async () => {
        const signature: Signature = {
          ...affineSignature,
          outputs: [{ name: 'y', datatype: 'BYTES', shape: [-1, 1] }],
        };
        const source = `
          const data = [];
          const bytes = new Uint8Array(1);
          export const predict = ({ x }) => {
            data[0] = String(x.data[0]);
            data[1] = bytes.fill(48 + x.data[0]);
            return { y: { data } };
          };
        `;
        const instance = await load(source, signature);
        const first = await instance.predict(affineInput([1, 1], [1, 1]), { rows: 2, ...callContext() });
        await instance.predict(affineInput([2, 2], [2, 2]), { rows: 2, ...callContext() });
        expect([...first[0]!.data]).to.deep.equal(['1', Uint8Array.of(49)]);
      });

      it('answers with copies of a Buffer, which has another slice', async () => {
        const signature: Signature = {
          ...affineSignature,
          outputs: [{ name: 'y', datatype: 'BOOL', shape: [-1, 1] }],
        };
        const source = `
          const data = Buffer.alloc(3000).subarray(1000, 2000);
          export const predict = ({ x }) => ({ y: { data: data.fill(x.data[0]) } });
        `;
        expect(await twice(source, signature)).to.deep.equal([['1'], ['2']]);
      });

      it('answers with a copy of an input, and of one array for two outputs', async () => {
        const signature: Signature = {
          ...affineSignature,
          outputs: ['y', 'z'].map((name) => ({ name, datatype: 'FP32', shape: [-1, 2] })),
        };
        const source = `
          const kept = [];
          export const predict = ({ x }) => {
            for (const data of kept) data.fill(-1);
            kept.push(x.data);
            return { y: { data: x.data }, z: { data: x.data } };
          };
        `;
        const instance = await load(source, signature);
        const first = await instance.predict(affineInput([3, 4]), { rows: 1, ...callContext() });
        await instance.predict(affineInput([5, 6]), { rows: 1, ...callContext() });
        expect(first.map(({ data }) => [...data])).to.deep.equal([
          [3, 4],
          [3, 4],
        ]);
        (first[0]!.data as Float32Array)[0] = 9;
        expect(first[1]!.data[0]).to.equal(3);
      });

      it('answers with a shape of its own', async () => {
        const source = `
          const shape = [0, 1];
          export const predict = ({ x }, { rows }) => {
            shape[0] = rows;
            return { y: { data: new Float32Array(rows), shape } };
          };
        `;
        const instance = await load(source);
        const first = await instance.predict(affineInput([1, 1]), { rows: 1, ...callContext() });
        await instance.predict(affineInput([1, 1], [1, 1]), { rows: 2, ...callContext() });
        expect(first[0]!.shape).to.deep.equal([1, 1]);
      });
    });

    for (const [what, source, message] of [
      ['what it threw', `export const predict = () => { throw new Error('boom') };`, 'the model threw: boom'],
      [
        'a missing output',
        `export const predict = () => ({ z: { data: [1] } });`,
        'no output "y" with "data"; it gave z',
      ],
      ['no answer', `export const predict = () => undefined;`, 'no output "y" with "data"; it gave nothing'],
      [
        'too few rows',
        `export const predict = () => ({ y: { data: [1] } });`,
        '"y" holds 1 elements, but its shape',
      ],
      [
        'a wrong shape',
        `export const predict = () => ({ y: { data: [1, 2], shape: [2] } });`,
        '"y" has the shape [2], but [2, 1] is declared',
      ],
      [
        'a wrong datatype',
        `export const predict = () => ({ y: { data: [1, 2], datatype: 'FP64' } });`,
        '"y" is FP64, but FP32 is declared',
      ],
      [
        'a wrong array',
        `export const predict = () => ({ y: { data: new Int32Array(2) } });`,
        'its data is an Int32Array',
      ],
    ]) {
      it(`reports ${what} as PREDICTOR_FAILED`, async () => {
        expect(await failureOf(predict(source!)))
          .to.match(/^PREDICTOR_FAILED/)
          .and.include(message);
      });
    }

    for (const [what, source, message] of [
      ['a module that throws', `throw new Error('no file');`, 'model.mjs does not load: no file'],
      [
        'a load that throws',
        `export const load = () => { throw new Error('no weights') };\nexport const predict = 1;`,
        'not export a function "predict"',
      ],
      [
        'a failing load',
        `export const load = () => { throw new Error('no weights') };\nexport const predict = () => 1;`,
        'load of model.mjs failed: no weights',
      ],
    ]) {
      it(`refuses ${what} with FAILED_PRECONDITION`, async () => {
        expect(await failureOf(load(source!)))
          .to.match(/^FAILED_PRECONDITION/)
          .and.include(message);
      });
    }
  });
}

describe('javascript', () => {
  it('survives a model that ends its thread', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vivace-'));
    const source = 'export const predict = () => process.exit(3);';
    writeFileSync(join(directory, 'model.mjs'), source);
    const part = await startPart(javascript, { worker: true });
    const bundle = { directory, manifest: manifestOf(Buffer.from(source), 'model.mjs') };
    const instance = await part.face(predictorRuntime).load(bundle, callContext());
    const error: unknown = await instance
      .predict(affineInput([1, 2]), { rows: 1, ...callContext() })
      .catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'UNAVAILABLE' });
    expect(await instance.closed).to.equal("the model's thread ended with code 3");
    await part.stop();
    rmSync(directory, { recursive: true });
  });
});
