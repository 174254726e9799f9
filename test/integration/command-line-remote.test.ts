import { expect } from 'chai';
import { givenProject } from '../support/command-line.js';
import { affineMetadata, ScriptedInference } from '../support/scripted-inference.js';

describe('vivace models push --remote', () => {
  const { project, given } = givenProject();
  let remote: ScriptedInference;
  before(async () => (remote = await ScriptedInference.start()));
  after(() => remote.stop());
  const configured = (): Promise<unknown> =>
    given({
      'vivace.yaml': `
parts:
  disk:   { use: filesystem, path: ./models }
  models: { use: model-repository, blobs: disk, workspace: disk }
  scores: { use: remote-model, url: "${remote.url}" }
  affine: { use: model-predictor, model: affine, repository: models, runtime: scores }
pipelines: {}
`,
    });

  it('pushes a model of another server with the tensors that the server says', async () => {
    await configured();
    const pushed = await project.vivace([
      'models',
      'push',
      '--remote',
      affineMetadata.name,
      '--name',
      'affine',
    ]);
    expect(pushed.stderr + pushed.stdout).to.contain('affine 1 (champion)');
    const { stdout } = await project.vivace(['models', 'show', 'affine', '--json']);
    const { manifest } = JSON.parse(stdout) as { manifest: Record<string, unknown> };
    expect(manifest).to.include({ runtime: 'remote', entry: 'remote.json' });
    expect(manifest['signature']).to.have.nested.property('inputs[0].name', 'x');
  });

  it('takes no files, and no place without a configuration', async () => {
    await configured();
    const push = ['models', 'push', '--remote', affineMetadata.name, '--name', 'affine'];
    for (const [more, message] of [
      [['model.onnx'], /--remote: a model of another server has no files here/],
      [['--to', 'models'], /--to: the server of the model stands in a configuration/],
    ] as const) {
      const { code, stderr } = await project.vivace([...push, ...more]);
      expect(code).to.equal(2);
      expect(stderr).to.match(message);
    }
    const { code, stderr } = await project.vivace(['models', 'push', '--name', 'affine']);
    expect([code, stderr.includes('name the files of the model, or give --remote')]).to.deep.equal([2, true]);
  });
});
