import { expect } from 'chai';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { givenProject } from '../support/command-line.js';

/** A place without a configuration. */
const place = './bucket';

describe('vivace models over a place without a configuration', () => {
  const { project, given } = givenProject();

  beforeEach(() =>
    given({
      'model/predictor.py': 'class P:\n  def predict(self, request): ...\n',
      'model/model.yaml': 'columns: [request.a, request.b]\noutputs: [label:INT64]\n',
      'model/weights.bin': 'weights',
    }),
  );
  const vivace = async (...argv: string[]): Promise<string> => {
    const { code, stdout, stderr } = await project.vivace(['models', ...argv]);
    expect([code, stderr]).to.deep.equal([0, '']);
    return stdout;
  };
  const json = async (...argv: string[]): Promise<unknown> => JSON.parse(await vivace(...argv, '--json'));
  const push = (...more: string[]): Promise<string> =>
    vivace('push', 'model', '--no-check', '--name', 'm', '--to', place, ...more);

  it('pushes a folder, lists it and shows it', async () => {
    expect(await push('--note', 'first')).to.equal('m 1 (champion)\n');
    expect(
      await json('push', 'model', '--no-check', '--name', 'm', '--to', place, '--no-alias'),
    ).to.deep.equal({
      name: 'm',
      version: '2',
      alias: null,
      check: null,
    });
    expect(await vivace('list', '--from', place)).to.equal('m\t1\tchampion\nm\t2\n');
    expect(await json('list', 'm', '--from', place)).to.have.length(2);
    const shown = await vivace('show', 'm', '--from', place);
    for (const line of [
      /^model +m 1 \(champion\)$/m,
      /^runtime +python, which loads predictor\.py$/m,
      /^pushed +\d{4}-.* by \S+@\S+$/m,
      /^input +features FP32 \[N, 2\] of request\.a, request\.b$/m,
      /^output +label INT64 \[N\]$/m,
      /^file +weights\.bin, 7 B$/m,
      /^champion +1, push at \d{4}-.* by \S+: first$/m,
    ])
      expect(shown).to.match(line);
    expect(await json('show', 'm@1', '--from', place)).to.have.nested.property('manifest.runtime', 'python');
  });

  it('promotes, and rolls back', async () => {
    for (let i = 0; i < 3; i++) await push('--no-alias');
    const promote = (...more: string[]) => vivace('promote', '--from', place, ...more);
    expect(await promote('m@1')).to.equal('m 1 (champion)\n');
    expect(await promote('m@3', '--note', 'better')).to.equal('m 3 (champion, before 1)\n');
    expect(await promote('m@2', '--alias', 'challenger')).to.equal('m 2 (challenger)\n');
    expect(await json('promote', 'm@challenger', '--from', place)).to.deep.equal({
      name: 'm',
      version: '2',
      alias: 'champion',
      before: '3',
    });
    expect(await vivace('rollback', 'm', '--from', place)).to.equal('m 3 (champion, before 2)\n');
    expect(await json('rollback', 'm@champion', '--from', place)).to.include({ version: '1', before: '3' });
    const last = await project.vivace(['models', 'rollback', 'm', '--from', place]);
    expect([last.code, last.stdout]).to.deep.equal([3, '']);
    expect(last.stderr).to.match(/^error FAILED_PRECONDITION: .*no earlier version/);
  });

  it('refuses what servers would refuse, unless told to', async () => {
    await push();
    const file = ['push', 'model/predictor.py', '--no-check'];
    const other = [...file, '--name', 'm', '--columns', 'request.a', '--to', place];
    const refused = await project.vivace(['models', ...other]);
    expect(refused.code).to.equal(3);
    expect(refused.stderr).to.match(
      /^error FAILED_PRECONDITION: m cannot take the place of 1 .*--incompatible\n$/,
    );
    await vivace(...other, '--no-alias');
    const promoting = await project.vivace(['models', 'promote', 'm@2', '--from', place]);
    expect([promoting.code, promoting.stdout]).to.deep.equal([3, '']);
    expect(await vivace('promote', 'm@2', '--incompatible', '--from', place)).to.include('before 1');
  });

  it('pulls to a folder that serves as a repository', async () => {
    await push();
    expect(await vivace('pull', 'm', '--from', place, '--to', 'pod')).to.equal('m 1 (champion)\n');
    expect(await json('pull', 'm@1', '--from', place, '--to', 'pod')).to.deep.equal({
      name: 'm',
      version: '1',
      alias: null,
      to: 'pod',
    });
    expect(await vivace('list', '--from', 'pod')).to.equal('m\t1\tchampion\n');
    expect(await readFile(join(project.directory, 'pod/m/1/weights.bin'), 'utf8')).to.equal('weights');
  });

  it('says what differs', async () => {
    await push();
    await writeFile(join(project.directory, 'model/weights.bin'), 'others');
    await push('--no-alias');
    const { stdout, stderr } = await project.vivace(['models', 'diff', 'm', 'm@2', '--from', place]);
    expect(stdout).to.match(
      /^files\.weights\.bin: 7 B, SHA-256 [0-9a-f]{12}… -> 6 B, SHA-256 [0-9a-f]{12}…\n$/,
    );
    expect(stderr).to.equal('m 2 can take the place of 1 while servers run\n');
    expect(await json('diff', 'm', 'm@2', '--from', place)).to.have.property('incompatible', null);
    const same = await project.vivace(['models', 'diff', 'm', 'm@1', '--from', place]);
    expect(same).to.deep.equal({ code: 0, stdout: '', stderr: 'no difference\n' });
  });

  it('verifies, and fails where something is damaged', async () => {
    await push();
    const verify = (...more: string[]) => project.vivace(['models', 'verify', '--from', place, ...more]);
    expect(await verify()).to.deep.equal({
      code: 0,
      stdout: '',
      stderr: '1 versions, 3 files (105 B), 1 aliases, 0 findings\n',
    });
    await writeFile(join(project.directory, 'bucket/m/1/weights.bin'), 'weightz');
    const damaged = await verify('m');
    expect(damaged.code).to.equal(3);
    expect(damaged.stdout).to.match(/^damaged\tm\t1\tm\/1\/weights\.bin has the SHA-256/);
    await rm(join(project.directory, 'bucket/m/1/model.json'));
    const { code, stdout } = await verify('--json');
    expect(code).to.equal(3);
    expect(JSON.parse(stdout)).to.have.nested.property('findings[1].kind', 'dangling');
  });

  it('collects', async () => {
    for (let i = 0; i < 4; i++) await push(...(i === 0 ? [] : ['--no-alias']));
    const gc = (...more: string[]) =>
      project.vivace(['models', 'gc', '--from', place, '--keep', '1', ...more]);
    expect((await gc()).stderr).to.equal('0 versions, 0 B removed\n');
    const old = ['--older-than', '0d', '--protect', 'm@2'];
    const would = await gc(...old, '--dry-run');
    expect([would.code, would.stdout]).to.deep.equal([0, would.stdout]);
    expect(would.stdout).to.match(/^m\t3\t.* KiB\n$/);
    expect(would.stderr).to.match(/^1 versions, .* would be removed\n$/);
    expect(JSON.parse((await gc('m', ...old, '--json')).stdout)).to.have.nested.property('[0].version', '3');
    expect(await vivace('list', '--from', place)).to.equal('m\t1\tchampion\nm\t2\nm\t4\n');
  });

  for (const [argv, said] of [
    ['list --from bucket --config vivace.yaml', 'give either --from or --config'],
    ['list --from bucket --repository models', 'give either --from or --repository'],
    [
      'gc --from bucket --older-than 30',
      '--older-than: "30" is not a duration: write minutes, hours or days',
    ],
    ['gc --from bucket --keep none', '--keep: "none" is not a number above 0'],
    ['gc --from bucket --keep 1.5', '--keep: "1.5" is not a whole number'],
  ] as const)
    it(`models ${argv} is wrong usage`, async () => {
      const { code, stderr } = await project.vivace(['models', ...argv.split(' ')]);
      expect(code).to.equal(2);
      expect(stderr).to.include(said);
    });

  it('names the option of a place that is none', async () => {
    for (const [argv, option] of [
      [['list', '--from', 'ftp://x/y'], '--from'],
      [['push', 'model', '--name', 'm', '--to', 'ftp://x/y'], '--to'],
    ] as const) {
      const { code, stderr } = await project.vivace(['models', ...argv]);
      expect(code).to.equal(1);
      expect(stderr).to.match(new RegExp(`^error INVALID_ARGUMENT ${option}: "ftp:`));
    }
  });
});
