import { expect } from 'chai';
import { predictor as port, type BundleManifest, type Prediction, type Predictor } from 'vivace';
import { affineInput, affineSignature, callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPredictor, type PredictorFixture, type PredictorSetup } from '../support/predictor-fixture.js';

/** A gate that a test opens. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Versions that replace one another, for models that fit memory once. */
describe('ModelPredictor with `swap: replace`', () => {
  let fixture: PredictorFixture;
  let predictor: Predictor;
  /** How many instances were in memory as each was loaded, by its version. */
  let inMemory: [version: string, instances: number][];
  const loaded = (): number => fixture.staged.instances.filter(({ gone }) => !gone).length;
  const start = async ({ options, ...setup }: PredictorSetup = {}): Promise<void> => {
    fixture = await startPredictor({ ...setup, options: { swap: 'replace', ...options } });
    predictor = fixture.part.face(port);
    inMemory = [];
    fixture.staged.failLoad = (version) => {
      inMemory.push([version, loaded()]);
      return undefined;
    };
  };
  afterEach(() => fixture.close());

  const ask = async (value = 1, timeoutMs?: number): Promise<Prediction> =>
    predictor.predict(affineInput([value, 0]), { rows: 1, ...callContext(timeoutMs) });
  const said = ({ model, outputs }: Prediction): unknown[] => [model.version, outputs[0]!.data[0]];
  const release = async (version: string, more: Partial<BundleManifest> = {}): Promise<void> =>
    fixture.models.add(version, 'model.bin', { version, alias: 'champion', ...more });
  const refresh = async (): Promise<void> => predictor.refresh!(callContext());
  /** Fails loads of some versions, and still counts what is in memory. */
  const failLoads = (...versions: string[]): void => {
    const { failLoad } = fixture.staged;
    fixture.staged.failLoad = (version) =>
      failLoad(version) ?? (versions.includes(version) ? new Error(`no memory for ${version}`) : undefined);
  };
  /** Resolves once the old version has been told to leave. */
  const untilSwapping = async (): Promise<void> => {
    while (predictor.serving() !== undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  it('lets the old version finish and leave before the new one is loaded; calls wait meanwhile', async () => {
    await start({ options: { instances: 2 } });
    fixture.staged.hold = true;
    const old = ask(1);
    await fixture.staged.holding(1);
    await release('2');
    const swapped = refresh();
    await untilSwapping();
    const waiting = ask(2);
    expect(inMemory).to.deep.equal([]);
    fixture.staged.hold = false;
    fixture.staged.held[0]!.go();
    expect(said(await old)).to.deep.equal(['1', 1]);
    await swapped;
    expect(said(await waiting)).to.deep.equal(['2', 2]);
    expect(inMemory.map(([version]) => version)).to.deep.equal(['2', '2']);
    expect(inMemory[0]).to.deep.equal(['2', 0]);
    expect(loaded()).to.equal(2);
  });

  it('is not ready between the two, and says which version should serve', async () => {
    await start();
    const loading = gate();
    fixture.staged.beforeLoad = () => loading.opened;
    await release('2');
    const swapped = refresh();
    await untilSwapping();
    const { serving, wanted, instances } = predictor.status!();
    expect([serving, wanted, instances]).to.deep.equal([undefined, '2', { loaded: 0, wanted: 1 }]);
    loading.open();
    await swapped;
    expect(predictor.serving()?.version).to.equal('2');
  });

  it('lets calls wait no longer than their deadlines, and no more rows than the queue takes', async () => {
    await start({ options: { maxQueueRows: 2 } });
    const loading = gate();
    fixture.staged.beforeLoad = () => loading.opened;
    await release('2');
    const swapped = refresh();
    await untilSwapping();
    const [patient, hasty] = [ask(1), failureOf(ask(2, 10))];
    expect(await failureOf(ask(3))).to.match(/^RESOURCE_EXHAUSTED.*2 of 2 rows wait/);
    expect(await hasty).to.match(/^DEADLINE_EXCEEDED/);
    loading.open();
    await swapped;
    expect(said(await patient)).to.deep.equal(['2', 1]);
  });

  it('brings the old version back where the new one does not load, and answers the calls that waited', async () => {
    await start();
    failLoads('2');
    fixture.staged.hold = true;
    const old = ask(1);
    await fixture.staged.holding(1);
    await release('2');
    const swapped = failureOf(refresh());
    await untilSwapping();
    const waiting = ask(2);
    fixture.staged.hold = false;
    fixture.staged.held[0]!.go();
    expect(await swapped).to.include('no memory for 2');
    expect(said(await old)).to.deep.equal(['1', 1]);
    expect(said(await waiting)).to.deep.equal(['1', 2]);
    expect(inMemory).to.deep.equal([
      ['2', 0],
      ['1', 0],
    ]);
    const { serving, wanted, lastFailure } = predictor.status!();
    expect([serving?.version, wanted, lastFailure?.version]).to.deep.equal(['1', '2', '2']);
  });

  it('unloads what did load of a version before the old one comes back', async () => {
    await start({ options: { instances: 2 } });
    const { failLoad } = fixture.staged;
    let loads = 0;
    fixture.staged.failLoad = (version) =>
      failLoad(version) ?? (version === '2' && ++loads === 2 ? new Error('no memory') : undefined);
    await release('2');
    expect(await failureOf(refresh())).to.include('no memory');
    expect(inMemory.find(([version]) => version === '1')).to.deep.equal(['1', 0]);
    expect([predictor.serving()?.version, loaded()]).to.deep.equal(['1', 2]);
  });

  it('brings the old version back only when a load that took too long is out of memory', async () => {
    await start({ options: { loadTimeoutMs: 300 } });
    const loading = gate();
    fixture.staged.beforeLoad = (version) => (version === '2' ? loading.opened : undefined);
    await release('2');
    const swapped = failureOf(refresh());
    // Given up by now, and still under way.
    while (fixture.staged.loadSignals.at(-1)?.aborted !== true) await new Promise((go) => setTimeout(go, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(inMemory).to.deep.equal([]);
    loading.open();
    expect(await swapped).to.match(/^DEADLINE_EXCEEDED.*did not load in 300 ms/);
    expect(inMemory).to.deep.equal([
      ['2', 0],
      ['1', 0],
    ]);
    expect(loaded()).to.equal(1);
  });

  it('does not try a version again by the clock, since each try interrupts the serving one, but when asked', async () => {
    const polls: number[] = [];
    await start({
      options: { refreshMs: 1 },
      over: (own) => ({
        ...own,
        async resolve(...given) {
          polls.push(polls.length);
          return own.resolve(...given);
        },
      }),
    });
    failLoads('2');
    await release('2');
    await fixture.logged(/a new version cannot serve/);
    const { length } = polls;
    while (polls.length < length + 5) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(inMemory.filter(([version]) => version === '2')).to.have.length(1);
    expect(fixture.logs.filter(({ level }) => level === 'error')).to.have.length(1);
    fixture.staged.failLoad = () => undefined;
    await refresh();
    expect(predictor.serving()?.version).to.equal('2');
  });

  it('restarts the old version, later and later, where it does not come back either', async () => {
    await start({ options: { restartDelayMs: 1, instances: 2 } });
    let failures = 5;
    fixture.staged.failLoad = () => (failures-- > 0 ? new Error('no memory') : undefined);
    await release('2');
    expect(await failureOf(refresh())).to.include('no memory');
    const { error } = await fixture.logged(/did not load again; it will be tried again/);
    expect((error as Error).message).to.include('no memory');
    expect(said(await ask(3))).to.deep.equal(['1', 3]);
    while (loaded() < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  it('refuses calls while the old version does not come back for long', async () => {
    await start({ options: { restartDelayMs: 60_000, restartDelayMaxMs: 60_000 } });
    fixture.staged.failLoad = () => new Error('no memory');
    await release('2');
    await failureOf(refresh());
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'UNAVAILABLE', retryAfterMs: 60_000, started: false });
    // One that serves after all, as asked.
    fixture.staged.failLoad = () => undefined;
    await refresh();
    expect(said(await ask(4))).to.deep.equal(['2', 4]);
  });

  it('keeps the old version loaded where it can tell beforehand that the new one cannot serve', async () => {
    await start();
    await release('2', { signature: { ...affineSignature, over: 'request' } });
    expect(await failureOf(refresh())).to.match(/2 cannot take the place of 1/);
    await release('3', { runtime: 'onnx' });
    expect(await failureOf(refresh())).to.match(/hosts memory/);
    expect(fixture.staged.instances.map(({ unloaded }) => unloaded)).to.deep.equal([false]);
  });

  it('gives a call that outlasts `drainMs` to the new version', async () => {
    await start({ options: { drainMs: 1 } });
    fixture.staged.hold = true;
    const stubborn = ask(6);
    await fixture.staged.holding(1);
    await release('2');
    await refresh();
    await fixture.staged.holding(2);
    fixture.staged.held[1]!.go();
    expect(said(await stubborn)).to.deep.equal(['2', 6]);
  });

  it('gives the call of an instance that dies as it leaves to the new version, and replaces no instance', async () => {
    await start();
    fixture.staged.hold = true;
    const answer = ask(7);
    await fixture.staged.holding(1);
    await release('2');
    const swapped = refresh();
    await untilSwapping();
    fixture.staged.instances[0]!.die('killed');
    await swapped;
    await fixture.staged.holding(2);
    fixture.staged.held[1]!.go();
    expect(said(await answer)).to.deep.equal(['2', 7]);
    expect(inMemory).to.deep.equal([['2', 0]]);
  });

  it('waits for an instance of the old version that is being restarted', async () => {
    await start();
    const loading = gate();
    fixture.staged.beforeLoad = (version) => (version === '1' ? loading.opened : undefined);
    fixture.staged.instances[0]!.die('killed');
    while (fixture.staged.loadSignals.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    await release('2');
    const swapped = refresh();
    while (!fixture.staged.loadSignals[1]!.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
    loading.open();
    await swapped;
    expect(inMemory).to.deep.equal([
      ['1', 0],
      ['2', 0],
    ]);
    expect([predictor.serving()?.version, loaded()]).to.deep.equal(['2', 1]);
  });

  it('does not wait for the pause before a restart of the old version', async () => {
    await start({ options: { restartDelayMs: 600_000, restartDelayMaxMs: 600_000 } });
    fixture.staged.failLoad = () => new Error('no memory');
    fixture.staged.instances[0]!.die('killed');
    await fixture.logged(/an instance did not load/);
    fixture.staged.failLoad = () => undefined;
    await release('2');
    await refresh();
    expect(said(await ask(1))).to.deep.equal(['2', 1]);
  });

  it('goes on where the old version fails to unload', async () => {
    await start();
    fixture.staged.beforeUnload = (version) =>
      version === '1' ? Promise.reject(new Error('stuck')) : undefined;
    await release('2');
    await refresh();
    expect((await fixture.logged(/did not unload/)).level).to.equal('warn');
    expect(said(await ask(1))).to.deep.equal(['2', 1]);
  });

  it('goes on, and says so, where the old version never leaves memory', async () => {
    await start({ options: { drainMs: 0, loadTimeoutMs: 1_000 } });
    const stuck = gate();
    fixture.staged.beforeUnload = (version) => (version === '1' ? stuck.opened : undefined);
    await release('2');
    await refresh();
    await fixture.logged(/did not leave memory in 1000 ms/);
    expect(said(await ask(1))).to.deep.equal(['2', 1]);
    stuck.open();
  });

  it('tells calls that wait as the part stops, and leaves nothing loaded', async () => {
    await start();
    const loading = gate();
    fixture.staged.beforeLoad = () => loading.opened;
    await release('2');
    const swapped = failureOf(refresh());
    await untilSwapping();
    const waiting = failureOf(ask(1));
    const stopped = fixture.part.stop();
    expect(await waiting).to.match(/^UNAVAILABLE/);
    loading.open();
    await stopped;
    expect(await swapped).to.match(/^CANCELLED.*stopping/);
    while (loaded() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
});
