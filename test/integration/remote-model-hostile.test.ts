import { expect } from 'chai';
import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { isVivaceError, predictorRuntime, type PredictorInstance, type Tensor } from 'vivace';
import { remoteModel } from 'vivace/adapters/remote-model';
import { affineInput, affineSignature, callContext, startPart } from 'vivace/testing';
import { inferResponseWriter, messageBody } from 'vivace/wire';
import { failureOf } from '../support/failure.js';
import { fuzzRuns } from '../support/fuzz-runs.js';
import { remoteBundle } from '../support/remote-models.js';
import { json, ScriptedInference, type Handle, type SeenRequest } from '../support/scripted-inference.js';

const y = { name: 'y', datatype: 'FP32', shape: [1, 1], data: [5] };
const binaryY = { ...y, data: undefined, parameters: { binary_data_size: 4 } };
const five = Buffer.from(Float32Array.of(5).buffer);

/** Answers with JSON and bytes after it. */
function binary(head: unknown, bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Handle {
  const text = Buffer.from(JSON.stringify(head));
  return (response) => {
    response.writeHead(200, { 'inference-header-content-length': String(text.length), ...headers });
    response.end(Buffer.concat([text, bytes]));
  };
}

/** The id of a request. */
function idOf({ headers, body }: SeenRequest): string {
  const length = Number(headers['inference-header-content-length']);
  return (JSON.parse(body.toString('utf8', 0, length)) as { id: string }).id;
}

describe('remote-model and a hostile server', () => {
  let scripted: ScriptedInference;
  let part: Awaited<ReturnType<typeof startPart>>;
  let instance: PredictorInstance;
  const load = async (options: object, name = 'affine'): Promise<void> => {
    await instance?.unload();
    await part?.stop();
    part = await startPart(remoteModel, { url: scripted.url, ...options });
    instance = await part.face(predictorRuntime).load(remoteBundle(name), callContext());
  };
  before(async () => {
    scripted = await ScriptedInference.start();
  });
  beforeEach(() => load({}));
  after(async () => {
    await instance.unload();
    await part.stop();
    await scripted.stop();
  });
  const predict = (): Promise<readonly Tensor[]> =>
    instance.predict(affineInput([1, 2]), { rows: 1, ...callContext() });
  afterEach('the same instance takes a right answer', async () => {
    scripted.infer = binary({ outputs: [binaryY] }, five);
    expect((await predict())[0]).to.deep.equal({
      name: 'y',
      datatype: 'FP32',
      shape: [1, 1],
      data: Float32Array.of(5),
    });
  });

  for (const [what, handle, said] of [
    ['an empty body', json(''), 'it is empty'],
    ['broken JSON', json('{"outputs":['), 'broken JSON'],
    ['a page', json('<html>'), 'broken JSON'],
    [
      'bytes that are not UTF-8',
      binary('x', Buffer.of(0xff), { 'inference-header-content-length': '4' }),
      'UTF-8',
    ],
    ['JSON that is too deep', json(`{"outputs":${'['.repeat(40)}${']'.repeat(40)}}`), 'deeper than 32'],
    [
      'more lists than any tensor needs',
      json(`{"outputs":[${'[],'.repeat(600_000)}[]]}`),
      '500000 lists and objects',
    ],
    [
      'names that reach a prototype',
      json(`{"__proto__":{"outputs":[]},"outputs":[${JSON.stringify(y)}]}`),
      '__proto__',
    ],
    [
      'an error with status 200',
      json({ error: 'the batcher failed' }),
      'an error instead of outputs: the batcher failed',
    ],
    ['no outputs', json({ outputs: [] }), 'the output "y" is missing'],
    ['another output', json({ outputs: [{ ...y, name: 'z' }] }), 'there is no output "z"'],
    ['an output too many', json({ outputs: [y, { ...y, name: 'z' }] }), 'there is no output "z"'],
    [
      'more rows',
      json({ outputs: [{ ...y, shape: [2, 1], data: [5, 5] }] }),
      'has 2 rows, but 1 were asked for',
    ],
    ['no rows', json({ outputs: [{ ...y, shape: [0, 1], data: [] }] }), 'has 0 rows, but 1 were asked for'],
    ['another datatype', json({ outputs: [{ ...y, datatype: 'FP64' }] }), 'the datatype is FP64'],
    [
      'a shape that promises gigabytes',
      json({ outputs: [{ ...y, shape: [2_000_000_000, 1] }] }),
      '1 elements, but the shape',
    ],
    ['a shape that overflows', json({ outputs: [{ ...y, shape: [1e300, 1] }] }), 'is not a dimension'],
    ['null', json({ outputs: [{ ...y, data: [null] }] }), 'null is not a float32'],
    [
      'a tensor that is cut',
      binary({ outputs: [binaryY] }, five.subarray(0, 3)),
      '"binary_data_size" is 4, but 3 bytes are left',
    ],
    [
      'bytes that belong to nothing',
      binary({ outputs: [binaryY] }, Buffer.alloc(8)),
      '4 bytes after the JSON belong to no output',
    ],
    [
      'a size that lies',
      binary({ outputs: [{ ...binaryY, parameters: { binary_data_size: 8 } }] }, Buffer.alloc(8)),
      '8 bytes, but 1 elements of FP32 have 4',
    ],
    [
      'a negative size',
      binary({ outputs: [{ ...binaryY, parameters: { binary_data_size: -4 } }] }, five),
      'is not a number of bytes',
    ],
    [
      'binary tensors without the length of the JSON',
      binary({ outputs: [binaryY] }, five, { 'inference-header-content-length': '' }),
      'is not a number of bytes',
    ],
    [
      'a length of the JSON beyond the body',
      binary({ outputs: [binaryY] }, five, { 'inference-header-content-length': '999' }),
      'is 999, but the body has',
    ],
    [
      'a length of the JSON that is too short',
      binary({ outputs: [binaryY] }, five, { 'inference-header-content-length': '5' }),
      'broken JSON',
    ],
    [
      'no JSON at all',
      binary({ outputs: [binaryY] }, five, { 'inference-header-content-length': '0' }),
      'the answer is wrong',
    ],
    ['the id of another request', json({ id: 'other', outputs: [y] }), 'it has the id of another request'],
    [
      'an answer that is compressed, though nobody asked',
      (response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        response.end(gzipSync(JSON.stringify({ outputs: [y] })));
      },
      'it is encoded as gzip, which was not asked for',
    ],
  ] as [string, Handle, string][]) {
    it(`refuses ${what}`, async () => {
      scripted.infer = handle;
      const failed = await failureOf(predict());
      expect(failed)
        .to.match(/^PREDICTOR_FAILED remote-model: /)
        .and.to.contain(said);
    });
  }

  it('refuses more bytes than are allowed, before they are read where their number is known', async () => {
    await load({ maxResponseBytes: 2_000 });
    const said =
      'PREDICTOR_FAILED remote-model: the answer has more than 2000 bytes, which `maxResponseBytes` does not allow';
    scripted.infer = json(' '.repeat(2_001));
    expect(await failureOf(predict())).to.equal(said);
    // It never sends them.
    scripted.infer = (response) =>
      response.writeHead(200, { 'content-length': '1000000000000' }).flushHeaders();
    expect(await failureOf(predict())).to.equal(said);
    scripted.infer = (response) => {
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1_000, ' ')));
      };
      response.on('drain', write);
      write();
    };
    expect(await failureOf(predict())).to.equal(said);
    await scripted.untilConnections(0);
  });

  it('takes the id of its own request, and the version that was asked for; no other', async () => {
    scripted.infer = (response, request, incoming) =>
      json({ id: idOf(request), model_version: '7', outputs: [y] })(response, request, incoming);
    await predict();
    await load({}, 'affine-1');
    expect(await failureOf(predict()))
      .to.contain('PREDICTOR_FAILED')
      .and.to.contain('it is of version "7"');
    scripted.infer = json({ model_version: '1', outputs: [y] });
    await predict();
  });

  it('gives each call an id of its own', async () => {
    scripted.infer = binary({ outputs: [binaryY] }, five);
    const before = scripted.calls.length;
    await predict();
    await predict();
    const [first, second] = scripted.calls.slice(before).map(idOf);
    expect(first).not.to.equal(second);
  });

  it('reads answers that were changed on their way as they are, or refuses them, and lives on', async () => {
    const write = inferResponseWriter({ name: 'affine', outputs: affineSignature.outputs });
    const { headers, pieces } = messageBody(
      write({ outputs: [{ shape: [1, 1], data: Float32Array.of(5) }] }, [{ index: 0, binary: true }]),
    );
    const whole = Buffer.concat(pieces);
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    let refused = 0;
    const runs = fuzzRuns(300);
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.option(fc.nat(), { freq: 4 }),
        async (changes, cut) => {
          const bytes = Buffer.from(whole);
          for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
          const body = cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
          scripted.infer = (response) => {
            response.writeHead(200, headers);
            response.end(body);
          };
          try {
            const [output] = await predict();
            expect([output!.name, output!.shape, output!.data.length]).to.deep.equal(['y', [1, 1], 1]);
          } catch (error) {
            if (!isVivaceError(error)) throw error;
            expect(error.code).to.equal('PREDICTOR_FAILED');
            refused++;
          }
        },
      ),
      { numRuns: runs },
    );
    expect(refused).to.be.above(runs / 10);
  });
});
