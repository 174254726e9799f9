import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createListener } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { filesOf, readText, root } from '../support/repository.js';
import { projectOf, shell } from '../support/scratch-project.js';

const blocks = filesOf('docs/getting-started.md');
const block = (name: string): string => blocks.get(name)!;

interface Answer {
  readonly outputs: { readonly species: number; readonly probabilities: readonly number[] };
  readonly models: object;
}

describe('docs/getting-started.md', function () {
  this.timeout(300_000);
  let port: number;
  let served: ChildProcess | undefined;
  let printed = '';

  /** Waits until the server has printed something. */
  async function prints(text: string): Promise<void> {
    const until = performance.now() + 15_000;
    while (!printed.includes(text)) {
      if (served!.exitCode !== null || performance.now() > until) {
        throw new Error(`the server has not printed ${JSON.stringify(text)} but ${printed}`);
      }
      await sleep(20);
    }
  }

  async function ask(name: string, folder: string): Promise<Record<string, unknown>> {
    const command = block(name).replaceAll(':8080/', `:${port}/`);
    return JSON.parse(await shell(command, folder)) as Record<string, unknown>;
  }

  before(async () => {
    port = await freePort();
  });
  after(async () => {
    if (served?.pid === undefined || served.exitCode !== null) return;
    const ended = new Promise((resolve) => served!.once('close', resolve));
    // The whole group: `npx` starts a shell, and that the server.
    process.kill(-served.pid, 'SIGTERM');
    await ended;
  });

  it('installs, and adds the model', async function () {
    const folder = await projectOf(this);
    writeFileSync(join(folder, 'vivace.yaml'), block('vivace.yaml'));
    expect(await shell(block('models'), folder)).to.equal(block('models-output'));
  });

  it('serves the answer it shows', async function () {
    const folder = await projectOf(this);
    served = spawn('sh', ['-c', block('serve')], {
      cwd: folder,
      env: { ...process.env, PORT: String(port) },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [served.stdout!, served.stderr!])
      stream.on('data', (data: Buffer) => (printed += data.toString()));
    await prints('serving on');
    const answer = (await ask('ask', folder)) as unknown as Answer;
    const shown = JSON.parse(block('answer')) as Answer;
    expect(answer.outputs.species).to.equal(shown.outputs.species);
    shown.outputs.probabilities.forEach((value, i) =>
      expect(answer.outputs.probabilities[i]).to.be.closeTo(value, 1e-5),
    );
    expect(answer.models).to.deep.equal(shown.models);
    expect(Object.keys(answer)).to.deep.equal(Object.keys(shown));
  });

  it('shows the error that a wrong request gets', async function () {
    const folder = await projectOf(this);
    const { requestId, ...answer } = await ask('ask-wrong', folder);
    expect(requestId).to.be.a('string');
    const { requestId: _shown, ...shown } = JSON.parse(block('answer-wrong')) as Record<string, unknown>;
    expect(answer).to.deep.equal(shown);
  });

  it('keeps serving over a mistake, and serves what is edited', async function () {
    const folder = await projectOf(this);
    await shell(block('mistake'), folder);
    await prints(block('mistake-output'));
    expect(await ask('ask', folder)).to.have.property('outputs');
    await shell(block('edit'), folder);
    await prints('serving it now');
    expect((await ask('ask', folder))['outputs']).to.deep.equal({ species: 1 });
  });

  it('runs in code', async function () {
    const folder = await projectOf(this);
    writeFileSync(join(folder, 'classify.mjs'), block('classify.mjs'));
    expect(await shell(block('code'), folder)).to.equal(block('code-output'));
  });

  it('shows the configuration of examples/hello, in at most 15 lines', () => {
    expect(readText('examples/hello/vivace.yaml')).to.equal(block('vivace.yaml'));
    expect(block('vivace.yaml').trimEnd().split('\n')).to.have.length.at.most(15);
  });
});

describe('examples/hello', () => {
  it('answers once its model has been added', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vivace-hello-'));
    try {
      for (const name of ['vivace.yaml', 'iris.onnx'])
        cpSync(join(root, 'examples/hello', name), join(folder, name));
      const vivace = `node '${join(root, 'dist/adapters/command-line/main.js')}'`;
      await shell(block('models').replace('npx vivace', vivace), folder);
      const request = /'(\{.*\})'/.exec(block('ask'))![1]!;
      const answer = JSON.parse(
        await shell(`${vivace} predict classify --json '${request}'`, folder),
      ) as Answer;
      expect(answer.outputs.species).to.equal(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

async function freePort(): Promise<number> {
  const listener = createListener();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
