import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clock, givenProject, sales, salesCsv } from '../support/command-line.js';
import type { Ran } from '../support/project.js';
import { readText } from '../support/repository.js';

const noon = '{"request": {"departure": "2001-06-15T12:00:00Z"}}';

describe('What vivace prints', () => {
  const { project, given } = givenProject();

  it('is its version with --version', async () => {
    await given({});
    const { version } = JSON.parse(readText('package.json')) as { version: string };
    expect(await project.vivace(['--version'])).to.deep.include({ code: 0, stdout: `${version}\n` });
  });

  it('is of the configuration that --config names before the command; the one after it counts more', async () => {
    await given({ 'a.yaml': clock, 'b.yaml': clock.replaceAll('clock', 'watch') });
    const { stdout } = await project.vivace(['-c', 'a.yaml', 'check']);
    expect(stdout).to.include('clock');
    const both = await project.vivace(['--config', 'a.yaml', 'check', '--config', 'b.yaml']);
    expect(both.stdout).to.include('watch').and.not.include('clock');
  });

  it('is no progress with --quiet, before or after the command, and its result all the same', async () => {
    await given({ 'vivace.yaml': sales, 'sales.csv': salesCsv });
    for (const argv of [
      ['--quiet', 'materialize', '--json'],
      ['materialize', '-q', '--json', '--full'],
    ]) {
      const { code, stdout, stderr } = await project.vivace(argv);
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(JSON.parse(stdout)[0]).to.include({ view: 'shop_sales', rows: 2 });
    }
  });

  it('still names mistakes with --quiet', async () => {
    await given({ 'vivace.yaml': 'parts: []\n' });
    const { code, stderr } = await project.vivace(['-q', 'check']);
    expect([code, stderr]).to.deep.equal([1, 'vivace.yaml:1 parts: an empty list is not a block of keys\n']);
  });

  it('is that it waits for the warehouse, before the rows come', async () => {
    await given({ 'vivace.yaml': sales, 'sales.csv': salesCsv });
    const { stderr } = await project.vivace(['materialize']);
    expect(stderr).to.match(/^shop_sales: waiting for the warehouse\nshop_sales: 2 rows, 2 changed in /);
  });

  describe('as JSON', () => {
    it('is every mistake with file, line, path, message and severity', async () => {
      await given({
        'vivace.yaml': clock.replace('use: calendar', 'use: calender').replace('hour }', 'hours }'),
      });
      const { code, stdout } = await project.vivace(['check', '--json']);
      const { ok, findings } = JSON.parse(stdout);
      expect([code, ok]).to.deep.equal([1, false]);
      expect(findings).to.have.length(1);
      expect(findings[0]).to.deep.include({
        file: 'vivace.yaml',
        line: 3,
        path: 'parts.calendar.use',
        severity: 'error',
      });
      expect(findings[0].message).to.include('did you mean "calendar"?');
    });

    it('is an empty list where there is no mistake', async () => {
      await given({ 'vivace.yaml': clock });
      const { code, stdout } = await project.vivace(['check', '--json']);
      expect([code, JSON.parse(stdout)]).to.deep.equal([0, { ok: true, findings: [] }]);
    });

    it('is a syntax error of YAML, too', async () => {
      await given({ 'vivace.yaml': 'parts:\n\ta: 1\n' });
      const { code, stdout } = await project.vivace(['check', '--json']);
      expect(code).to.equal(1);
      expect(JSON.parse(stdout).findings[0]).to.include({ line: 2, path: '' });
    });

    it('has the backends with --connect, and exit code 3 where one fails', async () => {
      await given({
        'vivace.yaml': 'parts: { gone: { use: lmdb, path: gone, readOnly: true }, ram: { use: memory } }',
      });
      const { code, stdout } = await project.vivace(['check', '--json', '--connect']);
      expect(code).to.equal(3);
      const { backends } = JSON.parse(stdout) as { backends: { part: string; ok: boolean; code?: string }[] };
      expect(backends.map(({ part, ok, code: why }) => [part, ok, why])).to.deep.equal([
        ['gone', false, 'FAILED_PRECONDITION'],
        ['ram', true, undefined],
      ]);
    });

    it('is the bytes of each view with --dry-run, null where nothing is billed', async () => {
      await given({ 'vivace.yaml': sales, 'sales.csv': salesCsv });
      const { stdout } = await project.vivace(['materialize', '--dry-run', '--json']);
      expect(JSON.parse(stdout)).to.deep.equal([{ view: 'shop_sales', bytes: null }]);
    });

    it('is the manifest of a training set', async () => {
      await given({
        'vivace.yaml': sales,
        'sales.csv': salesCsv,
        'spine.yaml': 'table: visits.csv\ntime: at\n',
        'visits.csv': 'shop,at\nn,2001-06-15 00:00:00\n',
      });
      const argv = ['training-set', 'sales', '--spine', 'spine.yaml', '--out', 'train.csv', '--json'];
      const { stdout } = await project.vivace(argv);
      const file = await readFile(join(project.directory, 'train.csv.manifest.json'), 'utf8');
      expect(JSON.parse(stdout)).to.deep.equal(JSON.parse(file));
    });

    it('names a model that the repository does not have', async () => {
      await given({
        'vivace.yaml':
          'parts:\n  files: { use: filesystem, path: ./data }\n  models: { use: model-repository, blobs: files, workspace: files }\n',
      });
      const { code, stdout, stderr } = await project.vivace(['models', 'list', 'iris']);
      expect({ code, stdout, stderr }).to.deep.equal({
        code: 0,
        stdout: '',
        stderr: 'there is no model "iris"\n',
      });
    });

    it('is the models of a repository, also where there are none', async () => {
      await given({
        'vivace.yaml':
          'parts:\n  files: { use: filesystem, path: ./data }\n  models: { use: model-repository, blobs: files, workspace: files }\n',
      });
      expect(await project.vivace(['models', 'list', '--json'])).to.deep.include({ code: 0, stdout: '[]\n' });
    });
  });

  describe('when vivace predict reads standard input', () => {
    beforeEach(() => given({ 'vivace.yaml': clock }));

    it('is that it does so, on a terminal', async () => {
      const { stdout, stderr } = await project.vivace(['predict', 'clock'], { stdin: noon, stdinTTY: true });
      expect(stderr).to.equal(
        'reading the request from standard input: end it with Ctrl-D, or give --json or --file\n',
      );
      expect(JSON.parse(stdout).outputs).to.deep.equal({ hour: 12 });
    });

    it('is nothing more where it is a pipe', async () => {
      expect((await project.vivace(['predict', 'clock'], { stdin: noon })).stderr).to.equal('');
    });

    it('is that it was interrupted, although the input does not end', async () => {
      const controller = new AbortController();
      const endless = (async function* () {
        controller.abort();
        yield await new Promise<string>(() => undefined);
      })();
      const { code, stderr } = await project.vivace(['predict', 'clock'], {
        stdin: endless,
        signal: controller.signal,
      });
      expect([code, stderr]).to.deep.equal([130, 'interrupted\n']);
    });
  });

  describe('at its end', () => {
    const ends: readonly (readonly [code: number, what: string, run: () => Promise<Ran>])[] = [
      [0, 'what was asked for is done', () => project.vivace(['check'])],
      [1, 'the configuration has a mistake', () => project.vivace(['check', '-c', 'none.yaml'])],
      [1, 'the input has a mistake', () => project.vivace(['predict', 'clock', '--json', '{}'])],
      [2, 'an option has a value that it cannot have', () => project.vivace(['serve', '--port', 'x'])],
      [2, 'there is no such command', () => project.vivace(['serv'])],
      [2, 'there is no such option', () => project.vivace(['check', '--conect'])],
      [2, 'an argument is missing', () => project.vivace(['predict'])],
      [3, 'something failed while running', () => project.vivace(['check', '-c', 'gone.yaml', '--connect'])],
      [
        130,
        'it was interrupted',
        () => project.vivace(['predict', 'clock'], { signal: AbortSignal.abort(), stdin: noon }),
      ],
    ];
    for (const [code, what, run] of ends) {
      it(`is exit code ${code} where ${what}`, async () => {
        await given({
          'vivace.yaml': clock,
          'gone.yaml': 'parts: { gone: { use: lmdb, path: gone, readOnly: true } }',
        });
        expect((await run()).code).to.equal(code);
      });
    }
  });
});
