import { expect } from 'chai';
import { predictor as port, type Prediction, type Predictor } from 'vivace';
import { affineInput, callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPredictor, type PredictorFixture, type PredictorSetup } from '../support/predictor-fixture.js';
import { StagedRuntime } from '../support/staged-runtime.js';

describe('ModelPredictor with an instance that dies', () => {
  let fixture: PredictorFixture;
  let predictor: Predictor;
  const start = async (setup: PredictorSetup = {}): Promise<void> => {
    fixture = await startPredictor(setup);
    predictor = fixture.part.face(port);
  };
  afterEach(() => fixture.close());

  const ask = async (value = 1): Promise<Prediction> =>
    predictor.predict(affineInput([value, 0]), { rows: 1, ...callContext() });
  /** Waits until version `version` answers. */
  const untilServed = async (version: string): Promise<void> => {
    while (predictor.serving()?.version !== version) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  it('loads another at once', async () => {
    await start();
    fixture.staged.instances[0]!.die('out of memory');
    expect((await ask(4)).outputs[0]!.data[0]).to.equal(4);
    expect(fixture.staged.instances).to.have.length(2);
    expect((await fixture.logged(/an instance died/)).fields).to.include({ reason: 'out of memory' });
  });

  it('does not serve while none is loaded, and refuses calls once a restart failed', async () => {
    await start({ options: { restartDelayMs: 60_000, restartDelayMaxMs: 60_000 } });
    fixture.staged.failLoad = () => new Error('no memory');
    fixture.staged.instances[0]!.die('out of memory');
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'UNAVAILABLE', retryAfterMs: 60_000, started: false });
    expect(predictor.serving()).to.equal(undefined);
    expect(await failureOf(ask())).to.match(/^UNAVAILABLE/);
  });

  it('tries again, later and later, until one loads', async () => {
    await start({ options: { restartDelayMs: 1 } });
    let failures = 3;
    fixture.staged.failLoad = () => (failures-- > 0 ? new Error('no memory') : undefined);
    fixture.staged.instances[0]!.die('out of memory');
    await fixture.logged(/an instance died/);
    await untilServed('1');
    expect((await ask(2)).outputs[0]!.data[0]).to.equal(2);
  });

  it('fails the call that was running where its tensors may be gone, and serves those that waited by the next one', async () => {
    const staged = new StagedRuntime();
    staged.keepsInputs = false;
    await start({ staged });
    fixture.staged.hold = true;
    const running = failureOf(ask(1));
    const waiting = ask(2);
    await fixture.staged.holding(1);
    fixture.staged.instances[0]!.die('out of memory');
    expect(await running).to.match(/^UNAVAILABLE.*out of memory/);
    await fixture.staged.holding(2);
    fixture.staged.held[1]!.go();
    expect((await waiting).outputs[0]!.data[0]).to.equal(2);
  });

  it('keeps serving with the others', async () => {
    await start({ options: { instances: 2 } });
    fixture.staged.failLoad = () => new Error('no memory');
    fixture.staged.instances[0]!.die('out of memory');
    await fixture.logged(/an instance did not load/);
    expect((await ask(3)).outputs[0]!.data[0]).to.equal(3);
  });
});

