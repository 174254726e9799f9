import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  blobStore,
  modelRepository as port,
  VivaceError,
  workspace,
  type BlobStore,
  type BundleManifest,
  type Workspace,
} from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
import { manifestOf } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';
import { startRepository, type RepositoryFixture } from '../support/model-fixture.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

describe('ModelRepository', () => {
  let fixture: RepositoryFixture;
  beforeEach(async () => (fixture = await startRepository()));
  afterEach(() => fixture.close());

  const resolve = async (reference: string): Promise<string> =>
    (await fixture.repository.resolve(reference, callContext())).version;
  const fetch = async (version = '1'): Promise<string> =>
    (await fixture.repository.fetch({ name: 'affine', version }, callContext())).directory;
  const writeManifest = async (json: unknown): Promise<void> => {
    await fixture.blobs.write(
      'affine/1/model.json',
      text(typeof json === 'string' ? json : JSON.stringify(json)),
      callContext(),
    );
  };

  it('fetches what was added', async () => {
    await fixture.add('the model', 'weights/model.onnx');
    expect(readFileSync(join(await fetch(), 'weights/model.onnx'), 'utf8')).to.equal('the model');
  });

  it('fetches a version once', async () => {
    await fixture.add('the model', 'model.onnx');
    const first = await fetch();
    await fixture.blobs.delete('affine/1/model.onnx', callContext());
    expect(await fetch()).to.equal(first);
  });

  it('fetches anew where the same version has other content', async () => {
    await fixture.add('the model', 'model.onnx');
    const first = await fetch();
    await fixture.blobs.write('affine/1/model.onnx', text('another'), callContext());
    await writeManifest(manifestOf(text('another'), 'model.onnx'));
    const second = await fetch();
    expect(second).to.not.equal(first);
    expect(readFileSync(join(second, 'model.onnx'), 'utf8')).to.equal('another');
  });

  it('keeps the copies of the last versions, and those that serve', async () => {
    const models = await startPart(
      modelRepository,
      { keepVersions: 2 },
      { uses: { blobs: fixture.blobs, workspace: fixture.workspace } },
    );
    const repository = models.face(port);
    const kept = async (): Promise<string[]> =>
      (await fixture.workspace.list('affine/', callContext()))
        .filter((name) => name.split('/').length === 3)
        .map((name) => name.split('/')[1]!);
    const serve = async (reference: string, version: string): Promise<void> => {
      await repository.retain!(
        reference,
        await repository.fetch({ name: 'affine', version }, callContext()),
        callContext(),
      );
    };
    for (const version of ['1', '2', '3', '4', '5']) await fixture.add(version, 'model.onnx', { version });
    await serve('affine@challenger', '1');
    for (const version of ['2', '3', '4']) await serve('affine', version);
    expect(await kept()).to.deep.equal(['1', '4']);
    await serve('affine@challenger', '3');
    expect(await kept()).to.deep.equal(['4', '3']);
    await serve('affine@5', '5');
    expect(await kept()).to.deep.equal(['4', '3', '5']);
    await models.stop();
  });

  it('lists no copies as versions where one directory is both blobs and workspace', async () => {
    const disk = await startPart(filesystem, { path: fixture.directory });
    const uses = { blobs: disk.face(blobStore), workspace: disk.face(workspace) };
    const models = await startPart(modelRepository, {}, { uses });
    const manifest = manifestOf(text('one'), 'model.onnx');
    await models.face(port).add(manifest, () => text('one'), callContext());
    await models.face(port).fetch(manifest, callContext());
    expect(await models.face(port).list(callContext())).to.deep.equal([
      { name: 'affine', version: '1', aliases: [] },
    ]);
    const { blobs } = await disk.face(blobStore).list('', callContext());
    expect(blobs.map(({ key }) => key)).to.deep.equal(['affine/1/model.json', 'affine/1/model.onnx']);
    await models.stop();
    await disk.stop();
  });

  it('reads nothing of other models where it lists one', async () => {
    await fixture.add('one', 'model.onnx', { version: '1', alias: 'champion' });
    await fixture.add('two', 'model.onnx', { name: 'iris', version: '1', alias: 'champion' });
    const asked: string[] = [];
    const watched: BlobStore = {
      ...fixture.blobs,
      list(prefix, ...rest) {
        asked.push(prefix);
        return fixture.blobs.list(prefix, ...rest);
      },
      read(key, ...rest) {
        asked.push(key);
        return fixture.blobs.read(key, ...rest);
      },
    };
    const part = await startPart(modelRepository, {}, { uses: { blobs: watched } });
    await part.face(port).list(callContext(), { name: 'affine' });
    expect(asked).to.deep.equal(['affine/', 'affine/aliases/champion']);
    await part.stop();
  });

  it('says what to delete where a corrupt copy cannot be removed', async () => {
    await fixture.add('model', 'model.onnx');
    const directory = await fetch();
    writeFileSync(join(directory, 'model.onnx'), 'nodel');
    const locked: Workspace = {
      ...fixture.workspace,
      remove: () => Promise.reject(new VivaceError('PERMISSION_DENIED', 'EROFS: read-only file system')),
    };
    const part = await startPart(modelRepository, {}, { uses: { blobs: fixture.blobs, workspace: locked } });
    const fetching = part.face(port).fetch({ name: 'affine', version: '1' }, callContext());
    expect(await failureOf(fetching))
      .to.match(/^DATA_LOSS.*model\.onnx in .* cannot be removed: delete it/)
      .and.include(directory);
    await part.stop();
  });

  it('resolves an alias, a version, and champion where nothing is said', async () => {
    await fixture.add('one', 'model.onnx', { version: '1', alias: 'champion' });
    await fixture.add('two', 'model.onnx', { version: '2', alias: 'challenger' });
    expect(await Promise.all(['affine', 'affine@challenger', 'affine@1'].map(resolve))).to.deep.equal([
      '1',
      '2',
      '1',
    ]);
  });

  it('follows an alias that is moved', async () => {
    await fixture.add('one', 'model.onnx', { version: '1', alias: 'champion' });
    await fixture.add('two', 'model.onnx', { version: '2', alias: 'champion' });
    expect(await resolve('affine@champion')).to.equal('2');
  });

  it('says which versions there are where one is not', async () => {
    await fixture.add('one', 'model.onnx', { version: '1', alias: 'champion' });
    await fixture.add('two', 'model.onnx', { version: '2' });
    expect(await failureOf(resolve('affine@9')))
      .to.match(/^NOT_FOUND/)
      .and.include('the versions of affine are 1 = champion, 2');
  });

  it('says which models there are where one is not', async () => {
    expect(await failureOf(resolve('iris'))).to.include('the repository is empty');
    await fixture.add('one', 'model.onnx');
    expect(await failureOf(resolve('iris'))).to.match(/^NOT_FOUND.*the models are affine$/);
  });

  for (const reference of ['../secret', 'a/b', 'affine@../x', 'a@b@c', '', '@1', 'affine@']) {
    it(`refuses the reference "${reference}"`, async () => {
      expect(await failureOf(resolve(reference))).to.match(/^INVALID_ARGUMENT/);
    });
  }

  it('lists versions with their aliases', async () => {
    await fixture.add('one', 'model.onnx', { version: '1', alias: 'champion' });
    await fixture.add('two', 'model.onnx', { version: '2' });
    expect(await fixture.repository.list(callContext())).to.deep.equal([
      { name: 'affine', version: '1', aliases: ['champion'] },
      { name: 'affine', version: '2', aliases: [] },
    ]);
  });

  it('refuses to add a version twice', async () => {
    await fixture.add('one', 'model.onnx');
    expect(await failureOf(fixture.add('two', 'model.onnx'))).to.match(/^ABORTED.*affine 1 already exists/);
  });

  it('lets one of two who add the same version win, whole', async () => {
    const settled = await Promise.allSettled([
      fixture.add('one', 'model.onnx'),
      fixture.add('two', 'model.onnx'),
    ]);
    expect(settled.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
    const content = readFileSync(join(await fetch(), 'model.onnx'), 'utf8');
    expect(content).to.equal(settled[0].status === 'fulfilled' ? 'one' : 'two');
  });

  it('goes on where adding broke off', async () => {
    await fixture.blobs.write('affine/1/model.onnx', text('one'), callContext());
    await fixture.add('one', 'model.onnx');
    expect(existsSync(join(await fetch(), 'model.onnx'))).to.equal(true);
  });

  it('adds nothing that its manifest does not describe', async () => {
    const manifest = manifestOf(text('one'), 'model.onnx');
    const adding = fixture.repository.add(manifest, () => text('eno'), callContext());
    expect(await failureOf(adding)).to.match(/^INVALID_ARGUMENT.*model.onnx has the SHA-256/);
    expect((await fixture.blobs.list('', callContext())).blobs).to.deep.equal([]);
  });

  it('refuses an alias to a version that is not there', async () => {
    await fixture.add('one', 'model.onnx');
    const setting = fixture.repository.setAlias('affine', 'champion', '2', callContext());
    expect(await failureOf(setting)).to.match(/^NOT_FOUND/);
  });

  it('fails with ABORTED where another moves the alias at the same time', async () => {
    await fixture.add('one', 'model.onnx', { version: '1', alias: 'champion' });
    await fixture.add('two', 'model.onnx', { version: '2' });
    const racing: BlobStore = {
      ...fixture.blobs,
      async write(key, content, context, condition) {
        await fixture.blobs.write(key, text('1'), context);
        return fixture.blobs.write(key, content, context, condition);
      },
    };
    const part = await startPart(modelRepository, {}, { uses: { blobs: racing } });
    const setting = part.face(port).setAlias('affine', 'champion', '2', callContext());
    expect(await failureOf(setting)).to.match(/^ABORTED.*affine@champion was changed by another/);
    await part.stop();
  });

  for (const [what, content] of [
    ['other bytes', 'MODEL'],
    ['fewer bytes', 'mode'],
    ['more bytes', 'model and more'],
  ]) {
    it(`fails with DATA_LOSS where a file has ${what}, and keeps nothing`, async () => {
      await fixture.add('model', 'model.onnx');
      await fixture.blobs.write('affine/1/model.onnx', text(content!), callContext());
      expect(await failureOf(fetch())).to.match(/^DATA_LOSS.*model.onnx/);
      expect(readdirSync(fixture.directory).filter((name) => name !== '.vivace')).to.deep.equal([]);
    });
  }

  const good: BundleManifest = manifestOf(text('model'), 'model.onnx');
  const file = good.files[0]!;
  for (const [what, manifest] of [
    ['a path with ..', { ...good, files: [file, { ...file, path: '../evil' }] }],
    ['a path with .. inside', { ...good, files: [file, { ...file, path: 'a/../../evil' }] }],
    ['an absolute path', { ...good, files: [file, { ...file, path: '/etc/evil' }] }],
    ['a path with a backslash', { ...good, files: [file, { ...file, path: '..\\evil' }] }],
    ['an entry outside', { ...good, entry: '../evil' }],
    ['an entry that is no file', { ...good, entry: 'other.onnx' }],
    ['a file that is the manifest', { ...good, files: [file, { ...file, path: 'model.json' }] }],
    ['a path twice', { ...good, files: [file, file] }],
    ['another name', { ...good, name: 'iris' }],
    ['no JSON', '{"format": 1'],
  ] as const) {
    it(`refuses a manifest with ${what}`, async () => {
      await fixture.blobs.write('affine/1/model.onnx', text('model'), callContext());
      await writeManifest(manifest);
      expect(await failureOf(fetch())).to.match(/^DATA_LOSS.*model.json of affine 1/);
      expect(readdirSync(fixture.directory).filter((name) => name !== '.vivace')).to.deep.equal([]);
    });
  }

  for (const [what, manifest] of [
    ['of a later format', { ...good, format: 2, quantized: true }],
    ['with a key that is not known here', { ...good, quantized: true }],
    ['with such a key further inside', { ...good, signature: { ...good.signature, sampled: 1 } }],
  ] as const) {
    it(`says that a manifest ${what} was made by a newer Vivace`, async () => {
      await fixture.blobs.write('affine/1/model.onnx', text('model'), callContext());
      await writeManifest(manifest);
      expect(await failureOf(fetch())).to.match(
        /^FAILED_PRECONDITION.*model.json of affine 1 was made by a newer Vivace: .*; update this server/,
      );
    });
  }

  it('says which slot is empty where it has no workspace', async () => {
    await fixture.add('model', 'model.onnx');
    const part = await startPart(modelRepository, {}, { uses: { blobs: fixture.blobs } });
    const fetching = part.face(port).fetch({ name: 'affine', version: '1' }, callContext());
    expect(await failureOf(fetching)).to.match(/^FAILED_PRECONDITION.*workspace:/);
    await part.stop();
  });
});
