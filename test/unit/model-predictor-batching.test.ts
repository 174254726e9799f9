import { expect } from 'chai';
import { predictor as port, VivaceError, type Prediction, type Predictor, type Tensor } from 'vivace';
import { affineInput, affineSignature, callContext } from 'vivace/testing';
import { affine } from '../fixtures/affine.js';
import { failureOf } from '../support/failure.js';
import { startPredictor, type PredictorFixture } from '../support/predictor-fixture.js';
import { thrownBy } from '../support/scripted.js';

const row = (value: number): Tensor[] => affineInput([value, 0]);
const many = (count: number, value: number): Tensor[] =>
  affineInput(...Array.from({ length: count }, (): [number, number] => [value, 0]));

describe('ModelPredictor batching', () => {
  let fixture: PredictorFixture;
  let predictor: Predictor;
  const start = async (options: object = {}, more: object = {}): Promise<void> => {
    fixture = await startPredictor({ options, more });
    predictor = fixture.part.face(port);
  };
  afterEach(() => fixture.close());

  const ask = async (inputs: Tensor[], signal = callContext().signal): Promise<Prediction> =>
    predictor.predict(inputs, { rows: inputs[0]!.shape[0]!, signal });
  const valuesOf = ({ outputs }: Prediction): number[] => [...(outputs[0]!.data as Float32Array)];

  it('hands a lone call on as it came', async () => {
    await start();
    const { staged } = fixture;
    staged.hold = true;
    const inputs = row(1);
    const answer = ask(inputs);
    await staged.holding(1);
    expect(staged.held[0]!.inputs).to.equal(inputs);
    staged.held[0]!.go();
    expect(valuesOf(await answer)).to.deep.equal([1]);
  });

  it('joins calls that came while the model was busy', async () => {
    await start();
    const { staged } = fixture;
    staged.hold = true;
    const answers = [ask(row(1)), ask(row(2)), ask(many(3, 3)), ask(row(4))];
    await staged.holding(1);
    staged.held[0]!.go();
    await staged.holding(2);
    staged.held[1]!.go();
    expect((await Promise.all(answers)).map(valuesOf)).to.deep.equal([[1], [2], [3, 3, 3], [4]]);
    expect(staged.batches).to.deep.equal([1, 5]);
  });

  it('gives each caller a copy of its own rows', async () => {
    await start();
    const { staged } = fixture;
    staged.hold = true;
    const answers = [ask(row(1)), ask(row(2)), ask(row(3))];
    staged.held[0]!.go();
    await staged.holding(2);
    staged.held[1]!.go();
    const [, second, third] = await Promise.all(answers);
    expect(second!.outputs[0]!.data).to.have.property('byteLength', 4);
    expect((second!.outputs[0]!.data as Float32Array).buffer.byteLength).to.equal(4);
    expect(third!.outputs[0]!.shape).to.deep.equal([1, 1]);
  });

  it('brings a call back to an instance that did not take it, once there is no other', async () => {
    await start({
      instances: 2,
      restartDelayMs: 60_000,
      restartDelayMaxMs: 60_000,
      repeatDied: false,
    });
    const { staged } = fixture;
    staged.hold = true;
    staged.failLoad = () => new Error('no memory');
    const first = ask(row(1));
    const second = ask(row(2)).catch(() => undefined);
    await staged.holding(2);
    // The instance that was added last is asked first, so the second call has the other one.
    staged.held[0]!.go(new VivaceError('UNAVAILABLE', 'busy', { started: false }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(staged.held).to.have.length(2);
    staged.instances[0]!.die('killed');
    await second;
    await staged.holding(3);
    staged.held[2]!.go();
    expect(valuesOf(await first)).to.deep.equal([1]);
  });

  it('joins no more than fits in maxBatchRows', async () => {
    await start({ maxBatchRows: 4 });
    const { staged } = fixture;
    staged.hold = true;
    const answers = [
      ask(row(0)),
      ask(many(2, 1)),
      ask(many(2, 2)),
      ask(row(3)),
      ask(many(9, 4)),
      ask(row(5)),
    ];
    for (let i = 0; i < 5; i++) {
      await staged.holding(i + 1);
      staged.held[i]!.go();
    }
    await Promise.all(answers);
    expect(staged.batches).to.deep.equal([1, 4, 1, 9, 1]);
  });

  it('uses every instance before it joins', async () => {
    await start({ instances: 2 });
    const { staged } = fixture;
    staged.hold = true;
    const answers = [ask(row(1)), ask(row(2)), ask(row(3)), ask(row(4))];
    await staged.holding(2);
    expect(staged.batches).to.deep.equal([1, 1]);
    staged.held[1]!.go();
    await staged.holding(3);
    for (const i of [0, 2]) staged.held[i]!.go();
    expect((await Promise.all(answers)).map(valuesOf)).to.deep.equal([[1], [2], [3], [4]]);
  });

  it('answers no rows without asking the model', async () => {
    await start();
    const { outputs } = await ask([
      { name: 'x', datatype: 'FP32', shape: [0, 2], data: new Float32Array(0) },
    ]);
    expect(outputs).to.deep.equal([
      { name: 'y', datatype: 'FP32', shape: [0, 1], data: new Float32Array(0) },
    ]);
    expect(fixture.staged.batches).to.deep.equal([]);
  });

  it('tells a model over requests where each request of a joined call begins', async () => {
    await start({}, { signature: { ...affineSignature, over: 'request' } });
    const { staged } = fixture;
    staged.hold = true;
    const signal = callContext().signal;
    const answers = [
      ask(row(1)),
      ask(many(2, 2)),
      predictor.predict(many(3, 3), { rows: 3, offsets: Uint32Array.of(0, 1, 3), signal }),
    ];
    expect([...staged.held[0]!.context.offsets!]).to.deep.equal([0, 1]);
    staged.held[0]!.go();
    await staged.holding(2);
    expect([...staged.held[1]!.context.offsets!]).to.deep.equal([0, 2, 3, 5]);
    staged.held[1]!.go();
    await Promise.all(answers);
  });

  it('refuses with RESOURCE_EXHAUSTED what the queue has no room for', async () => {
    await start({ maxQueueRows: 3 });
    const { staged } = fixture;
    staged.hold = true;
    const answers = [ask(row(1)), ask(many(3, 1))];
    const error: unknown = await ask(row(2)).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'RESOURCE_EXHAUSTED', started: false });
    expect((error as VivaceError).retryAfterMs).to.be.greaterThan(0);
    staged.held[0]!.go();
    await staged.holding(2);
    staged.held[1]!.go();
    await Promise.all(answers);
  });

  it('refuses with 503 what the queue cannot serve before its deadline, and takes what it can', async () => {
    let now = 0;
    fixture = await startPredictor({
      options: { maxBatchRows: 10 },
      clock: { now: () => 0, monotonic: () => now },
    });
    predictor = fixture.part.face(port);
    const { staged } = fixture;
    staged.hold = true;
    const within = async (rows: number, ms: number): Promise<Prediction> =>
      predictor.predict(many(rows, 1), {
        rows,
        ...callContext(),
        deadline: performance.now() + ms,
      });
    // Ten rows that came from the queue took a second: a tenth of a second each.
    const first = [ask(row(1)), within(10, 100)];
    await staged.holding(1);
    staged.held[0]!.go();
    await staged.holding(2);
    now = 1000;
    const others = [within(10, 3_600_000)];
    staged.held[1]!.go();
    await Promise.all(first);
    await staged.holding(3);
    // Ten rows run, and ten more than those wait.
    others.push(within(10, 3_600_000));
    const refused = await thrownBy(within(5, 2_400));
    expect(refused).to.include({
      code: 'RESOURCE_EXHAUSTED',
      httpStatus: 503,
      started: false,
      retryAfterMs: 1000,
    });
    expect(refused.message).to.include('an answer would take about 2500 ms');
    others.push(within(5, 3_600_000));
    staged.hold = false;
    for (const held of staged.held) held.go();
    await Promise.all(others);
  });

  it('does not predict the rows of a caller who left the queue', async () => {
    await start({ maxQueueRows: 2 });
    const { staged } = fixture;
    staged.hold = true;
    const controller = new AbortController();
    const first = ask(row(1));
    const left = failureOf(ask(many(2, 2), controller.signal));
    controller.abort();
    expect(await left).to.match(/^CANCELLED/);
    const third = ask(many(2, 3));
    staged.held[0]!.go();
    await staged.holding(2);
    staged.held[1]!.go();
    await Promise.all([first, third]);
    expect(staged.batches).to.deep.equal([1, 2]);
  });

  it('lets a caller leave at its deadline while the model works on', async () => {
    await start();
    const { staged } = fixture;
    staged.hold = true;
    const controller = new AbortController();
    const left = failureOf(ask(row(1), controller.signal));
    const next = ask(row(2));
    controller.abort(new DOMException('late', 'TimeoutError'));
    expect(await left).to.match(/^DEADLINE_EXCEEDED/);
    expect(staged.held).to.have.length(1);
    staged.held[0]!.go();
    await staged.holding(2);
    staged.held[1]!.go();
    expect(valuesOf(await next)).to.deep.equal([2]);
  });

  it('aborts a joined call only when its last caller has left', async () => {
    await start();
    const { staged } = fixture;
    staged.hold = true;
    const [one, other] = [new AbortController(), new AbortController()];
    const first = ask(row(1));
    const joined = [failureOf(ask(row(2), one.signal)), failureOf(ask(row(3), other.signal))];
    staged.held[0]!.go();
    await staged.holding(2);
    const { signal } = staged.held[1]!.context;
    one.abort();
    expect(signal.aborted).to.equal(false);
    other.abort();
    expect(signal.aborted).to.equal(true);
    await Promise.all([first, ...joined]);
    staged.held[1]!.go();
  });

  it('tries the requests of a failed joined call alone: a bad one fails only itself', async () => {
    await start();
    const { staged } = fixture;
    staged.hold = true;
    const first = ask(row(0));
    const good = ask(row(2));
    const bad = failureOf(ask(row(-5)));
    const last = ask(row(3));
    staged.held[0]!.go();
    staged.hold = false;
    await first;
    expect([valuesOf(await good), await bad, valuesOf(await last)]).to.deep.equal([
      [2],
      'PREDICTOR_FAILED staged (staged): x[0] is below -1',
      [3],
    ]);
    expect(staged.batches).to.deep.equal([1, 3, 1, 1, 1]);
  });

  it('fails only the call whose input the runtime refuses', async () => {
    await start();
    const { staged } = fixture;
    staged.hold = true;
    staged.model = (inputs, context) => {
      if ((inputs[0]!.data as Float32Array).includes(-5))
        throw new VivaceError('INVALID_ARGUMENT', 'element 0 of the input "x" holds a NUL character');
      return affine(inputs, context);
    };
    const first = ask(row(0));
    const good = ask(row(2));
    const bad = failureOf(ask(row(-5)));
    staged.held[0]!.go();
    staged.hold = false;
    await first;
    expect([valuesOf(await good), await bad]).to.deep.equal([
      [2],
      'INVALID_ARGUMENT staged: element 0 of the input "x" holds a NUL character',
    ]);
  });

  it('refuses outputs that are not as declared', async () => {
    await start();
    fixture.staged.model = () => [{ name: 'y', datatype: 'FP32', shape: [2, 1], data: new Float32Array(2) }];
    expect(await failureOf(ask(row(1)))).to.match(/^PREDICTOR_FAILED.*output "y" has the shape \[2, 1\]/);
  });

  it('refuses inputs that are not as declared', async () => {
    await start();
    const short: Tensor[] = [{ name: 'x', datatype: 'FP32', shape: [2, 2], data: new Float32Array(3) }];
    expect(await failureOf(ask(short))).to.match(/^INVALID_ARGUMENT.*input "x" holds 3 elements/);
    expect(
      await failureOf(ask([]).catch(() => predictor.predict([], { rows: 1, ...callContext() }))),
    ).to.include('takes 1 inputs');
  });
});
