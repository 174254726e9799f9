import { expect } from 'chai';
import {
  diffModels,
  listModels,
  modelRepository,
  promoteModel,
  pushModel,
  rollbackModel,
  showModel,
  type Server,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPushes, type PushFixture } from '../support/push-fixture.js';

describe('Operations: promote, roll back, show and compare versions of a model', () => {
  let fixture: PushFixture;
  let server: Server;
  let folder: PushFixture['folder'];
  let push: PushFixture['push'];
  beforeEach(async () => {
    fixture = await startPushes();
    ({ server, folder, push } = fixture);
  });
  afterEach(() => fixture.close());

  it('says who pushed what when, moves aliases, rolls back, and shows it', async () => {
    const file = folder({ 'a.joblib': 'x' });
    for (const note of ['one', 'two', 'three']) await push(file, { columns: ['a'], note });
    await push(file, { columns: ['a'], alias: false });
    expect(
      await promoteModel(server, { model: 'm@4', by: 'bob', note: 'four' }, callContext()),
    ).to.deep.equal({ name: 'm', version: '4', alias: 'champion', before: '3' });
    const back = (options = {}) =>
      rollbackModel(server, { model: 'm', by: 'bob', ...options }, callContext());
    expect([(await back()).version, (await back({ version: '1' })).version]).to.deep.equal(['3', '1']);
    await promoteModel(server, { model: 'm@champion', alias: 'night', by: 'bob' }, callContext());
    const { manifest, aliases, histories } = await showModel(server, { model: 'm@1' }, callContext());
    expect(manifest.pushed?.by).to.equal('ada');
    expect([...aliases].sort()).to.deep.equal(['champion', 'night']);
    expect(
      histories['champion']!.map(({ version, kind, by, note = '' }) => `${version} ${kind} ${by} ${note}`),
    ).to.deep.equal([
      '1 rollback bob ',
      '3 rollback bob ',
      '4 promote bob four',
      '3 push ada three',
      '2 push ada two',
      '1 push ada one',
    ]);
    expect(await failureOf(promoteModel(server, { model: 'm' }, callContext()))).to.match(
      /^INVALID_ARGUMENT model: "m" does not say which version/,
    );
    expect(await failureOf(rollbackModel(server, { model: '../m' }, callContext()))).to.match(
      /^INVALID_ARGUMENT model: /,
    );
  });

  it('names who moves an alias where nobody says it', async () => {
    const file = folder({ 'a.joblib': 'x' });
    await pushModel(server, { file, name: 'm', columns: ['a'], check: false }, callContext());
    const [entry] = await server.part(modelRepository, 'models').history('m', 'champion', callContext());
    expect(entry!.by).to.match(/^\S+@\S+$/);
  });

  it('refuses to point an alias at what servers would refuse, before anything is written', async () => {
    const file = folder({ 'a.joblib': 'x' });
    await push(file, { columns: ['a'] });
    expect(await failureOf(push(file, { columns: ['a', 'b'] }))).to.match(
      /^FAILED_PRECONDITION m cannot take the place of 1 under champion: .*--incompatible/,
    );
    expect(await listModels(server, {}, callContext())).to.have.length(1);
    await push(file, { columns: ['a', 'b'], alias: false });
    await push(file, { columns: ['a', 'b'], incompatible: true });
    expect((await listModels(server, {}, callContext())).map(({ aliases }) => aliases)).to.deep.equal([
      [],
      [],
      ['champion'],
    ]);
  });

  it('says what differs between two versions', async () => {
    await push(folder({ 'a.joblib': 'x' }), { columns: ['a'], info: { rmse: 1 } });
    await push(folder({ 'a.joblib': 'y', 'b.txt': 'z' }), {
      columns: ['b'],
      info: { rmse: 2 },
      alias: false,
    });
    const { incompatible, changes } = await diffModels(server, { from: 'm', to: 'm@2' }, callContext());
    expect(incompatible).to.equal('its input "features" is filled from other columns than that of 1');
    expect(changes.map(({ what }) => what)).to.deep.equal([
      'inputs.features',
      'files.a.joblib',
      'info.rmse',
      'files.b.txt',
    ]);
    const same = await diffModels(server, { from: 'm@1', to: 'm@champion' }, callContext());
    expect([same.incompatible, same.changes]).to.deep.equal([null, []]);
  });
});
