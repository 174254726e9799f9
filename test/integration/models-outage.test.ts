import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pushModel, Call, createServer, parseType, type Server } from 'vivace';
import { callContext } from 'vivace/testing';
import { fixtures } from '../fixtures/bundles.js';
import { describeNeeding } from '../servers/programs.js';
import { versitygw } from '../servers/s3-server.js';
import { failureOf } from '../support/failure.js';
import { s3BehindProxy } from '../support/s3-behind-proxy.js';

const refreshMs = 250;

describeNeeding([versitygw], 'a server whose bucket is down', () => {
  const bucket = s3BehindProxy();
  let directory: string;
  const servers: Server[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-outage-'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
    rmSync(directory, { recursive: true });
  });

  const create = async (prefix: string): Promise<Server> => {
    const server = await createServer({
      directory,
      parts: {
        bucket: { use: 's3', ...bucket.options({ prefix }) },
        disk: { use: 'filesystem', path: 'disk' },
        models: { use: 'model-repository', blobs: 'bucket', workspace: 'disk' },
        onnx: { use: 'onnxruntime' },
        affine: { use: 'model-predictor', model: 'affine', repository: 'models', runtime: 'onnx', refreshMs },
      },
      pipelines: {
        score: {
          request: { a: 'float32', b: 'float32' },
          steps: [{ predict: 'affine' }],
          response: { outputs: { y: 'affine.y' } },
        },
      },
    });
    servers.push(server);
    return server;
  };
  const release = async (prefix: string): Promise<void> => {
    const options = {
      file: join(fixtures, 'affine.onnx'),
      name: 'affine',
      columns: ['request.a', 'request.b'],
    };
    await pushModel(await create(prefix), options, callContext());
  };
  const versionOf = async (server: Server): Promise<unknown> => {
    const call = new Call({ requestId: 'r', ...callContext() });
    const [a, b] = [[1], [2]].map((values) => ({
      type: parseType('float32'),
      rows: 1,
      values: Float32Array.from(values),
    }));
    const answer = await server.data.pipelines.predict('score', { request: [a!, b!] }, call);
    expect(answer.outputs[0]!.values[0]).to.equal(5);
    return answer.models[0]!.version;
  };

  it('starts with what lies verified on its disk, and follows once the bucket is back', async () => {
    await release('night/');
    const before = await create('night/');
    await before.start();
    await before.stop();

    bucket.proxy().refusing = true;
    const server = await create('night/');
    await server.start();
    expect(await versionOf(server)).to.equal('1');
    const { ready, details } = server.control.readiness();
    expect(ready).to.equal(true);
    expect(details.join()).to.match(
      /^last-known: predictor "affine" serves affine 1 from its disk.*UNAVAILABLE/,
    );
    expect(server.control.predictors()[0]).to.include({ lastKnown: true });

    bucket.proxy().refusing = false;
    await release('night/');
    while (server.control.readiness().details.length > 0 || (await versionOf(server)) !== '2')
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(server.control.predictors()[0]).to.deep.include({ wanted: '2' });
  });

  it('does not start where its disk holds nothing', async () => {
    await release('first/');
    bucket.proxy().refusing = true;
    expect(await failureOf((await create('first/')).start())).to.match(/^UNAVAILABLE.*does not answer/);
  });
});
