import { expect } from 'chai';
import { predictor as port, untilAborted, type CallContext, type Predictor } from 'vivace';
import { affineInput, affineSignature, callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPredictor, type PredictorFixture, type PredictorSetup } from '../support/predictor-fixture.js';

describe('ModelPredictor, asked to look for a new version', () => {
  let fixture: PredictorFixture;
  let predictor: Predictor;
  const start = async (setup: PredictorSetup = {}): Promise<void> => {
    fixture = await startPredictor(setup);
    predictor = fixture.part.face(port);
  };
  afterEach(() => fixture.close());

  const release = (version: string, more: object = {}): Promise<void> =>
    fixture.models.add(version, 'model.bin', { version, alias: 'champion', ...more });
  const refresh = async (context: CallContext = callContext()): Promise<void> => predictor.refresh?.(context);

  it('resolves when the new one serves, though the old one still has calls', async () => {
    await start();
    fixture.staged.hold = true;
    const old = predictor.predict(affineInput([1, 1]), { ...callContext(), rows: 1 });
    await fixture.staged.holding(1);
    await release('2');
    await refresh();
    expect(predictor.serving()?.version).to.equal('2');
    fixture.staged.held[0]!.go();
    expect((await old).model.version).to.equal('1');
  });

  it('says why a version does not serve, each time it is asked, and logs it once', async () => {
    await start();
    await release('2', { signature: { ...affineSignature, over: 'request' } });
    for (let asked = 0; asked < 2; asked++)
      expect(await failureOf(refresh())).to.match(/^FAILED_PRECONDITION.*2 cannot take the place of 1/);
    expect(predictor.serving()?.version).to.equal('1');
    expect(fixture.logs.filter(({ level }) => level === 'error')).to.have.length(1);
  });

  it('tries a version again that did not load', async () => {
    await start();
    await release('2');
    fixture.staged.failLoad = () => new Error('no memory');
    expect(await failureOf(refresh())).to.include('no memory');
    fixture.staged.failLoad = () => undefined;
    await refresh();
    expect(predictor.serving()?.version).to.equal('2');
  });

  it('shares the look that is under way, also with the poll', async () => {
    let looks = 0;
    let answer: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const polled = new Promise<void>((resolve) => (begun = resolve));
    const held = new Promise<void>((resolve) => (answer = resolve));
    let isHeld = false;
    await start({
      options: { refreshMs: 1 },
      over: (own) => ({
        ...own,
        async resolve(...given) {
          if (!isHeld) return own.resolve(...given);
          looks++;
          begun();
          await held;
          return own.resolve(...given);
        },
      }),
    });
    isHeld = true;
    await polled;
    await release('2');
    const asked = [refresh(), refresh()];
    isHeld = false;
    answer();
    await Promise.all(asked);
    expect([looks, predictor.serving()?.version]).to.deep.equal([1, '2']);
  });

  it('lets a caller leave, and goes on', async () => {
    let answer: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    let isHeld = false;
    await start({
      over: (own) => ({
        ...own,
        async resolve(...given) {
          if (isHeld) await held;
          return own.resolve(...given);
        },
      }),
    });
    isHeld = true;
    await release('2');
    const leaving = new AbortController();
    const left = failureOf(refresh({ signal: leaving.signal }));
    leaving.abort();
    expect(await left).to.match(/^CANCELLED/);
    const stayed = refresh();
    answer();
    await stayed;
    expect(predictor.serving()?.version).to.equal('2');
  });

  it('gives a repository up that never answers, and looks anew', async () => {
    let isSilent = false;
    await start({
      options: { loadTimeoutMs: 1_000 },
      over: (own) => ({
        ...own,
        fetch: (...given) => (isSilent ? new Promise(() => undefined) : own.fetch(...given)),
      }),
    });
    await release('2');
    isSilent = true;
    expect(await failureOf(refresh())).to.match(/^DEADLINE_EXCEEDED.*1000 ms/);
    isSilent = false;
    await refresh();
    expect(predictor.serving()?.version).to.equal('2');
  });

  it('is told that the part stops', async () => {
    let begun: () => void = () => undefined;
    const looking = new Promise<void>((resolve) => (begun = resolve));
    let isSilent = false;
    await start({
      over: (own) => ({
        ...own,
        resolve(...given) {
          if (!isSilent) return own.resolve(...given);
          begun();
          return untilAborted(new Promise(() => undefined), given[1].signal);
        },
      }),
    });
    isSilent = true;
    const told = failureOf(refresh());
    await looking;
    await fixture.part.stop();
    expect(await told).to.match(/^CANCELLED.*stopping/);
  });
});
