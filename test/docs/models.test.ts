import { execFile } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { loadServer, pushModel, withServer } from 'vivace';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python } from '../servers/python.js';
import { removeFolder, writeFiles } from '../support/guide.js';
import { filesOf, readText, root } from '../support/repository.js';

const page = 'docs/models.md';
const never = { signal: new AbortController().signal };

describeNeeding([python], page, function () {
  this.timeout(600_000);
  let folder: string;
  const run = async (...args: readonly string[]): Promise<string> => {
    const env = {
      ...process.env,
      PYTHONPATH: join(root, 'adapters/python/wrapper'),
      PYTHONDONTWRITEBYTECODE: '1',
      OMP_NUM_THREADS: '1',
    };
    return (await promisify(execFile)(pathOf(python), [...args], { cwd: folder, env })).stdout;
  };
  interface Report {
    readonly selfTest: string;
    readonly signature: { readonly outputs: unknown };
  }
  const report = async (model: string): Promise<Report> =>
    JSON.parse(await run('-m', 'vivace_wrapper', 'check', model, '--json')) as Report;

  before(() => {
    folder = writeFiles(page);
    // As in a project that has installed vivace.
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  });
  after(() => removeFolder(folder));

  it('saves a model that `check` describes as the page shows', async () => {
    await run('notebook.py');
    const printed = await run(...filesOf(page).get('check')!.trim().split(' ').slice(1));
    const withoutTimes = (text: string): string => text.replace(/\d+\.\d+ (m?s)|\(\d+ calls\)/g, '…');
    expect(withoutTimes(printed)).to.equal(withoutTimes(filesOf(page).get('check-output')!));
  });

  it('serves it with the configuration that it shows', async () => {
    const override = { py: { use: 'python', interpreter: pathOf(python) }, web: { use: 'memory' } };
    const load = async () => loadServer(join(folder, 'vivace.yaml'), { override });
    await withServer(await load(), (server) =>
      pushModel(server, { file: join(folder, 'iris'), name: 'iris' }, never),
    );
    const shown = /The request `(.*?)` is answered with species (\d)/.exec(readText(page))!;
    await withServer(await load(), async (server) => {
      await server.start();
      const answer = await server.predict('classify', JSON.parse(shown[1]!) as never);
      const { species } = (answer as unknown as { readonly outputs: { readonly species: number } }).outputs;
      expect(String(species)).to.equal(shown[2]);
    });
  });

  for (const [script, model, shape] of [
    ['recipe_lightgbm.py', 'iris-lightgbm', { name: 'probabilities', datatype: 'FP64', shape: [-1, 3] }],
    ['recipe_xgboost.py', 'iris-xgboost', { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] }],
    ['recipe_texts.py', 'rents', { name: 'rent', datatype: 'FP64', shape: [-1] }],
  ] as const)
    it(`runs ${script}`, async () => {
      await run(script);
      const { selfTest, signature } = await report(model);
      expect(selfTest).to.equal('passed');
      expect(signature.outputs).to.deep.equal([shape]);
    });

  it('runs the class of one’s own, and takes the model.yaml that it shows for it', async () => {
    await run('save_own.py');
    const saved = await report('own');
    expect(saved.selfTest).to.equal('passed');
    await run('-c', 'import os, shutil; shutil.copy("model.yaml", "own"); os.remove("own/signature.json")');
    expect((await report('own')).signature.outputs).to.deep.equal(saved.signature.outputs);
  });
});
