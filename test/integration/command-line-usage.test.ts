import { expect } from 'chai';
import { clock, givenProject } from '../support/command-line.js';

describe('vivace usage', () => {
  const { project, given } = givenProject();

  beforeEach(() => given({ 'vivace.yaml': clock }));

  for (const command of [
    'serve',
    'check',
    'predict',
    'models add',
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

  it('says where there is no configuration', async () => {
    const { code, stderr } = await project.vivace(['check', '-c', 'other.yaml']);
    expect(code).to.equal(1);
    expect(stderr).to.match(/there is no configuration at .*other\.yaml/);
  });
});
