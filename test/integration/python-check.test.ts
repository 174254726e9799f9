import { expect } from 'chai';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeNeeding } from '../servers/programs.js';
import { python } from '../servers/python.js';
import { ServedModels } from '../servers/vivace-wrapper.js';
import { givenProject } from '../support/command-line.js';

const configuration = (socket: string): string => `
parts:
  bucket:    { use: filesystem, path: ./bucket }
  workspace: { use: filesystem, path: ./models }
  models:    { use: model-repository, blobs: bucket, workspace: workspace }
  py:        { use: python, socket: ${socket} }
  sum:       { use: model-predictor, model: sum, repository: models, runtime: py }
pipelines:
  add:
    request: { a: float32, b: float32 }
    steps: [{ predict: sum }]
    response: { outputs: { y: sum.score } }
`;

describeNeeding([python], '`vivace check` of models that another container loads', function () {
  this.timeout(60_000);
  const { project, given } = givenProject();

  it('loads them from the workspace that both see, and leaves nothing there', async () => {
    await given({
      'sum/predictor.py':
        'class Sum:\n    def predict(self, request):\n        return request.matrix().sum(axis=1)\n',
      'sum/model.yaml': 'columns: [a, b]\n',
    });
    const models = join(project.directory, 'models');
    await mkdir(models);
    const wrapper = await ServedModels.start('--models', models);
    try {
      await project.write({ 'vivace.yaml': configuration(wrapper.socket) });
      const pushed = await project.vivace(['models', 'push', 'sum', '--name', 'sum', '--no-check']);
      expect(pushed.code, pushed.stderr).to.equal(0);
      const { code, stdout, stderr } = await project.vivace(['check', '--strict']);
      expect(code, stdout + stderr).to.equal(0);
      expect(stdout).to.include('writes sum.score');
      expect(await readdir(join(models, '.vivace/temporary'))).to.deep.equal([]);
    } finally {
      await wrapper.stop();
    }
  });
});
