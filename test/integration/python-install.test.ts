import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python } from '../servers/python.js';

const run = promisify(execFile);

describeNeeding([python], 'pip install ./adapters/python/wrapper', function () {
  this.timeout(300_000);
  let folder: string;
  let installed: string;

  /** A new environment that has numpy alone: that of the tests, as nothing is fetched from a network. */
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vivace-install-'));
    await run(pathOf(python), ['-m', 'venv', join(folder, 'venv')]);
    installed = join(folder, 'venv/bin/python');
    const said = async (of: string, program: string): Promise<string> =>
      (await run(of, ['-c', program])).stdout.trim();
    const from = dirname(dirname(await said(pathOf(python), 'import numpy; print(numpy.__file__)')));
    mkdirSync(join(folder, 'numpy'));
    for (const name of readdirSync(from).filter((each) => each.startsWith('numpy')))
      symlinkSync(join(from, name), join(folder, 'numpy', name));
    const site = await said(installed, 'import sysconfig; print(sysconfig.get_path("purelib"))');
    writeFileSync(join(site, 'numpy.pth'), `${join(folder, 'numpy')}\n`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-index', '--disable-pip-version-check'];
    await run(installed, [...pip, resolve('adapters/python/wrapper')], {
      env: { PATH: process.env['PATH'] },
    });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const wrapper = async (...args: readonly string[]): Promise<string> =>
    (
      await run(installed, ['-m', 'vivace_wrapper', ...args], {
        cwd: folder,
        env: { PATH: process.env['PATH'] },
      })
    ).stdout;

  it('needs numpy alone, and says its commands', async () => {
    expect(await wrapper('--help'))
      .to.include('check')
      .and.include('serve');
    const { stdout } = await run(installed, [
      '-m',
      'pip',
      'list',
      '--format=freeze',
      '--disable-pip-version-check',
    ]);
    const names = stdout.split('\n').map((line) => line.split('==')[0]);
    expect(names).to.include('vivace-wrapper').and.include('numpy');
    expect(names).to.not.include('pandas');
  });

  it('checks a predictor', async () => {
    mkdirSync(join(folder, 'model'));
    writeFileSync(
      join(folder, 'model/predictor.py'),
      'class Mine:\n  def predict(self, request): return request["a"] * 2\n',
    );
    writeFileSync(join(folder, 'model/model.yaml'), 'columns:\n  - a\n  - b\n');
    expect(JSON.parse(await wrapper('check', 'model', '--json'))).to.include({ ok: true, predictor: 'Mine' });
  });

  it('leaves nothing behind in the source', () => {
    expect(
      readdirSync('adapters/python/wrapper').filter((name) => /build$|egg-info|\.whl$/.test(name)),
    ).to.deep.equal([]);
  });
});
