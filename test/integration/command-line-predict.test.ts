import { expect } from 'chai';
import { clock, givenProject } from '../support/command-line.js';

describe('vivace predict', () => {
  const { project, given } = givenProject();

  beforeEach(() =>
    given({ 'vivace.yaml': clock, 'request.json': '{"request": {"departure": "2001-06-15T13:00:00Z"}}' }),
  );

  it('answers a request of an option', async () => {
    const { code, stdout } = await project.vivace([
      'predict',
      'clock',
      '--json',
      '{"request": {"departure": "2001-06-15T12:00:00Z"}}',
    ]);
    expect(code).to.equal(0);
    expect(JSON.parse(stdout).outputs).to.deep.equal({ hour: 12 });
  });

  it('answers a request of a file', async () => {
    const { stdout } = await project.vivace(['predict', 'clock', '--file', 'request.json']);
    expect(JSON.parse(stdout).outputs).to.deep.equal({ hour: 13 });
  });

  it('answers a request of standard input', async () => {
    const { stdout } = await project.vivace(['predict', 'clock'], {
      stdin: '{"request": {"departure": "2001-06-15T14:00:00Z"}}',
    });
    expect(JSON.parse(stdout).outputs).to.deep.equal({ hour: 14 });
  });

  it('says which field is wrong', async () => {
    const { code, stderr } = await project.vivace([
      'predict',
      'clock',
      '--json',
      '{"request": {"departure": 5}}',
    ]);
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error INVALID_ARGUMENT request\.departure: (?!request)/);
  });

  it('prints every mistake of a request', async () => {
    const request = '{"request": {"departure": 5}, "explian": true}';
    const { stderr } = await project.vivace(['predict', 'clock', '--json', request]);
    expect(stderr).to.match(
      /^error INVALID_ARGUMENT explian: unknown field; did you mean "explain"\?; and 1 more mistake\n {2}request\.departure: 5 is not a timestamp.*\n$/,
    );
  });

  it('refuses text that is not JSON', async () => {
    const { code, stderr } = await project.vivace(['predict', 'clock', '--json', '{']);
    expect(code).to.equal(1);
    expect(stderr).to.include('--json is not valid JSON');
  });

  it('proposes the pipeline that was meant', async () => {
    const { code, stderr } = await project.vivace(['predict', 'clok', '--json', '{}']);
    expect(code).to.equal(1);
    expect(stderr).to.include('did you mean "clock"?');
  });

  it('prints stacks to those who ask', async () => {
    const { stderr } = await project.vivace(['predict', 'clok', '--json', '{}'], {
      env: { VIVACE_DEBUG: '1' },
    });
    expect(stderr).to.match(/^ +at /m);
  });

  it('starts no server', async () => {
    await project.write({
      'vivace.yaml': clock.replace(
        'parts:',
        'parts:\n  web: { use: express, host: 192.0.2.1 }\n  api: { use: rest, server: web }',
      ),
    });
    expect((await project.vivace(['predict', 'clock', '--file', 'request.json'])).code).to.equal(0);
  });
});
