import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pushModel, createServer, type PipelineDeclaration, type ServerOf } from 'vivace';
import { callContext } from 'vivace/testing';
import { classifier, expected } from '../support/classifiers.js';
import { failureOf } from '../support/failure.js';
import { createProject } from '../support/project.js';

type Pipelines = Readonly<Record<string, PipelineDeclaration>>;

/** Models as people bring them, from their file to answers: the first try must serve, or say what to do. */
describe('classifiers of other libraries', () => {
  let directory: string;
  const servers: ServerOf[] = [];
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-classifiers-'))));
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
    rmSync(directory, { recursive: true });
  });

  const parts = (options: object = {}) => ({
    files: { use: 'filesystem', path: 'models' },
    models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
    onnx: { use: 'onnxruntime', ...options },
    classes: { use: 'model-predictor', model: 'classes', repository: 'models', runtime: 'onnx' },
  });
  /** Adds a model, and starts a server of a pipeline that uses it. */
  async function serve(name: string, pipeline: object, options: object = {}): Promise<ServerOf> {
    const adding = await createServer({ directory, parts: parts(options), pipelines: {} });
    servers.push(adding);
    await pushModel(adding, { file: classifier(name), name: 'classes' }, callContext());
    await adding.stop();
    const pipelines: Pipelines = { classify: pipeline as Pipelines[string] };
    const server = await createServer({ directory, parts: parts(options), pipelines });
    servers.push(server);
    return server.start();
  }

  for (const [name, input] of [
    ['lightgbm', 'x'],
    ['xgboost', 'x'],
    ['sklearn', 'X'],
  ] as const) {
    for (const worker of [true, false]) {
      it(`serves ${name}${worker ? '' : ' on the event loop'}, ranked by the probability of a class`, async () => {
        const server = await serve(
          name,
          {
            objects: { fields: { v: 'float32[4]' } },
            steps: [{ predict: 'classes', inputs: { [input]: ['object.v'] } }],
            response: {
              outputs: {
                label: 'classes.label',
                all: 'classes.probabilities',
                p: 'classes.probabilities[1]',
              },
              orderBy: 'classes.probabilities[1]',
              descending: true,
            },
          },
          { worker },
        );
        const answer = (await server.predict('classify', {
          objects: expected.rows.map((v) => ({ v })),
        } as never)) as unknown as {
          objects: { index: number; label: unknown; all: number[]; p: number }[];
        };
        const { label, probabilities } = expected.models[name]!;
        const order = [...probabilities.keys()].sort(
          (a, b) => probabilities[b]![1]! - probabilities[a]![1]! || a - b,
        );
        expect(answer.objects.map(({ index }) => index)).to.deep.equal(order);
        for (const { index, label: given, all, p } of answer.objects) {
          expect(given).to.equal(label[index]);
          expect(p).to.equal(all[1]);
          probabilities[index]!.forEach((value, i) => expect(all[i]).to.be.closeTo(value, 1e-5));
        }
      });
    }
  }

  it('serves outputs whose names no configuration writes as they are', async () => {
    const server = await serve('odd-names', {
      request: { v: 'float32[2]' },
      steps: [{ predict: 'classes', inputs: { 'in put:0': ['request.v'] } }],
      response: {
        outputs: {
          a: 'classes."495"',
          b: 'classes."StatefulPartitionedCall:0"',
          c: 'classes."out put"',
          d: 'classes."a.b"',
        },
      },
    });
    const { outputs } = (await server.predict('classify', {
      request: { v: [1, 2] },
    })) as unknown as {
      outputs: object;
    };
    expect(outputs).to.deep.equal({ a: 5, b: 5, c: 5, d: 5 });
  });

  it('serves a model that keeps its weights in another file', async () => {
    const server = await serve('external', {
      request: { v: 'float32[2]' },
      steps: [{ predict: 'classes', inputs: { 'in put:0': ['request.v'] } }],
      response: { outputs: { y: 'classes.y' } },
    });
    const { outputs } = (await server.predict('classify', {
      request: { v: [1, 2] },
    })) as unknown as {
      outputs: object;
    };
    expect(outputs).to.deep.equal({ y: 5 });
  });

  for (const [name, line] of [
    ['sklearn-zipmap', "to_onnx(clf, …, options={id(clf): {'zipmap': False}})"],
    ['lightgbm-zipmap', 'convert_lightgbm(clf, …, zipmap=False)'],
    ['lightgbm-one-row', 'initial_types=[("x", FloatTensorType([None, 4]))]'],
  ] as const) {
    it(`says the line that exports ${name} so that it can be served, and adds nothing`, async () => {
      const server = await createServer({ directory, parts: parts(), pipelines: {} });
      servers.push(server);
      const adding = pushModel(server, { file: classifier(name), name: 'classes' }, callContext());
      expect(await failureOf(adding))
        .to.match(/^INVALID_ARGUMENT file: /)
        .and.include(line);
    });
  }

  it('are added and served from the command line, or it says the line that exports them', async () => {
    const project = await createProject({
      'vivace.yaml': `
parts:
  files:   { use: filesystem, path: ./models }
  models:  { use: model-repository, blobs: files, workspace: files }
  onnx:    { use: onnxruntime }
  classes: { use: model-predictor, model: classes, repository: models, runtime: onnx }
pipelines:
  classify:
    request: { v: 'float32[4]' }
    steps: [{ predict: classes, inputs: { X: [request.v] } }]
    response: { outputs: { label: classes.label, p: 'classes.probabilities[1]' } }
`,
    });
    try {
      const add = (name: string) => project.vivace(['models', 'push', classifier(name), '--name', 'classes']);
      const refused = await add('sklearn-zipmap');
      expect([refused.code, refused.stdout]).to.deep.equal([1, '']);
      expect(refused.stderr).to.include("to_onnx(clf, …, options={id(clf): {'zipmap': False}})");
      expect((await project.vivace(['models', 'list'])).stdout).to.equal('');
      expect((await add('sklearn')).stdout).to.equal('classes 1 (champion)\n');
      const request = JSON.stringify({ request: { v: expected.rows[0] } });
      const { stdout } = await project.vivace(['predict', 'classify', '--json', request]);
      const { label, p } = (JSON.parse(stdout) as { outputs: { label: unknown; p: number } }).outputs;
      expect(label).to.equal(expected.models['sklearn']!.label[0]);
      expect(p).to.be.closeTo(expected.models['sklearn']!.probabilities[0]![1]!, 1e-5);
    } finally {
      await project.remove();
    }
  });
});
