import { expect } from 'chai';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { blobStore, modelRepository as port, workspace } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
import { fixtures, manifestOf } from '../fixtures/bundles.js';
import { givenProject } from '../support/command-line.js';
import { killedAtEachOperation } from '../support/killed.js';
import { root } from '../support/repository.js';

const main = join(root, 'dist/adapters/command-line/main.js');
const configuration = `
parts:
  files:  { use: filesystem, path: ./bucket }
  disk:   { use: filesystem, path: ./disk }
  models: { use: model-repository, blobs: files, workspace: disk }
  onnx:   { use: onnxruntime }
pipelines: {}
`;

describe('a process that is killed at any operation on a file', function () {
  this.timeout(300_000);
  const { project, given } = givenProject();
  const inProject = (...path: string[]): string => join(project.directory, ...path);
  /** A folder as it was before the runs. */
  const reset = (folder: string): void => {
    rmSync(inProject(folder), { recursive: true, force: true });
    if (existsSync(inProject(`${folder}.before`)))
      cpSync(inProject(`${folder}.before`), inProject(folder), { recursive: true, verbatimSymlinks: true });
    else mkdirSync(inProject(folder));
  };

  beforeEach(async () => {
    await given({ 'vivace.yaml': configuration });
    const files = await startPart(filesystem, { path: inProject('bucket') });
    const models = await startPart(modelRepository, {}, { uses: { blobs: files.face(blobStore) } });
    for (const version of ['1', '2']) {
      const bytes = readFileSync(join(fixtures, 'affine.onnx'));
      await models.face(port).add(manifestOf(bytes, 'affine.onnx', { version }), () => bytes, callContext());
    }
    await models.face(port).setAlias('affine', 'champion', '1', callContext());
    await models.stop();
    await files.stop();
    cpSync(inProject('bucket'), inProject('bucket.before'), { recursive: true, verbatimSymlinks: true });
  });

  /** Locks that nobody released, below a folder. */
  const heldLocks = (folder: string): string[] => {
    const locks = inProject(folder, '.vivace/locks');
    if (!existsSync(locks)) return [];
    return readdirSync(locks, { recursive: true, encoding: 'utf8' })
      .map((name) => join(locks, name))
      .filter((path) => !lstatSync(path).isDirectory() && !path.endsWith('.free'))
      .map((path) => (lstatSync(path).isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'utf8')));
  };
  const temporary = (folder: string): string[] => {
    const path = inProject(folder, '.vivace/temporary');
    return existsSync(path) ? readdirSync(path) : [];
  };

  it('while it moves an alias: it is the old or the new one, and the next process can move it', async () => {
    const seen: string[] = [];
    const kills = await killedAtEachOperation([main, 'models', 'promote', 'affine@2'], {
      directory: project.directory,
      under: inProject('bucket'),
      before: () => reset('bucket'),
      async after(_at, pid) {
        const { history } = JSON.parse(readFileSync(inProject('bucket/affine/aliases/champion'), 'utf8')) as {
          history: { version: string }[];
        };
        seen.push(history.map(({ version }) => version).join());
        // Whoever comes next knows that the owner of what is left is dead, and waits for nothing.
        for (const owner of heldLocks('bucket')) expect(owner).to.include(`-${pid}-`);
        // A promotion to what the alias has already writes nothing: one of these two does.
        await project.vivace(['models', 'promote', 'affine@1']);
        const { code, stdout } = await project.vivace(['models', 'promote', 'affine@2']);
        expect([code, stdout.split(' (')[0]]).to.deep.equal([0, 'affine 2']);
        expect(heldLocks('bucket')).to.deep.equal([]);
        expect(temporary('bucket')).to.deep.equal([]);
      },
    });
    expect(kills).to.be.greaterThan(8);
    expect(seen).to.have.length(kills);
    expect([...new Set(seen)]).to.deep.equal(['1', '2,1']);
  });

  it('while it fetches a model: no half copy is found, and the next process fetches it', async () => {
    const program = `
      import { blobStore, modelRepository as port, workspace } from 'vivace';
      import { filesystem } from 'vivace/adapters/filesystem';
      import { modelRepository } from 'vivace/plugins/model-repository';
      import { callContext, startPart } from 'vivace/testing';
      const files = await startPart(filesystem, { path: process.argv[1] + '/bucket' });
      const disk = await startPart(filesystem, { path: process.argv[1] + '/disk' });
      const uses = { blobs: files.face(blobStore), workspace: disk.face(workspace) };
      const models = (await startPart(modelRepository, {}, { uses })).face(port);
      const bundle = await models.fetch({ name: 'affine', version: '1' }, callContext());
      await models.retain('affine', bundle, callContext());
      process.exit(0);`;
    const kills = await killedAtEachOperation(['--input-type=module', '-e', program, project.directory], {
      directory: project.directory,
      under: inProject('disk'),
      stride: 2,
      before: () => reset('disk'),
      async after() {
        const files = await startPart(filesystem, { path: inProject('bucket') });
        const disk = await startPart(filesystem, { path: inProject('disk') });
        const space = disk.face(workspace);
        const models = await startPart(
          modelRepository,
          {},
          { uses: { blobs: files.face(blobStore), workspace: space } },
        );
        expect(temporary('disk')).to.deep.equal([]);
        const whole = readFileSync(join(fixtures, 'affine.onnx'));
        for (const name of await space.list('affine/', callContext())) {
          if (name.includes('/aliases/')) continue;
          const directory = (await space.find(name, callContext()))!;
          expect(readFileSync(join(directory, 'affine.onnx')).equals(whole)).to.equal(true);
        }
        const bundle = await models.face(port).fetch({ name: 'affine', version: '1' }, callContext());
        expect(readFileSync(join(bundle.directory, 'affine.onnx')).equals(whole)).to.equal(true);
        await models.face(port).retain!('affine', bundle, callContext());
        expect((await models.face(port).lastKnown!('affine', callContext()))?.directory).to.equal(
          bundle.directory,
        );
        for (const part of [models, disk, files]) await part.stop();
        expect(temporary('disk')).to.deep.equal([]);
        expect(heldLocks('disk')).to.deep.equal([]);
      },
    });
    expect(kills).to.be.greaterThan(10);
  });
});
