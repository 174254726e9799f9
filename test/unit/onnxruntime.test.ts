import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { predictorRuntime, type PredictorRuntime, type Signature, type Tensor } from 'vivace';
import { onnxruntime } from 'vivace/adapters/onnxruntime';
import { affineSignature, callContext, startPart } from 'vivace/testing';
import { fixtureBundle, fixtures } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';

describe('onnxruntime', () => {
  let runtime: PredictorRuntime;
  let stop: () => Promise<void>;
  before(async () => {
    const part = await startPart(onnxruntime);
    runtime = part.face(predictorRuntime);
    stop = part.stop.bind(part);
  });
  after(() => stop());

  const inspect = async (file: string): Promise<unknown> =>
    runtime.inspect!(join(fixtures, file), callContext());

  it('reads names, datatypes and shapes from a file', async () => {
    expect(await runtime.inspect!(resolve('examples/hello/iris.onnx'), callContext())).to.deep.equal({
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [
        { name: 'label', datatype: 'INT64', shape: [-1] },
        { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
      ],
    });
  });

  it('refuses ZipMap, and says how to export without it', async () => {
    expect(await failureOf(inspect('zipmap.onnx')))
      .to.match(/^FAILED_PRECONDITION/)
      .and.include('output "output_probability" is a sequence or a map')
      .and.include("to_onnx(clf, …, options={id(clf): {'zipmap': False}})");
  });

  it('says how LightGBM exports without ZipMap', async () => {
    expect(await failureOf(inspect('classifiers/lightgbm-zipmap.onnx'))).to.include(
      'convert_lightgbm(clf, …, zipmap=False)',
    );
  });

  it('repairs a label that says it has one row, as that of LightGBM does', async () => {
    expect(await inspect('classifiers/lightgbm.onnx')).to.deep.equal({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [
        { name: 'label', datatype: 'INT64', shape: [-1] },
        { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
      ],
    });
  });

  it('says how to export for any number of rows a model that takes one', async () => {
    expect(await failureOf(inspect('classifiers/lightgbm-one-row.onnx')))
      .to.match(/^FAILED_PRECONDITION.*input "x" is fixed to 1 row: /)
      .and.include('initial_types=[("x", FloatTensorType([None, 4]))]')
      .and.include('dynamic_axes={"x": {0: "rows"}}');
  });

  it('says in words that a file is empty, a folder, not there, or not a model', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vivace-onnx-'));
    const text = async (name: string): Promise<string> =>
      (await failureOf(runtime.inspect!(join(folder, name), callContext()))).replaceAll(folder, 'DIR');
    try {
      writeFileSync(join(folder, 'empty.onnx'), '');
      writeFileSync(join(folder, 'bare.onnx'), Uint8Array.of(8, 7));
      mkdirSync(join(folder, 'folder.onnx'));
      const said = (name: string, why: string): string =>
        `DIR/${name} is not a model that ONNX Runtime can load: ${why}`;
      expect(await text('empty.onnx')).to.include(said('empty.onnx', 'it is empty'));
      expect(await text('folder.onnx')).to.include(said('folder.onnx', 'it is a folder, not a file'));
      expect(await text('none.onnx')).to.include(said('none.onnx', 'there is no such file'));
      expect(await text('bare.onnx'))
        .to.include(said('bare.onnx', 'ModelProto does not have a graph.'))
        .and.not.include('onnxruntime_src');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names the files in which a model keeps weights', async () => {
    const files = async (name: string) => runtime.otherFiles!(join(fixtures, name), callContext());
    expect(await files('classifiers/external.onnx')).to.deep.equal(['external.onnx.data']);
    expect(await files('affine.onnx')).to.deep.equal([]);
    expect(await failureOf(files('affine.mjs'))).to.match(/^FAILED_PRECONDITION.*not an ONNX model/);
  });

  it('names the files in which the defaults of a function keep weights', async () => {
    const field = (number: number, content: Uint8Array | string): Buffer => {
      const tag = number * 8 + 2;
      const bytes = Buffer.from(content);
      return Buffer.from([...(tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7]), bytes.length, ...bytes]);
    };
    const location = Buffer.concat([field(1, 'location'), field(2, 'default.bin')]);
    const directory = mkdtempSync(join(tmpdir(), 'vivace-external-'));
    const file = join(directory, 'model.onnx');
    // ModelProto.functions, FunctionProto.attribute_proto, AttributeProto.t, TensorProto.external_data
    writeFileSync(file, field(25, field(11, field(5, field(13, location)))));
    expect(await runtime.otherFiles!(file, callContext())).to.deep.equal(['default.bin']);
    rmSync(directory, { recursive: true });
  });

  for (const name of ['../external.onnx.d', '/etc/external.data', 'a/../external.data']) {
    it(`refuses weights in ${name}`, async () => {
      const model = readFileSync(join(fixtures, 'classifiers/external.onnx'));
      const own = Buffer.from('external.onnx.data');
      expect(name).to.have.length(own.length);
      for (let at = model.indexOf(own); at >= 0; at = model.indexOf(own)) model.write(name, at);
      const directory = mkdtempSync(join(tmpdir(), 'vivace-external-'));
      const file = join(directory, 'model.onnx');
      writeFileSync(file, model);
      expect(await failureOf(runtime.otherFiles!(file, callContext())))
        .to.match(/^FAILED_PRECONDITION.*is not below its own folder/)
        .and.include('location="model.onnx.data"');
      rmSync(directory, { recursive: true });
    });
  }

  it('refuses a datatype that no column has', async () => {
    expect(await failureOf(inspect('half.onnx'))).to.include('output "y" is float16');
  });

  it('refuses a file that is no model', async () => {
    expect(await failureOf(inspect('affine.mjs'))).to.match(
      /^FAILED_PRECONDITION .*affine\.mjs is not a model/,
    );
  });

  it('loads a classifier with ZipMap for its label alone', async () => {
    const signature: Signature = {
      inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'output_label', datatype: 'INT64', shape: [-1] }],
      over: 'row',
    };
    const model = await runtime.load(fixtureBundle('zipmap.onnx', signature), callContext());
    const data = Float32Array.from([5.1, 3.5, 1.4, 0.2, 6.3, 3.3, 6, 2.5]);
    const [label] = await model.predict([{ name: 'X', datatype: 'FP32', shape: [2, 4], data }], {
      rows: 2,
      ...callContext(),
    });
    expect(label!.data).to.deep.equal(BigInt64Array.from([0n, 2n]));
    await model.unload();
  });

  it('takes and gives every datatype', async () => {
    const kinds = {
      text: ['BYTES', ['a', 'żółć', '', '東京']],
      long: ['INT64', BigInt64Array.from([1n, -1n, 2n ** 62n, 0n])],
      int: ['INT32', Int32Array.from([1, -1, 2 ** 31 - 1, 0])],
      double: ['FP64', Float64Array.from([0.1, -0, Infinity, 1e300])],
      flag: ['BOOL', Uint8Array.from([1, 0, 0, 1])],
    } as const;
    const inputs = Object.entries(kinds).map(([name, [datatype, data]]) => {
      return { name, datatype, shape: [2, 2], data } as Tensor;
    });
    const specs = inputs.map(({ name, datatype }) => ({ name, datatype, shape: [-1, 2] }));
    const outputs = specs.map((spec) => ({ ...spec, name: `${spec.name}_out` }));
    const bundle = fixtureBundle('kinds.onnx', { inputs: specs, outputs, over: 'row' });
    const model = await runtime.load(bundle, callContext());
    const answers = await model.predict(inputs, { rows: 2, ...callContext() });
    expect(answers.map(({ data }) => data)).to.deep.equal(Object.values(kinds).map(([, data]) => data));
    await model.unload();
  });

  it('takes strings as bytes', async () => {
    const signature: Signature = {
      inputs: ['text', 'long', 'int', 'double', 'flag'].map((name, i) => {
        return { name, datatype: (['BYTES', 'INT64', 'INT32', 'FP64', 'BOOL'] as const)[i]!, shape: [-1, 2] };
      }),
      outputs: [{ name: 'text_out', datatype: 'BYTES', shape: [-1, 2] }],
      over: 'row',
    };
    const model = await runtime.load(fixtureBundle('kinds.onnx', signature), callContext());
    const data: Tensor['data'][] = [
      [new TextEncoder().encode('é'), 'b'],
      new BigInt64Array(2),
      new Int32Array(2),
      new Float64Array(2),
      new Uint8Array(2),
    ];
    const inputs = signature.inputs.map((spec, i) => ({ ...spec, shape: [1, 2], data: data[i]! }));
    const [text] = await model.predict(inputs, { rows: 1, ...callContext() });
    expect(text!.data).to.deep.equal(['é', 'b']);
    await model.unload();
  });

  const texts = (data: Tensor['data']): Tensor[] =>
    (
      [
        ['text', 'BYTES', data],
        ['long', 'INT64', new BigInt64Array(2)],
        ['int', 'INT32', new Int32Array(2)],
        ['double', 'FP64', new Float64Array(2)],
        ['flag', 'BOOL', new Uint8Array(2)],
      ] as const
    ).map(([name, datatype, values]) => ({ name, datatype, shape: [1, 2], data: values }));
  for (const [what, value, message] of [
    ['a NUL', 'a\0b', 'holds a NUL character'],
    ['bytes with a NUL', Uint8Array.of(97, 0, 98), 'holds a NUL character'],
    ['bytes that are not UTF-8', Uint8Array.of(0xff, 0xfe), 'is not Unicode text'],
    ['half a surrogate pair', 'a\ud800', 'is not Unicode text'],
  ] as const) {
    it(`refuses a text with ${what}, and answers the next call`, async () => {
      const inputs = texts(['']).map(({ name, datatype }) => ({ name, datatype, shape: [-1, 2] }));
      const outputs = [{ name: 'text_out', datatype: 'BYTES' as const, shape: [-1, 2] }];
      const bundle = fixtureBundle('kinds.onnx', { inputs, outputs, over: 'row' });
      const model = await runtime.load(bundle, callContext());
      const ask = async (data: Tensor['data']) => model.predict(texts(data), { rows: 1, ...callContext() });
      expect(await failureOf(ask(['fine', value])))
        .to.match(/^INVALID_ARGUMENT.*element 1 of the input "text"/)
        .and.include(message);
      expect((await ask(['\ufeffż', '東京']))[0]!.data).to.deep.equal(['\ufeffż', '東京']);
      await model.unload();
    });
  }

  const wrong: [string, Partial<Signature>, string][] = [
    [
      'an unknown input',
      { inputs: [{ name: 'z', datatype: 'FP32', shape: [-1, 2] }] },
      'no input "z"; it has x',
    ],
    [
      'another datatype',
      { inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 2] }] },
      'FP32 [-1, 2] in the model, FP64',
    ],
    [
      'another width',
      { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }] },
      '[-1, 3] in the signature',
    ],
    ['an unknown output', { outputs: [{ name: 'q', datatype: 'FP32', shape: [-1, 1] }] }, 'no output "q"'],
  ];
  for (const [what, change, message] of wrong) {
    it(`refuses a signature with ${what}`, async () => {
      const bundle = fixtureBundle('affine.onnx', { ...affineSignature, ...change });
      expect(await failureOf(runtime.load(bundle, callContext())))
        .to.match(/^FAILED_PRECONDITION/)
        .and.include(message);
    });
  }

  it('transfers a large tensor that is whole: it is not copied', async () => {
    const model = await runtime.load(fixtureBundle('affine.onnx'), callContext());
    const data = new Float32Array(2_000);
    await model.predict([{ name: 'x', datatype: 'FP32', shape: [1_000, 2], data }], {
      rows: 1_000,
      ...callContext(),
    });
    expect(data.buffer.byteLength).to.equal(0);
    await model.unload();
  });

  it('fails the calls that wait when it is unloaded, and lets the run finish', async () => {
    const model = await runtime.load(fixtureBundle('affine.onnx'), callContext());
    const rows = 1_000_000;
    const data = new Float32Array(2 * rows);
    const call = failureOf(
      model.predict([{ name: 'x', datatype: 'FP32', shape: [rows, 2], data }], { rows, ...callContext() }),
    );
    await model.unload();
    expect(await call).to.equal('UNAVAILABLE onnxruntime: the model was unloaded');
    expect(await model.closed).to.equal('the model was unloaded');
  });

  it('survives a caller who leaves while a model loads', async () => {
    const controller = new AbortController();
    const loading = failureOf(runtime.load(fixtureBundle('affine.onnx'), { signal: controller.signal }));
    controller.abort();
    expect(await loading).to.match(/^CANCELLED/);
  });

  it('leaves the event loop free while it predicts', async () => {
    const model = await runtime.load(fixtureBundle('affine.onnx'), callContext());
    const rows = 2_000_000;
    let turns = 0;
    const ticking = new AbortController();
    const tick = (): void => {
      turns++;
      if (!ticking.signal.aborted) setImmediate(tick);
    };
    tick();
    const data = new Float32Array(2 * rows);
    await model.predict([{ name: 'x', datatype: 'FP32', shape: [rows, 2], data }], {
      rows,
      ...callContext(),
    });
    ticking.abort();
    expect(turns).to.be.greaterThan(10);
    await model.unload();
  });
});
