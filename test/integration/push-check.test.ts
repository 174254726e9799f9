import { delimiter, dirname, join } from 'node:path';
import { rm, symlink } from 'node:fs/promises';
import { expect } from 'chai';
import { pause } from 'vivace/kit';
import { givenProject } from '../support/command-line.js';
import type { Ran } from '../support/project.js';
import { withEnvironment } from '../support/with-environment.js';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python } from '../servers/python.js';

const predictor = `
import json, words

class P:
    def load(self, model_dir):
        print("loading", words.one)
        with open(f"{model_dir}/weight.json") as file:
            self.weight = json.load(file)

    def predict(self, request):
        return request["request.a"] * self.weight
`;
const described = (score: number): string => `
columns: [request.a, request.b]
outputs: [score]
selfTest: { inputs: { features: [1, 2, 3, 4] }, outputs: { score: [2, ${score}] } }
`;
/** Refuses to be served. */
const raising =
  'class P:\n  def load(self, model_dir): raise ValueError("no weights")\n  def predict(self, request): ...\n';

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describeNeeding([python], 'vivace models push of a model in Python', function () {
  this.timeout(300_000);
  const { project, given } = givenProject();
  beforeEach(() =>
    given({
      'model/predictor.py': predictor,
      'model/words.py': 'one = "one word"',
      'model/weight.json': '2',
      'model/model.yaml': described(6),
      'model/requirements.txt': 'nothing-like-this==1',
    }),
  );
  const configured = (interpreter: string, more = ''): Promise<void> =>
    project.write({
      'vivace.yaml': `
parts:
  blobs:  { use: filesystem, path: bucket }
  models: { use: model-repository, blobs: blobs, workspace: blobs }
  py:     { use: python, interpreter: ${interpreter}${more} }
  score:  { use: model-predictor, model: m, repository: models, runtime: py }
`,
    });
  const push = (...more: string[]): Promise<Ran> =>
    project.vivace(['models', 'push', 'model', '--name', 'm', ...more]);
  /** Runs something with one Python on the PATH, or none. */
  const withPath = async (folder: string, body: () => Promise<void>): Promise<void> =>
    withEnvironment({ PATH: [folder, '/usr/sbin'].join(delimiter) }, body);
  const pushed = async (): Promise<string> => (await project.vivace(['models', 'list'])).stdout;

  it('loads, tests and times it, and shows what it found', async () => {
    await configured(pathOf(python));
    const { code, stdout, stderr } = await push();
    expect([code, stdout]).to.deep.equal([0, 'm 1 (champion)\n']);
    const times = /\d+\.\d+ (m?s)|\d+ calls/g;
    expect(stderr.replace(times, '…').split('\n')).to.deep.equal([
      'm: checking predictor.py',
      'm:   loading one word',
      'm: loaded in …, the self-test passed',
      'm: 1 row: p50 …, p99 … (…)',
      'm: 1,000 rows: p50 …, p99 … (…)',
      'm: warning: requirements.txt: nothing-like-this==1 is not installed',
      '',
    ]);
    const json = await push('--json', '--quiet');
    expect([json.code, json.stderr]).to.deep.equal([0, '']);
    const { check, ...version } = JSON.parse(json.stdout) as { check: { timings: { rows: number }[] } };
    expect(version).to.deep.equal({ name: 'm', version: '2', alias: 'champion' });
    expect(check).to.deep.include({
      passed: true,
      selfTest: 'passed',
      warnings: ['requirements.txt: nothing-like-this==1 is not installed'],
    });
    expect(check.timings.map(({ rows }) => rows)).to.deep.equal([1, 1_000]);
  });

  it('refuses one whose load raises, and shows where', async () => {
    await configured(pathOf(python));
    await project.write({ 'model/predictor.py': raising });
    const { code, stdout, stderr } = await push();
    expect([code, stdout, await pushed()]).to.deep.equal([1, '', '']);
    expect(stderr).to.match(/^m: {5}File ".*predictor\.py", line 2, in load$/m);
    expect(stderr).to.match(
      /\nerror INVALID_ARGUMENT file: predictor\.py failed its check and was not pushed: it does not load: P\.load raised ValueError: no weights; mend it, or push it unchecked with --no-check\n$/,
    );
    expect(stderr.match(/P\.load raised/g)).to.have.length(1);
    expect((await push('--no-check')).code).to.equal(0);
    expect(await pushed()).to.equal('m\t1\tchampion\n');
  });

  it('refuses one that answers its self-test otherwise', async () => {
    await configured(pathOf(python));
    await project.write({ 'model/model.yaml': described(7) });
    const { code, stdout, stderr } = await push('--json');
    const reason = 'the self-test failed: "score"[1] is 6.0, but 7 is expected';
    expect([code, await pushed()]).to.deep.equal([1, '']);
    expect(JSON.parse(stdout)).to.deep.equal({
      name: 'm',
      version: null,
      alias: null,
      check: { passed: false, reason },
    });
    expect(stderr).to.include(`was not pushed: ${reason}; mend it`);
  });

  it('refuses one that needs a file which is not pushed with it', async () => {
    await configured(pathOf(python));
    const files = ['model/predictor.py', 'model/weight.json'];
    const said = ['--columns', 'request.a,request.b', '--outputs', 'score'];
    const { code, stderr } = await project.vivace(['models', 'push', ...files, '--name', 'm', ...said]);
    expect([code, await pushed()]).to.deep.equal([1, '']);
    expect(stderr).to.include("predictor.py does not import: ModuleNotFoundError: No module named 'words'");
  });

  for (const [what, line, ended] of [
    ['ends its process', 'import os; os._exit(3)', 'its process ended with code 3'],
    [
      'is killed',
      'import os, signal; os.kill(os.getpid(), signal.SIGKILL)',
      'its process was ended by SIGKILL',
    ],
  ] as const)
    it(`refuses one that ${what}`, async () => {
      await configured(pathOf(python));
      await project.write({ 'model/predictor.py': line });
      const { code, stderr } = await push();
      expect([code, await pushed()]).to.deep.equal([1, '']);
      expect(stderr).to.include(`failed its check and was not pushed: ${ended}; mend it`);
    });

  it('does not wait for what one has left behind', async () => {
    await configured(pathOf(python));
    const sleeping =
      'import subprocess, sys\nchild = subprocess.Popen(["sleep", "600"])\nprint("pid", child.pid)\n';
    await project.write({ 'model/predictor.py': `${sleeping}${predictor}` });
    const { code, stderr } = await push();
    process.kill(Number(/pid (\d+)/.exec(stderr)![1]), 'SIGKILL');
    expect(code).to.equal(0);
  });

  it('ends with one that spins when it is interrupted', async () => {
    await configured(pathOf(python));
    await project.write({
      'model/predictor.py': 'import os\nprint("pid", os.getpid(), flush=True)\nwhile True: pass\n',
    });
    const interrupt = new AbortController();
    let pid = 0;
    const { code } = await project.vivace(['models', 'push', 'model', '--name', 'm'], {
      signal: interrupt.signal,
      onStderr(text) {
        pid ||= Number(/pid (\d+)/.exec(text)?.[1] ?? 0);
        if (pid !== 0) interrupt.abort();
      },
    });
    expect(code).to.equal(130);
    // It is gone, or about to be.
    while (isRunning(pid)) await pause(10, { ref: true });
  });

  it('refuses what strict requirements refuse', async () => {
    await configured(pathOf(python), ', requirements: strict');
    const { code, stderr } = await push();
    expect(code).to.equal(1);
    expect(stderr).to.include('the environment differs from requirements.txt: nothing-like-this==1');
  });

  it('names --no-check where the interpreter is missing', async () => {
    for (const more of ['', ', socket: /run/vivace/model.sock']) {
      await configured('nowhere/python', more);
      const { code, stdout, stderr } = await push('--json');
      expect([code, stdout]).to.deep.equal([3, '']);
      expect(stderr).to.match(
        /error FAILED_PRECONDITION: .*nowhere\/python does not start: install Python.*; the model cannot be checked here and was not pushed: .* unchecked with --no-check\n$/,
      );
      expect(await pushed()).to.equal('');
    }
    const { code, stdout } = await push('--no-check', '--json');
    expect([code, JSON.parse(stdout)]).to.deep.equal([
      0,
      { name: 'm', version: '1', alias: 'champion', check: null },
    ]);
  });

  it('is checked by the python3 on the PATH where no configuration names an interpreter', async () => {
    await project.write({
      'vivace.yaml':
        'parts:\n  blobs: { use: filesystem, path: bucket }\n  models: { use: model-repository, blobs: blobs, workspace: blobs }\n',
    });
    for (const place of [[], ['--to', './other']])
      await withPath(dirname(pathOf(python)), async () => {
        const { code, stdout } = await push('--json', ...place);
        expect([code, JSON.parse(stdout)]).to.have.nested.property('[1].check.selfTest', 'passed');
      });
  });

  it('says that the python3 on the PATH cannot import numpy', async () => {
    await rm(join(project.directory, 'bin'), { recursive: true, force: true });
    await project.write({ 'bin/README': 'An interpreter without libraries.' });
    await symlink('/bin/false', join(project.directory, 'bin/python3'));
    await withPath(join(project.directory, 'bin'), async () => {
      const { code, stderr } = await push('--to', './other');
      expect(code).to.equal(3);
      expect(stderr).to.match(
        /^error FAILED_PRECONDITION: python: python3 cannot run models: .*numpy.*unchecked with --no-check\n$/m,
      );
      expect((await push('--to', './other', '--no-check')).code).to.equal(0);
    });
  });
});
