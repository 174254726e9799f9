import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStore, modelRepository as port, workspace, type ModelRepository } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
import { fixtures, manifestOf } from '../fixtures/bundles.js';

/** Another server over the same two folders: it fetches a version, and says so; where asked, it serves it. */
const program = `
import { blobStore, modelRepository as port, workspace } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
const [directory, reference, version] = process.argv.slice(1);
const files = await startPart(filesystem, { path: directory + '/bucket' });
const disk = await startPart(filesystem, { path: directory + '/disk' });
const uses = { blobs: files.face(blobStore), workspace: disk.face(workspace) };
const part = await startPart(modelRepository, { keepVersions: 1 }, { uses });
const models = part.face(port);
const bundle = await models.fetch({ name: 'affine', version }, callContext());
if (reference !== '') await models.retain(reference, bundle, callContext());
process.on('SIGTERM', async () => {
  for (const each of [part, disk, files]) await each.stop();
  process.exit(0);
});
process.stdout.write('fetched');
setInterval(() => undefined, 1000);
`;

describe('Two processes that share a workspace', () => {
  let directory: string;
  let repository: ModelRepository;
  const stops: (() => Promise<void>)[] = [];
  const others: ChildProcess[] = [];
  let versions: () => Promise<string[]>;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-shared-'));
    const files = await startPart(filesystem, { path: join(directory, 'bucket') });
    const disk = await startPart(filesystem, { path: join(directory, 'disk') });
    const uses = { blobs: files.face(blobStore), workspace: disk.face(workspace) };
    const part = await startPart(modelRepository, { keepVersions: 1 }, { uses });
    stops.push(
      () => part.stop(),
      () => disk.stop(),
      () => files.stop(),
    );
    repository = part.face(port);
    versions = async () =>
      (await disk.face(workspace).list('affine/', callContext()))
        .map((name) => name.split('/'))
        .filter(({ length }) => length === 3)
        .map(([, version]) => version!);
    const bytes = readFileSync(join(fixtures, 'affine.onnx'));
    for (const version of ['1', '2', '3', '4'])
      await repository.add(manifestOf(bytes, 'affine.onnx', { version }), () => bytes, callContext());
  });
  afterEach(async () => {
    for (const other of others.splice(0)) other.kill('SIGKILL');
    for (const stop of stops.splice(0)) await stop();
    rmSync(directory, { recursive: true });
  });

  const other = async (reference: string, version: string): Promise<ChildProcess> => {
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', program, directory, reference, version],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    others.push(child);
    await once(child.stdout, 'data');
    return child;
  };
  const serve = async (version: string): Promise<void> => {
    const bundle = await repository.fetch({ name: 'affine', version }, callContext());
    await repository.retain!('affine', bundle, callContext());
  };

  for (const [what, reference] of [
    ['serves', 'affine@1'],
    ['has fetched, and is about to load', ''],
  ] as const) {
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      it(`do not remove what the other one ${what}, until that ends by ${signal}`, async () => {
        const child = await other(reference, '1');
        for (const version of ['2', '3']) await serve(version);
        expect(await versions()).to.deep.equal(['1', '3']);
        child.kill(signal);
        await once(child, 'exit');
        await serve('4');
        expect(await versions()).to.deep.equal(['4']);
      });
    }
  }

  it('keep what each of them serves, whichever version their alias means by now', async () => {
    await other('affine', '1');
    await other('affine', '2');
    await serve('3');
    // The alias means 3 by now; the first server has not looked yet, and serves 1 still, as the second one serves 2.
    expect(await versions()).to.deep.equal(['1', '2', '3']);
  });
});
