import { expect } from 'chai';
import { predictor as port, type Predictor, type Tensor } from 'vivace';
import { affineInput, callContext, startPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { inMemory } from '../support/in-memory-telemetry.js';
import { startPredictor, type PredictorFixture } from '../support/predictor-fixture.js';

/** The affine model, which gives NaN for 7. */
function sometimesNaN(inputs: readonly Tensor[]): readonly Tensor[] {
  const x = inputs[0]!.data as Float32Array;
  const data = Float32Array.from({ length: x.length / 2 }, (_, i) => (x[2 * i] === 7 ? NaN : x[2 * i]!));
  return [{ name: 'y', datatype: 'FP32', shape: [data.length, 1], data }];
}

describe('Outputs that are not a number', () => {
  let fixture: PredictorFixture;
  let predictor: Predictor;
  const start = async (options: object): Promise<void> => {
    fixture = await startPredictor({ options });
    predictor = fixture.part.face(port);
    fixture.staged.model = sometimesNaN;
  };
  afterEach(() => fixture.close());
  const ask = async (value: number): Promise<unknown> =>
    predictor
      .predict(affineInput([value, 0]), { rows: 1, ...callContext() })
      .then(({ outputs }) => outputs[0]!.data[0]);

  it('are passed on', async () => {
    await start({});
    expect(await ask(7)).to.be.NaN;
  });

  for (const refuseNaN of [false, true])
    it(`are counted where they are ${refuseNaN ? 'refused, as the failures of their calls are' : 'passed on'}`, async () => {
      const memory = inMemory();
      const telemetry = await startPart(memory.part);
      try {
        await start({ refuseNaN });
        for (const value of [7, 3, 7]) await ask(value).catch(() => undefined);
        const counted = (await memory.collected()).filter(({ name }) =>
          /predictor\.(nan|failures)$/.test(name),
        );
        const failures = { 'vivace.part': 'model-predictor', 'error.type': 'PREDICTOR_FAILED' };
        expect(counted).to.have.deep.members([
          { name: 'vivace.predictor.nan', value: 2, attributes: { 'vivace.part': 'model-predictor' } },
          ...(refuseNaN ? [{ name: 'vivace.predictor.failures', value: 2, attributes: failures }] : []),
        ]);
      } finally {
        await telemetry.stop();
      }
    });

  it('fail the call where the option says so', async () => {
    await start({ refuseNaN: true });
    expect(await failureOf(ask(7))).to.equal(
      'PREDICTOR_FAILED model-predictor: the model gave NaN, which `refuseNaN` does not pass on',
    );
    expect(await ask(3)).to.equal(3);
  });

  it('fail no other call that was predicted together with theirs', async () => {
    await start({ refuseNaN: true });
    fixture.staged.hold = true;
    const first = ask(1);
    await fixture.staged.holding(1);
    const joined = [ask(2), failureOf(ask(7)), ask(4)];
    fixture.staged.hold = false;
    fixture.staged.held[0]!.go();
    await first;
    const [before, refused, after] = await Promise.all(joined);
    expect([before, after]).to.deep.equal([2, 4]);
    expect(refused).to.match(/^PREDICTOR_FAILED/);
    expect(fixture.staged.batches).to.deep.equal([1, 3]);
  });
});
