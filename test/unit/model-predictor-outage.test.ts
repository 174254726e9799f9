import { expect } from 'chai';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  predictor as port,
  predictorRuntime,
  untilAborted,
  VivaceError,
  type CallContext,
  type ErrorCode,
  type LogRecord,
  type ModelRepository,
  type Predictor,
} from 'vivace';
import { modelPredictor } from 'vivace/plugins/model-predictor';
import { affineInput, callContext, makePart, startPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startRepository, type RepositoryFixture } from '../support/model-fixture.js';
import { StagedRuntime } from '../support/staged-runtime.js';

/** What the repository does instead of answering; `undefined` where it answers. */
type Outage = ((context: CallContext) => Promise<never>) | undefined;

const fails =
  (code: ErrorCode = 'UNAVAILABLE'): Outage =>
  () =>
    Promise.reject(new VivaceError(code, 'the bucket is down'));
const hangs: Outage = ({ signal }) => untilAborted(new Promise<never>(() => undefined), signal);

describe('ModelPredictor without its repository', () => {
  let models: RepositoryFixture;
  let staged: StagedRuntime;
  let outage: Outage;
  let logs: LogRecord[];
  const close: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    outage = undefined;
    logs = [];
    staged = new StagedRuntime();
    models = await startRepository();
    await models.add('1', 'model.bin', { version: '1', alias: 'champion' });
  });
  afterEach(async () => {
    for (const each of close.splice(0).reverse()) await each();
    await models.close();
  });

  /** The repository of a pod, whose bucket may be down; its disk is there. */
  const repository = (): ModelRepository => {
    const { repository: own } = models;
    return {
      ...own,
      resolve: (reference, context) => outage?.(context) ?? own.resolve(reference, context),
      manifest: (model, context) => outage?.(context) ?? own.manifest(model, context),
      fetch: (model, context) => outage?.(context) ?? own.fetch(model, context),
    };
  };

  async function make(options: object = {}, over: Partial<ModelRepository> = {}) {
    const runtime = await startPart(staged.definition);
    const uses = {
      repository: { ...repository(), ...over },
      runtime: runtime.face(predictorRuntime),
    };
    const part = makePart(
      modelPredictor,
      { model: 'affine', refreshMs: 0, ...options },
      { uses, onLog: (record) => logs.push(record) },
    );
    close.push(async () => {
      await part.stop();
      await runtime.stop();
    });
    return part;
  }
  /** A pod of another day, which has served the champion. */
  async function served(): Promise<void> {
    const part = await make();
    await part.start(callContext());
    await part.stop();
    logs = [];
  }
  async function start(options: object = {}, over: Partial<ModelRepository> = {}): Promise<Predictor> {
    const part = await make(options, over);
    await part.start(callContext());
    return part.face(port);
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const copyOf = (version: string): string => {
    const folder = join(models.directory, '.vivace/workspace/affine.d', `${version}.d`);
    return join(folder, readdirSync(folder)[0]!, 'model.bin');
  };

  for (const code of [
    'UNAVAILABLE',
    'DEADLINE_EXCEEDED',
    'PERMISSION_DENIED',
    'RESOURCE_EXHAUSTED',
  ] as const) {
    it(`starts with the last known version where the repository fails with ${code}`, async () => {
      await served();
      outage = fails(code);
      const predictor = await start();
      expect(predictor.serving()?.version).to.equal('1');
      const { outputs } = await predictor.predict(affineInput([1, 2]), { rows: 1, ...callContext() });
      expect(outputs[0]!.data[0]).to.equal(5);
      expect(predictor.status!()).to.deep.include({ lastKnown: true });
      expect(predictor.status!().lastFailure).to.include({ code });
      expect(logs.map(({ level, message }) => [level, message])).to.deep.include([
        'warn',
        'the repository does not answer: the last known version serves, from the disk',
      ]);
    });
  }

  it('does not wait for a repository that hangs, longer than `lookupTimeoutMs`', async () => {
    await served();
    outage = hangs;
    const predictor = await start({ lookupTimeoutMs: 20 });
    expect(predictor.status!().lastFailure?.message).to.match(
      /the repository did not say in 20 ms which version affine is/,
    );
    expect(predictor.serving()?.version).to.equal('1');
  });

  it('follows as soon as the repository answers again', async () => {
    await served();
    outage = fails();
    const predictor = await start({ refreshMs: 2 });
    await until(() => logs.some(({ level }) => level === 'error'));
    expect(predictor.status!()).to.deep.include({ lastKnown: true });
    await models.add('2', 'model.bin', { version: '2', alias: 'champion' });
    outage = undefined;
    await until(() => predictor.serving()?.version === '2');
    await until(() => predictor.status!().lastKnown === undefined);
    expect(predictor.status!()).to.deep.include({ wanted: '2' });
    expect(predictor.status!()).to.not.have.property('lastFailure');
  });

  it('says that the repository answers again where nothing has changed', async () => {
    await served();
    outage = fails();
    const predictor = await start();
    outage = undefined;
    await predictor.refresh!(callContext());
    expect(predictor.status!()).to.deep.include({ wanted: '1' });
    expect(predictor.status!()).to.not.have.any.keys('lastKnown', 'lastFailure');
    expect(logs.map(({ message }) => message)).to.include('the repository answers again');
    expect(staged.instances).to.have.length(2);
  });

  it('serves what the repository has under the same version, where that is another model', async () => {
    await served();
    outage = fails();
    const predictor = await start();
    const before = predictor.serving()!.digest;
    for (const key of ['affine/1/model.json', 'affine/1/model.bin'])
      await models.blobs.delete(key, callContext());
    await models.add('another', 'model.bin', { version: '1' });
    outage = undefined;
    await predictor.refresh!(callContext());
    expect(predictor.serving()!.digest).to.not.equal(before);
  });

  it('remembers the version that an alias meant last, not the newest copy', async () => {
    await models.add('2', 'model.bin', { version: '2', alias: 'champion' });
    await served();
    await models.repository.setAlias('affine', 'champion', '1', callContext());
    await served();
    outage = fails();
    expect((await start()).serving()?.version).to.equal('1');
    expect((await start({ model: 'affine@2' })).serving()?.version).to.equal('2');
  });

  it('fails as the repository does where the disk holds nothing', async () => {
    outage = fails();
    const part = await make();
    expect(await failureOf(part.start(callContext()))).to.match(/^UNAVAILABLE.*the bucket is down/);
  });

  it('fails where the copy is corrupt, and says what to delete', async () => {
    await served();
    const file = copyOf('1');
    writeFileSync(file, 'x');
    outage = fails();
    const part = await make();
    expect(await failureOf(part.start(callContext())))
      .to.match(/^DATA_LOSS.*model\.bin.*delete it/)
      .and.include(file.replace('/model.bin', ''));
  });

  it('does not serve from the disk what the repository says is not there', async () => {
    await served();
    await models.blobs.delete('affine/aliases/champion', callContext());
    const part = await make();
    expect(await failureOf(part.start(callContext()))).to.match(/^NOT_FOUND/);
  });

  it('serves the last known version where the disk is too full for the new one', async () => {
    await served();
    await models.add('2', 'model.bin', { version: '2', alias: 'champion' });
    const full = (): Promise<never> => Promise.reject(new VivaceError('RESOURCE_EXHAUSTED', 'ENOSPC'));
    const predictor = await start({}, { fetch: full });
    expect(predictor.status!()).to.deep.include({ wanted: '2', lastKnown: true });
    expect(predictor.status!().lastFailure).to.include({ version: '2', code: 'RESOURCE_EXHAUSTED' });
  });

  it('serves where the disk cannot keep note of it, and says so', async () => {
    const readOnly = (): Promise<never> => Promise.reject(new VivaceError('PERMISSION_DENIED', 'EROFS'));
    const predictor = await start({}, { retain: readOnly });
    expect(predictor.serving()?.version).to.equal('1');
    expect(logs.find(({ level }) => level === 'warn')?.message).to.match(/the disk does not keep note/);
  });

  it('verifies the files again before an instance takes the place of one that died', async () => {
    const predictor = await start({ restartDelayMs: 1, restartDelayMaxMs: 1 });
    writeFileSync(copyOf('1'), 'x');
    outage = fails();
    staged.instances[0]!.die('out of memory');
    await until(() => predictor.serving() !== undefined && staged.instances.length > 1);
    expect(readFileSync(copyOf('1'), 'utf8')).to.equal('1');
  });

  it('loads no instance from files that are corrupt and cannot be fetched', async () => {
    const predictor = await start(
      { restartDelayMs: 1, restartDelayMaxMs: 1 },
      { restore: () => Promise.reject(new VivaceError('UNAVAILABLE', 'the bucket is down')) },
    );
    staged.instances[0]!.die('out of memory');
    await until(() => logs.some(({ message }) => message.includes('did not load; it will be tried again')));
    expect([staged.instances.length, predictor.serving()]).to.deep.equal([1, undefined]);
    expect(predictor.status!().instances).to.deep.equal({ loaded: 0, wanted: 1 });
  });
});
