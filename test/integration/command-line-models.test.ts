import { expect } from 'chai';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { givenProject, lookOnly, models, repository, scoring } from '../support/command-line.js';
import { root } from '../support/repository.js';

describe('vivace models', () => {
  const { project, given } = givenProject();

  beforeEach(async () => {
    await given({ 'vivace.yaml': models, 'repository.mjs': repository, 'look-only.mjs': lookOnly });
    await copyFile(join(root, 'test/fixtures/affine.onnx'), join(project.directory, 'affine.onnx'));
    await copyFile(join(root, 'test/fixtures/zipmap.onnx'), join(project.directory, 'zipmap.onnx'));
  });
  const stored = async () =>
    JSON.parse(await readFile(join(project.directory, 'models.json'), 'utf8')) as {
      versions: Record<string, unknown>[];
      aliases: unknown;
    };
  const add = (...more: string[]) =>
    project.vivace(['models', 'push', 'affine.onnx', '--name', 'affine', ...more]);

  it('writes a bundle with what the file says, and the alias', async () => {
    const { code, stdout, stderr } = await add('--columns', 'request.a,request.b');
    expect(stderr).to.equal('no predictor of the configuration uses a model "affine"\n');
    expect(code).to.equal(0);
    expect(stdout).to.equal('affine 1 (champion)\n');
    const { versions, aliases } = await stored();
    expect(versions[0]).to.deep.include({
      name: 'affine',
      version: '1',
      runtime: 'onnx',
      entry: 'affine.onnx',
    });
    expect(
      (versions[0]!['signature'] as { inputs: { columns: string[] }[] }).inputs[0]!.columns,
    ).to.deep.equal(['request.a', 'request.b']);
    expect(aliases).to.deep.equal({ 'affine@champion': '1' });
  });

  it('takes the next whole number as the version, and lists', async () => {
    await add();
    expect((await add()).stdout).to.equal('affine 2 (champion)\n');
    expect((await project.vivace(['models', 'list'])).stdout).to.equal('affine\t1\naffine\t2\tchampion\n');
  });

  it('moves an alias forth and back, and says where it pointed', async () => {
    const alias = (to: string, version: string, ...more: string[]) =>
      project.vivace(['models', 'promote', `affine@${version}`, '--alias', to, ...more]);
    await add();
    await add();
    expect((await alias('champion', '1')).stdout).to.equal('affine 1 (champion, before 2)\n');
    expect((await stored()).aliases).to.deep.equal({ 'affine@champion': '1' });
    expect((await alias('challenger', '2')).stdout).to.equal('affine 2 (challenger)\n');
    expect((await alias('champion', '1')).stdout).to.equal('affine 1 (champion)\n');
    const { stdout } = await alias('night', '2', '--json');
    expect(JSON.parse(stdout)).to.deep.equal({ name: 'affine', version: '2', alias: 'night', before: null });
    const bad = await alias('bad alias', '1');
    expect([bad.code, bad.stdout]).to.deep.equal([1, '']);
    expect(bad.stderr).to.match(/alias: "bad alias" cannot be a name/);
  });

  it('refuses a version that exists', async () => {
    await add('--version', '7');
    const { code, stderr } = await add('--version', '7');
    expect(code).to.equal(1);
    expect(stderr).to.include('affine 7 already exists');
  });

  it('checks the number of columns against the tensor', async () => {
    const { code, stderr } = await add('--columns', 'a,b,c');
    expect(code).to.equal(1);
    expect(stderr).to.match(/3 columns for the input .* \[N, 2\], but each of its rows takes 2/);
  });

  it('takes columns by the name of the input, and wants it for each of several', async () => {
    const affine = JSON.stringify({
      inputs: ['p', 'q'].map((name) => ({ name, datatype: 'FP32', shape: [-1, 1] })),
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    });
    await project.write({ 'two.json': affine });
    const two = ['--signature', 'two.json', '--columns'];
    expect((await add(...two, 'p=request.a', '--columns', 'q = request.b')).stderr).to.include(
      '--columns: the model has no input "q "; it has p, q',
    );
    expect((await add(...two, 'p=request.a', '--columns', 'request.b')).stderr).to.include(
      '--columns: write <input>=<columns> for each input',
    );
    expect(await add(...two, 'p=request.a', '--columns', 'q=request.b')).to.include({ code: 0 });
  });

  for (const [what, file, text, said] of [
    ['an empty model', 'none.onnx', '', 'none.onnx is empty: it was not written to its end'],
    ['an empty script', 'none.mjs', '', 'none.mjs is empty: it was not written to its end'],
    ['a pointer of Git LFS', 'far.onnx', 'version https://git-lfs.github.com/spec/v1\n', '`git lfs pull`'],
    ['a text', 'text.onnx', 'hello', 'text.onnx: onnx: the file is not an ONNX model'],
    [
      'a model without a graph',
      'bare.onnx',
      '\b\u0007',
      'bare.onnx is not a model that ONNX Runtime can load: ModelProto does not have a graph.\n',
    ],
  ] as const) {
    it(`says in words what is wrong with ${what}`, async () => {
      await project.write({ [file]: text, 'affine.json': '{"inputs": [], "outputs": []}' });
      for (const signature of file.endsWith('.mjs') ? [['--signature', 'affine.json']] : [[]]) {
        const { code, stderr } = await project.vivace(['models', 'push', file, '--name', 'a', ...signature]);
        expect(code).to.equal(1);
        expect(stderr)
          .to.match(/^error INVALID_ARGUMENT file: .*\n$/)
          .and.include(said);
      }
    });
  }

  it('says in words what is wrong with a model that is cut off', async () => {
    const whole = await readFile(join(project.directory, 'affine.onnx'));
    await writeFile(join(project.directory, 'half.onnx'), whole.subarray(0, whole.length / 2));
    const { code, stderr } = await project.vivace(['models', 'push', 'half.onnx', '--name', 'a']);
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^error INVALID_ARGUMENT file: half\.onnx: .* it was not written or copied whole\n$/,
    );
  });

  it('says in words that there is no such model, or none in a folder', async () => {
    await mkdir(join(project.directory, 'folder.onnx'));
    for (const [file, said] of [
      ['none.onnx', `${join(project.directory, 'none.onnx')} cannot be read: there is no such file`],
      [
        'folder.onnx',
        `no file in ${join(project.directory, 'folder.onnx')} tells which runtime hosts the model: write "runtime" and "entry" into a model.yaml there`,
      ],
    ] as const)
      expect(await project.vivace(['models', 'push', file, '--name', 'a'])).to.deep.include({
        code: 1,
        stderr: `error INVALID_ARGUMENT file: ${said}\n`,
      });
  });

  it('says that a file of JSON is empty', async () => {
    await project.write({ 'none.json': '\n' });
    const { code, stderr } = await add('--info', 'none.json');
    expect([code, stderr]).to.deep.equal([1, 'error INVALID_ARGUMENT: none.json is empty: write JSON\n']);
  });

  it('names the option whose file has a mistake', async () => {
    await project.write({ 'set.json': '{"features": {}}' });
    const { code, stderr } = await add('--training-set', 'set.json');
    expect([code, stderr]).to.deep.equal([
      1,
      'error INVALID_ARGUMENT --training-set.id: is missing: a text\n',
    ]);
  });

  it('checks columns against the pipelines that will use the model', async () => {
    await project.write({ 'vivace.yaml': scoring });
    const { code, stderr } = await add('--columns', 'request.a,request.x');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error INVALID_ARGUMENT --columns: .*request\.x.*\(pipeline "score"\)/);
  });

  it('keeps the training set and notes', async () => {
    await project.write({
      'set.json': '{"id": "abc", "features": {"v": {"hash": "aaaaaaaaaa", "contract": "cccccccccc"}}}',
      'info.json': '{"rmse": 1.5}',
    });
    await add('--training-set', 'set.json', '--info', 'info.json');
    expect((await stored()).versions[0]).to.deep.include({
      featuresLock: { v: { hash: 'aaaaaaaaaa', contract: 'cccccccccc' } },
      info: { rmse: 1.5, trainingSet: 'abc' },
    });
  });

  it('refuses an output that is no tensor, and says how to export', async () => {
    const { code, stderr } = await project.vivace(['models', 'push', 'zipmap.onnx', '--name', 'zipmap']);
    expect(code).to.equal(1);
    expect(stderr).to.include("options={id(clf): {'zipmap': False}}");
  });

  it('wants the signature of a JavaScript model', async () => {
    await project.write({ 'model.mjs': 'export const predict = (inputs) => inputs;\n' });
    const { code, stderr } = await project.vivace(['models', 'push', 'model.mjs', '--name', 'm']);
    expect(code).to.equal(1);
    expect(stderr).to.include('--signature');
  });

  it('adds a JavaScript model with its signature', async () => {
    const signature = {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
      over: 'request',
    };
    await project.write({
      'model.mjs': 'export const predict = (inputs) => inputs;\n',
      'signature.json': JSON.stringify(signature),
    });
    const { code } = await project.vivace([
      'models',
      'push',
      'model.mjs',
      '--name',
      'm',
      '--signature',
      'signature.json',
      '--no-alias',
    ]);
    expect(code).to.equal(0);
    expect(await stored()).to.deep.include({ aliases: {} });
    expect((await stored()).versions[0]).to.deep.include({ runtime: 'javascript', signature });
  });

  it('names the option of a column that a pipeline has not', async () => {
    await project.write({ 'vivace.yaml': scoring });
    const { code, stderr } = await add('--columns', 'request.a,request.bb');
    expect([code, stderr]).to.deep.equal([
      1,
      'error INVALID_ARGUMENT --columns: there is no column "request.bb" at this step; did you mean "request.b"? (pipeline "score")\n',
    ]);
  });

  it('proposes the model that a predictor uses where none uses the one that is added', async () => {
    await project.write({ 'vivace.yaml': scoring });
    const { code, stdout, stderr } = await project.vivace([
      'models',
      'push',
      'affine.onnx',
      '--name',
      'afine',
      '--columns',
      'request.a,request.b',
      '--json',
    ]);
    expect([code, stderr]).to.deep.equal([
      0,
      'no predictor of the configuration uses a model "afine"; did you mean "affine"?\n',
    ]);
    expect(JSON.parse(stdout)).to.deep.equal({ name: 'afine', version: '1', alias: 'champion', check: null });
  });

  it('lets check draw the plan with the signature', async () => {
    await add('--columns', 'request.a,request.b');
    await project.write({ 'vivace.yaml': scoring });
    const { code, stdout } = await project.vivace(['check']);
    expect(code).to.equal(0);
    expect(stdout).to.include('reads request.a, request.b').and.not.include('not checked');
  });
});
