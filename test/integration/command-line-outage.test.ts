import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { givenProject } from '../support/command-line.js';
import { root } from '../support/repository.js';
import { s3BehindProxy } from '../support/s3-behind-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { versitygw } from '../servers/s3-server.js';

/** A model of some megabytes that answers with its version. */
const model = (version: number): string => `
export const predict = (_, { rows }) => ({ y: { data: new Float32Array(rows).fill(${version}), shape: [rows], datatype: 'FP32' } });
// ${'x'.repeat(3_000_000)}
`;
const signature = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
});

interface Serving {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly ended: Promise<unknown[]>;
  ask(): Promise<unknown>;
  ready(): Promise<{ readonly ready: boolean; readonly details: readonly string[] }>;
}

describeNeeding([versitygw], 'vivace serve, whose bucket', function () {
  this.timeout(120_000);
  const { project, given } = givenProject();
  const bucket = s3BehindProxy();
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    await given({
      'vivace.yaml': `
parts:
  web:    { use: express, port: 0, host: 127.0.0.1 }
  api:    { use: rest, server: web }
  ops:    { use: operations, server: web }
  bucket: ${JSON.stringify({ use: 's3', ...bucket.options() })}
  disk:   { use: filesystem, path: ./disk }
  models: { use: model-repository, blobs: bucket, workspace: disk }
  js:     { use: javascript }
  model:  { use: model-predictor, model: night, repository: models, runtime: js, refreshMs: 50 }
pipelines:
  score:
    request: { x: float32 }
    steps: [{ predict: model, inputs: { x: [request.x] } }]
    response: { outputs: { y: model.y } }
`,
      'signature.json': signature,
      'one.mjs': model(1),
      'two.mjs': model(2),
    });
    await release('one.mjs');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  });

  const release = async (file: string): Promise<void> => {
    const { code, stderr } = await project.vivace([
      'models',
      'push',
      file,
      '--name',
      'night',
      '--signature',
      'signature.json',
    ]);
    expect(code, stderr).to.equal(0);
  };
  const begin = (): Serving & { readonly url: () => string | undefined } => {
    const child = spawn(process.execPath, [join(root, 'dist/adapters/command-line/main.js'), 'serve'], {
      cwd: project.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let stderr = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const url = (): string | undefined => /serving on (http:\/\/[\d.]+:\d+)/.exec(stderr)?.[1];
    return {
      child,
      stderr: () => stderr,
      ended: once(child, 'close'),
      url,
      async ask() {
        const answer = await fetch(`${url()}/v1/pipelines/score/predict`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"request":{"x":0}}',
        });
        return ((await answer.json()) as { outputs: { y: unknown } }).outputs.y;
      },
      ready: async () => (await (await fetch(`${url()}/health/ready`)).json()) as never,
    };
  };
  const until = async (holds: () => boolean | Promise<boolean>, serving: Serving): Promise<void> => {
    while (!(await holds())) {
      if (serving.child.exitCode !== null) throw new Error(`it ended: ${serving.stderr()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const serve = async (): Promise<Serving> => {
    const serving = begin();
    await until(() => serving.url() !== undefined, serving);
    return serving;
  };
  const stop = async ({ child, ended, stderr }: Serving): Promise<void> => {
    child.kill('SIGTERM');
    expect(await ended, stderr()).to.deep.equal([0, null]);
  };
  const temporary = (): string[] => {
    const folder = join(project.directory, 'disk/.vivace/temporary');
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  };

  it('is down, starts with what it served last, follows the bucket once it is back, and is rolled back', async () => {
    const before = await serve();
    expect(await before.ask()).to.equal(1);
    await stop(before);

    bucket.proxy().refusing = true;
    const serving = await serve();
    expect(await serving.ask()).to.equal(1);
    const { ready, details } = await serving.ready();
    expect(ready).to.equal(true);
    expect(details.join()).to.match(/^last-known: predictor "model" serves night 1 from its disk/);
    const lost = await project.vivace(['models', 'rollback', 'night']);
    expect(lost.code).to.equal(3);
    expect(lost.stderr).to.match(/UNAVAILABLE/);

    bucket.proxy().refusing = false;
    await release('two.mjs');
    await until(async () => (await serving.ask()) === 2, serving);
    await until(async () => (await serving.ready()).details.length === 0, serving);

    const { stdout } = await project.vivace(['models', 'rollback', 'night']);
    expect(stdout).to.equal('night 1 (champion, before 2)\n');
    await until(async () => (await serving.ask()) === 1, serving);
    await stop(serving);
  });

  it('is down, and whose disk holds nothing, says what to do', async () => {
    bucket.proxy().refusing = true;
    const serving = begin();
    expect(await serving.ended).to.deep.equal([3, null]);
    expect(serving.stderr())
      .to.match(/UNAVAILABLE.*http:\/\/127\.0\.0\.1:\d+ does not answer/)
      .and.match(/no version of night lies on the disk to serve meanwhile: start again once this is mended/);
  });

  it('stalls while a model is downloaded, is killed, and loads the model at its next start', async () => {
    bucket.proxy().stallAfterBytes = 1_000_000;
    const killed = begin();
    const half = (): boolean =>
      temporary().some((path) => {
        const info = statSync(path, { throwIfNoEntry: false });
        return info?.isFile() === true && info.size > 0;
      });
    await until(half, killed);
    killed.child.kill('SIGKILL');
    expect(await killed.ended).to.deep.equal([null, 'SIGKILL']);
    expect(half()).to.equal(true);

    // While the bucket is down, half a copy is none.
    bucket.proxy().refusing = true;
    const without = begin();
    expect(await without.ended).to.deep.equal([3, null]);
    expect(temporary()).to.deep.equal([]);

    bucket.proxy().refusing = false;
    bucket.proxy().stallAfterBytes = undefined;
    const serving = await serve();
    expect(await serving.ask()).to.equal(1);
    expect(temporary()).to.deep.equal([]);
    await stop(serving);
    await rm(join(project.directory, 'disk'), { recursive: true });
  });
});
