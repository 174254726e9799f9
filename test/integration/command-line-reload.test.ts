import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, modelRepository, type ServerOf } from 'vivace';
import { callContext } from 'vivace/testing';
import { fixtures, manifestOf } from '../fixtures/bundles.js';
import { createProject, type Project, type Ran } from '../support/project.js';

describe('vivace models reload', () => {
  let directory: string;
  let server: ServerOf;
  let project: Project;
  let url: string;

  /** Adds a version that multiplies, or one that does not load, and points the alias at it. */
  const release = async (version: string, file = 'affine.mjs'): Promise<void> => {
    const content = await readFile(join(fixtures, file));
    const repository = server.part(modelRepository, 'models');
    await repository.add(manifestOf(content, file, { version }), () => content, callContext());
    await repository.setAlias('affine', 'champion', version, callContext());
  };
  const predictor = {
    use: 'model-predictor',
    model: 'affine',
    repository: 'models',
    runtime: 'js',
    refreshMs: 0,
  } as const;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vivace-reload-'));
    const repository = {
      files: { use: 'filesystem', path: directory },
      models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
    };
    server = await createServer({ parts: repository, pipelines: {} });
    await server.startOnly(['models']);
    await release('1');
    await server.stop();
    server = await createServer({
      parts: {
        ...repository,
        js: { use: 'javascript' },
        here: predictor,
        there: predictor,
        web: { use: 'express', port: 0 },
        ops: { use: 'operations', server: 'web', prefix: '/ops', admin: true },
      },
      pipelines: {},
    });
    await server.start();
    url = `${server.addresses()[0]!}/ops`;
    project = await createProject({});
  });
  afterEach(async () => {
    await server.stop();
    await project.remove();
    await rm(directory, { recursive: true });
  });
  const reload = (...argv: string[]): Promise<Ran> =>
    project.vivace(['models', 'reload', ...argv, '--url', url]);

  it('has every predictor look, and prints what it serves then', async () => {
    await release('2');
    const ran = await reload();
    expect([ran.code, ran.stderr]).to.deep.equal([0, '']);
    expect(ran.stdout).to.equal('here\taffine 2 (before 1)\nthere\taffine 2 (before 1)\n');
    expect((await reload()).stdout).to.equal('here\taffine 2\nthere\taffine 2\n');
  });

  it('takes a predictor or a model, and prints JSON', async () => {
    await release('2');
    const one = await reload('there', '--json');
    expect(JSON.parse(one.stdout)).to.deep.equal([
      { predictor: 'there', name: 'affine', version: '2', before: '1' },
    ]);
    const both = await reload('affine', '--json');
    expect(JSON.parse(both.stdout)).to.deep.equal([
      { predictor: 'here', name: 'affine', version: '2', before: '1' },
      { predictor: 'there', name: 'affine', version: '2', before: '2' },
    ]);
  });

  it('says why a version does not serve, and fails', async () => {
    const content = Buffer.from('export default 5;');
    const repository = server.part(modelRepository, 'models');
    await repository.add(manifestOf(content, 'wrong.mjs', { version: '2' }), () => content, callContext());
    await repository.setAlias('affine', 'champion', '2', callContext());
    const { code, stdout, stderr } = await reload('here');
    expect([code, stdout]).to.deep.equal([3, '']);
    expect(stderr).to.match(/^error FAILED_PRECONDITION: here: /);
    expect(server.control.predictors().map(({ serving }) => serving?.version)).to.deep.equal(['1', '1']);
  });

  it('names what there is where it does not know a name', async () => {
    const { code, stderr } = await reload('iris');
    expect(code).to.equal(1);
    expect(stderr).to.equal(
      'error NOT_FOUND: the server has no predictor and no model "iris": it has here (affine), there (affine)\n',
    );
  });

  it('fails where nothing answers, and for a URL that is none', async () => {
    url = 'http://127.0.0.1:9';
    const silent = await reload();
    expect(silent.code).to.equal(3);
    expect(silent.stderr).to.match(/^error UNAVAILABLE: http:\/\/127\.0\.0\.1:9\/v1\/info does not answer/);
    url = '127.0.0.1:9090';
    const wrong = await reload();
    expect([wrong.code, wrong.stderr.split('\n')[0]]).to.deep.equal([
      2,
      'error: --url: "127.0.0.1:9090" is not a URL, such as http://127.0.0.1:8080',
    ]);
    const without = await project.vivace(['models', 'reload']);
    expect(without.code).to.equal(2);
  });

  for (const [what, body] of [
    ['that is not JSON', '<h1>Hello</h1>'],
    ['that is other JSON', '{"version": "1.2"}'],
  ] as const)
    it(`fails where something else answers, with a text ${what}`, async () => {
      const other = createHttpServer((_request, response) => response.end(body));
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      try {
        url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
        const { code, stderr } = await reload();
        expect(code).to.equal(3);
        expect(stderr).to.equal(
          `error UNAVAILABLE: ${url}/v1/info is not an answer of operations: is the prefix missing?\n`,
        );
      } finally {
        other.close();
      }
    });

  it('says where it asks, where nothing answers there', async () => {
    url = server.addresses()[0]!;
    const { code, stderr } = await reload();
    expect([code, stderr]).to.deep.equal([
      1,
      `error NOT_FOUND: nothing answers GET /v1/info below ${url}: the server needs \`operations\` with \`admin: true\`, and --url says where these listen, with their prefix\n`,
    ]);
  });

  it('says what the server must have', async () => {
    await server.stop();
    server = await createServer({
      parts: {
        files: { use: 'filesystem', path: directory },
        models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
        js: { use: 'javascript' },
        here: predictor,
        web: { use: 'express', port: 0 },
        ops: { use: 'operations', server: 'web', prefix: '/ops' },
      },
      pipelines: {},
    });
    await server.start();
    url = `${server.addresses()[0]!}/ops`;
    const { code, stderr } = await reload();
    expect([code, stderr]).to.deep.equal([
      3,
      'error UNIMPLEMENTED: here: predictors are not refreshed over HTTP: that needs `admin: true`\n',
    ]);
  });
});
