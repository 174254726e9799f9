import { expect } from 'chai';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { clock, givenProject } from '../support/command-line.js';

describe('vivace usage', () => {
  const { project, given } = givenProject();

  beforeEach(() => given({ 'vivace.yaml': clock }));

  for (const command of [
    'serve',
    'check',
    'predict',
    'models push',
    'models list',
    'materialize',
    'training-set',
    'schema',
  ]) {
    it(`${command} --help shows an example`, async () => {
      const { code, stdout } = await project.vivace([...command.split(' '), '--help']);
      expect(code).to.equal(0);
      expect(stdout).to.include('Examples:').and.include(`vivace ${command}`);
    });
  }

  it('documents the exit codes', async () => {
    const { code, stdout } = await project.vivace(['--help']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/130 +interrupted/);
  });

  it('proposes the command that was meant, with exit code 2', async () => {
    const { code, stderr } = await project.vivace(['chek']);
    expect(code).to.equal(2);
    expect(stderr).to.include('Did you mean check?');
  });

  it('proposes the option that was meant, with exit code 2', async () => {
    const { code, stderr } = await project.vivace(['check', '--confg', 'x']);
    expect(code).to.equal(2);
    expect(stderr).to.include('Did you mean --config?');
  });

  const withConfiguration = [
    'serve',
    'serve --watch',
    'check',
    'predict clock --json {}',
    'bench clock --rate 1',
    'models list',
    'models push x.mjs --name x',
    'materialize',
    'training-set clock --spine vivace.yaml --out a.csv',
    'schema',
  ];
  for (const command of withConfiguration) {
    it(`${command} says where there is no configuration, or a folder in its place`, async () => {
      await mkdir(join(project.directory, 'folder'));
      const none = await project.vivace([...command.split(' '), '-c', 'none.yaml']);
      expect(none).to.deep.equal({
        code: 1,
        stdout: '',
        stderr: `there is no configuration at ${join(project.directory, 'none.yaml')}; name a file, or write one as docs/getting-started.md shows\n`,
      });
      const folder = await project.vivace([...command.split(' '), '-c', 'folder']);
      expect(folder).to.deep.equal({
        code: 1,
        stdout: '',
        stderr: `the configuration ${join(project.directory, 'folder')} cannot be read: it is a folder, not a file\n`,
      });
    });
  }

  for (const [command, said] of [
    ['predict clock --file none.json', 'none.json cannot be read: there is no such file'],
    ['predict clock --file .', '. cannot be read: it is a folder, not a file'],
    ['predict clock --file vivace.yaml/x', 'vivace.yaml/x cannot be read: what its path names as a folder'],
    ['bench clock --rate 1 --file none.json', 'none.json cannot be read: there is no such file'],
    ['training-set clock --spine none --out a.csv', 'none cannot be read: there is no such file'],
    ['models push a.mjs --name x --signature none', 'none cannot be read: there is no such file'],
  ] as const) {
    it(`vivace ${command} says so in words`, async () => {
      const { code, stderr } = await project.vivace(command.split(' '));
      expect(code).to.equal(1);
      expect(stderr)
        .to.include(said)
        .and.not.match(/ENO|EISDIR/);
    });
  }

  for (const [command, said] of [
    ['serve --port abc', '--port: "abc" is not a port: a whole number from 0 to 65535'],
    ['serve --port 65536', '--port: "65536" is not a port: a whole number from 0 to 65535'],
    ['serve --drain-delay 1s', '--drain-delay: "1s" is not a whole number of milliseconds'],
    ['serve --drain-timeout -1', '--drain-timeout: "-1" is not a whole number of milliseconds'],
    ['check --timeout soon', '--timeout: "soon" is not a number above 0 and at most 3,600'],
    ['check --json --timeout 0', '--timeout: "0" is not a number above 0 and at most 3,600'],
    ['bench clock --rate fast', '--rate: "fast" is not a number above 0 and at most 1,000,000'],
    ['bench clock --rate 1 --seconds 0', '--seconds: "0" is not a number above 0 and at most 86,400'],
    ['bench clock --rate 1 --url here', '--url: "here" is not a URL, such as http://127.0.0.1:8080'],
    ['materialize --until 2001-06-31', '--until: "2001-06-31" is not a time'],
    ['training-set clock --spine a --out b.txt', '--out: the name of the file ends in .parquet or .csv'],
    ['predict clock --json {} --file a', 'give either --json or --file'],
    [
      'models push vivace.yaml --name a --columns a --columns b=c',
      '--columns: write <input>=<columns> for each input',
    ],
    ['schema nope', '"nope" is not something that has a schema: give configuration or spine'],
    ['schema spnie', 'give configuration or spine; did you mean "spine"?'],
  ] as const) {
    it(`vivace ${command} is wrong usage`, async () => {
      const { code, stderr, stdout } = await project.vivace(command.split(' '));
      expect(stderr)
        .to.include(said)
        .and.match(/^error: .*\n\(add --help for what there is\)\n$/);
      expect([code, stdout]).to.deep.equal([2, '']);
    });
  }
});
