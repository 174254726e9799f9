import { expect } from 'chai';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createServer,
  listModels,
  modelRepository,
  pullModel,
  repositoryAt,
  showModel,
  type Server,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPushes, type PushFixture } from '../support/push-fixture.js';

describe('Operations: pull a model', () => {
  let fixture: PushFixture;
  let directory: string;
  let server: Server;
  let folder: PushFixture['folder'];
  let push: PushFixture['push'];
  beforeEach(async () => {
    fixture = await startPushes();
    ({ directory, server, folder, push } = fixture);
  });
  afterEach(() => fixture.close());

  it('pulls a version and its alias in the layout of a repository, and verifies what is there', async () => {
    const file = folder({
      'predictor.py': 'class P:\n  def predict(self, request): ...\n',
      'weights/w.bin': 'weights',
    });
    await push(file, { columns: ['a'] });
    const pull = (model: string) => pullModel(server, { model, to: 'pod', directory }, callContext());
    expect((await pull('m')).alias).to.equal('champion');
    const pod = await createServer({
      directory,
      parts: {
        files: { use: 'filesystem', path: 'pod' },
        models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
      },
      pipelines: {},
    });
    await pod.start({ serve: false });
    const models = pod.part(modelRepository, 'models');
    const { version } = await models.resolve('m', callContext());
    await models.fetch({ name: 'm', version }, callContext());

    writeFileSync(join(directory, 'pod/m/1/weights/w.bin'), 'weightz');
    rmSync(join(directory, 'pod/m/1/predictor.py'));
    expect((await models.verify(callContext())).findings).to.have.length(2);
    await pull('m');
    expect((await models.verify(callContext())).findings).to.deep.equal([]);

    await push(file, { columns: ['a'] });
    expect((await pull('m@1')).alias).to.equal(undefined);
    expect(await models.resolve('m', callContext())).to.include({ version: '1' });
    await pull('m@champion');
    expect(await models.resolve('m', callContext())).to.include({ version: '2' });
    await pod.stop();
    expect(await failureOf(pull('other'))).to.match(/^NOT_FOUND/);
  });

  it('pulls nothing whose bits have flipped: what was there stays usable', async () => {
    const file = folder({ 'a.joblib': 'x', 'b.bin': 'weights' });
    await push(file, { columns: ['a'] });
    const pull = () => pullModel(server, { model: 'm', to: 'pod', directory }, callContext());
    await pull();
    await push(file, { columns: ['a'] });
    writeFileSync(join(directory, 'bucket/m/2/b.bin'), 'weightz');
    expect(await failureOf(pull())).to.match(/^DATA_LOSS models: b\.bin has the SHA-256/);
    const pod = await repositoryAt('pod', { option: 'to', directory });
    const listed = await listModels(pod, {}, callContext());
    expect(listed).to.deep.equal([{ name: 'm', version: '1', aliases: ['champion'] }]);
    await pod.stop();
  });

  it('pulls nothing by a manifest whose paths leave the folder', async () => {
    await push(folder({ 'a.joblib': 'x' }), { columns: ['a'] });
    const path = join(directory, 'bucket/m/1/model.json');
    const manifest = (await showModel(server, { model: 'm' }, callContext())).manifest;
    const evil = { ...manifest, files: [...manifest.files, { ...manifest.files[0]!, path: '../../evil' }] };
    writeFileSync(path, JSON.stringify(evil));
    const pulling = pullModel(server, { model: 'm', to: 'pod', directory }, callContext());
    expect(await failureOf(pulling)).to.match(/^DATA_LOSS .*files\.1\.path/);
  });
});