/** What becomes of calls whose instance dies while it predicts for them. */
describe('A call whose instance dies', () => {
  let fixture: PredictorFixture;
  let predictor: Predictor;
  const start = async (setup: PredictorSetup = {}): Promise<void> => {
    fixture = await startPredictor(setup);
    predictor = fixture.part.face(port);
    fixture.staged.hold = true;
  };
  afterEach(() => fixture.close());

  const ask = async (value = 1): Promise<Prediction> =>
    predictor.predict(affineInput([value, 0]), { rows: 1, ...callContext() });
  const valueOf = ({ outputs }: Prediction): unknown => outputs[0]!.data[0];

  it('is predicted by another instance', async () => {
    await start({ options: { instances: 2 } });
    const answer = ask(7);
    await fixture.staged.holding(1);
    // Of the two, the one that took the call is the last that became idle.
    fixture.staged.instances[1]!.die('killed');
    await fixture.staged.holding(2);
    fixture.staged.held[1]!.go();
    expect(valueOf(await answer)).to.equal(7);
  });

  it('is predicted by the instance that takes the place of the only one', async () => {
    await start();
    const answer = ask(7);
    await fixture.staged.holding(1);
    fixture.staged.instances[0]!.die('killed');
    await fixture.staged.holding(2);
    fixture.staged.held[1]!.go();
    expect(valueOf(await answer)).to.equal(7);
    expect(fixture.staged.instances).to.have.length(2);
  });

  it('fails where the second dies too, with the details in the log only', async () => {
    await start({ options: { instances: 3 } });
    const answer = failureOf(ask(7));
    await fixture.staged.holding(1);
    fixture.staged.instances[2]!.die('killed by row 7');
    await fixture.staged.holding(2);
    fixture.staged.instances[1]!.die('killed by row 7 again');
    expect(await answer).to.equal(
      'PREDICTOR_FAILED model-predictor: two instances of the model ended while they predicted for it',
    );
    const { error } = await fixture.logged(/ended two instances/);
    expect((error as Error).message).to.contain('killed by row 7 again');
    expect(fixture.staged.batches).to.have.length(2);
  });

  it('ends two instances at most for those that it was joined with', async () => {
    await start();
    const first = ask(0.5);
    await fixture.staged.holding(1);
    const joined = [1, 2, 3].map(async (value) =>
      ask(value).then(valueOf, (error: unknown) => (error as Error).message),
    );
    fixture.staged.held[0]!.go();
    await first;
    await fixture.staged.holding(2);
    expect(fixture.staged.batches.at(-1)).to.equal(3);
    fixture.staged.instances[0]!.die('killed by row 1');
    // Each is tried alone, in order: the first kills once more.
    await fixture.staged.holding(3);
    expect(fixture.staged.batches.at(-1)).to.equal(1);
    fixture.staged.hold = false;
    fixture.staged.instances[1]!.die('killed by row 1');
    expect(await Promise.all(joined)).to.deep.equal([
      'model-predictor: two instances of the model ended while they predicted for it',
      2,
      3,
    ]);
    expect(fixture.staged.instances).to.have.length(3);
  });

  it('fails at once for a model that does more than predict', async () => {
    await start({ options: { repeatDied: false } });
    const answer = failureOf(ask(7));
    await fixture.staged.holding(1);
    fixture.staged.instances[0]!.die('killed');
    expect(await answer).to.match(/^UNAVAILABLE.*killed/);
    expect(fixture.staged.batches).to.have.length(1);
  });

  it('does not keep those that it was joined with from instances that are idle', async () => {
    const staged = new StagedRuntime();
    await start({ staged, options: { instances: 3 } });
    const busy = [1, 2, 3].map(ask);
    await staged.holding(3);
    const joined = [7, 8].map(ask);
    // Nothing takes the place of the instances that die.
    staged.beforeLoad = async () => new Promise(() => undefined);
    staged.held[0]!.go();
    await staged.holding(4);
    expect(staged.batches.at(-1)).to.equal(2);
    for (const held of staged.held.slice(1, 3)) held.go();
    await Promise.all(busy);
    staged.instances[2]!.die('killed by row 7');
    await staged.holding(6);
    expect(staged.held.slice(4).map(({ inputs }) => inputs[0]!.data[0])).to.have.members([7, 8]);
    for (const held of staged.held.slice(4)) held.go();
    expect((await Promise.all(joined)).map(valueOf)).to.deep.equal([7, 8]);
  });

  it('is not kept waiting where no instance will take its place for a while', async () => {
    await start({ options: { restartDelayMs: 60_000, restartDelayMaxMs: 60_000 } });
    fixture.staged.instances[0]!.die('killed');
    const answer = failureOf(ask(7));
    await fixture.staged.holding(1);
    fixture.staged.instances[1]!.die('killed again');
    expect(await answer).to.match(/^UNAVAILABLE.*killed again/);
    expect(await failureOf(ask(7))).to.match(/^UNAVAILABLE.*no instance/);
  });

  it('is not repeated where its caller has left', async () => {
    await start();
    const controller = new AbortController();
    const answer = failureOf(predictor.predict(affineInput([1, 0]), { rows: 1, signal: controller.signal }));
    await fixture.staged.holding(1);
    controller.abort();
    expect(await answer).to.match(/^CANCELLED/);
    fixture.staged.instances[0]!.die('killed');
    const next = ask(3);
    await fixture.staged.holding(2);
    fixture.staged.held[1]!.go();
    expect(valueOf(await next)).to.equal(3);
    expect(fixture.staged.batches).to.have.length(2);
  });

  it('does not lengthen the pause before the next restart once an instance has lived two seconds', async () => {
    let now = 0;
    const clock = { now: () => now, monotonic: () => now };
    await start({ clock, options: { restartDelayMs: 60_000, restartDelayMaxMs: 60_000 } });
    fixture.staged.hold = false;
    for (let deaths = 1; deaths <= 3; deaths++) {
      now += 2_001;
      fixture.staged.instances.at(-1)!.die('killed');
      // It waits for no pause: that would take a minute.
      expect(valueOf(await ask(deaths))).to.equal(deaths);
      expect(fixture.staged.instances).to.have.length(deaths + 1);
    }
  });
});
