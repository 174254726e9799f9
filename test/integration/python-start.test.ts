import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { predictorRuntime, type Bundle, type PredictorInstance, type PredictorRuntime } from 'vivace';
import { affineInput, callContext, startPart } from 'vivace/testing';
import { encodeFrame, FrameReader, type Frame } from 'vivace/wire';
import { python } from 'vivace/adapters/python';
import { fixtureBundle } from '../fixtures/bundles.js';
import { childrenOf } from '../fixtures/child-processes.js';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python as interpreter } from '../servers/python.js';
import { failureOf } from '../support/failure.js';

const model = `
class Model:
    def predict(self, request):
        return request.matrix()[:, :1]
`;

/** A bundle of `predictor.py` in a folder. */
function bundleIn(directory: string, source = model): Bundle {
  const { manifest } = fixtureBundle('python/affine.py');
  writeFileSync(join(directory, 'predictor.py'), source);
  return { directory, manifest: { ...manifest, entry: 'predictor.py' } };
}

describeNeeding([interpreter], 'Python models start', function () {
  this.timeout(120_000);
  let folder: string;
  let stop: () => Promise<void>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vivace-start-'));
    stop = async () => Promise.resolve();
  });
  afterEach(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });
  const start = async (options: object = {}, directory = process.cwd()): Promise<PredictorRuntime> => {
    const part = await startPart(python, { interpreter: pathOf(interpreter), ...options }, { directory });
    stop = part.stop.bind(part);
    return part.face(predictorRuntime);
  };
  const answer = async (instance: PredictorInstance): Promise<unknown> => {
    const [output] = await instance.predict(affineInput([3, 0]), { rows: 1, ...callContext() });
    return output!.data[0];
  };

  it('though their folder has modules with the names of Python’s own', async () => {
    for (const name of ['argparse', 'json', 'numpy', 'select', 'signal', 'socket', 'subprocess', 'typing'])
      writeFileSync(join(folder, `${name}.py`), 'raise RuntimeError("this was not meant")');
    const runtime = await start();
    const instance = await runtime.load(bundleIn(folder), callContext());
    expect(await answer(instance)).to.equal(3);
    await instance.unload();
    writeFileSync(join(folder, 'model.txt'), 'nothing');
    expect(await failureOf(runtime.inspect!(join(folder, 'model.txt'), callContext(100_000)))).to.contain(
      'model.txt does not load as lightgbm',
    );
  });

  it('with an interpreter beside the configuration', async () => {
    symlinkSync(dirname(dirname(pathOf(interpreter))), join(folder, 'venv'));
    const instance = await (
      await start({ interpreter: 'venv/bin/python' }, folder)
    ).load(fixtureBundle('python/affine.py'), callContext());
    await instance.unload();
    const other = relative(folder, '/nowhere/python');
    expect(await failureOf(start({ interpreter: other }, folder))).to.contain(
      '/nowhere/python does not start',
    );
  });

  it('in no server that has no descriptors left, and it goes on', async () => {
    const script = fileURLToPath(new URL('../fixtures/python-without-descriptors.js', import.meta.url));
    const server = spawn(
      'sh',
      ['-c', 'ulimit -n 400; exec "$@"', 'sh', process.execPath, script, pathOf(interpreter)],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    const ended = once(server, 'exit');
    const [failures] = (await Promise.race([once(server, 'message'), ended])) as [string[]];
    // None of the attempts has kept a descriptor.
    expect(failures).to.be.an('array').with.length.within(1, 40);
    for (const failed of failures)
      expect(failed).to.match(/^RESOURCE_EXHAUSTED python: no process can be started: .*EMFILE/);
    expect(await ended).to.deep.equal([0, null]);
  });

  it('until the load is given up, also where that is before the process runs', async () => {
    const runtime = await start();
    const stopping = new AbortController();
    const bundle = bundleIn(folder, `import time\ntime.sleep(600)\n${model}`);
    const loading = failureOf(runtime.load(bundle, { ...callContext(), signal: stopping.signal }));
    const pids = childrenOf(process.pid);
    expect(pids).to.have.length.above(0);
    stopping.abort();
    expect(await loading).to.match(/^CANCELLED/);
    while (childrenOf(process.pid).some((pid) => pids.includes(pid))) await sleep(20);
  });
});

/** The other end of a connection, which answers as it is told and remembers what it was asked. */
class OtherContainer {
  readonly socket: string;
  readonly asked: Frame[] = [];
  readonly #server: Server;

  constructor(folder: string, hello: Readonly<Record<string, unknown>>) {
    this.socket = join(folder, 'model.sock');
    this.#server = createServer((socket) => {
      const reader = new FrameReader();
      const say = (frame: Frame): void => {
        for (const piece of encodeFrame(frame)) socket.write(piece);
      };
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        for (const frame of reader.push(chunk)) {
          this.asked.push(frame);
          const { type, call, tensors } = frame;
          if (type === 'HELLO') say({ type, call, header: { version: 1, ...hello }, tensors: [] });
          if (type === 'LOAD') say({ type: 'READY', call, header: { warnings: [] }, tensors: [] });
          if (type === 'PREDICT') say({ type: 'RESULT', call, header: {}, tensors });
          if (type === 'BYE') socket.end();
        }
      });
    });
  }

  async start(): Promise<void> {
    this.#server.listen(this.socket);
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.close();
  }
}

describe('Python models in another container', () => {
  let folder: string;
  let other: OtherContainer;
  const startOther = async (hello: object = {}): Promise<void> => {
    other = new OtherContainer(folder, { ...hello });
    await other.start();
  };
  const load = async (options: object, bundle: Bundle): Promise<PredictorInstance> => {
    const part = await startPart(python, { socket: other.socket, ...options });
    return part.face(predictorRuntime).load(bundle, callContext());
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vivace-other-'));
  });
  afterEach(() => {
    other.stop();
    rmSync(folder, { recursive: true });
  });

  it('are sent no longer frames than the worker takes', async () => {
    await startOther({ max_frame_bytes: 65_536 });
    const instance = await load({ maxFrameBytes: 1_000_000 }, fixtureBundle('python/affine.py'));
    const rows = 10_000;
    const inputs = [
      { name: 'x', datatype: 'FP32', shape: [rows, 2], data: new Float32Array(rows * 2) },
    ] as const;
    expect(await failureOf(instance.predict(inputs, { rows, ...callContext() }))).to.match(
      /^INVALID_ARGUMENT python: a frame of 80\d+ bytes, its header \d+: at most 65536/,
    );
    expect(await instance.predict(affineInput([1, 2]), { rows: 1, ...callContext() })).to.have.length(1);
    await instance.unload();
  });

  it('are named by the path there, whichever links lead to the workspace here', async () => {
    await startOther();
    mkdirSync(join(folder, 'volume/iris/1'), { recursive: true });
    symlinkSync(join(folder, 'volume'), join(folder, 'workspace'));
    const bundle = fixtureBundle('python/affine.py');
    for (const [from, directory] of [
      ['volume', 'workspace/iris/1'],
      ['workspace', 'volume/iris/1'],
      ['workspace/', 'workspace/iris/1'],
    ] as const) {
      const mapped = { from: join(folder, from), to: '/models' };
      const instance = await load({ directory: mapped }, { ...bundle, directory: join(folder, directory) });
      await instance.unload();
    }
    const named = other.asked.filter(({ type }) => type === 'LOAD').map(({ header }) => header['directory']);
    expect(named).to.deep.equal(['/models/iris/1', '/models/iris/1', '/models/iris/1']);
    const elsewhere = { from: join(folder, 'volume/iris'), to: '/models' };
    expect(await failureOf(load({ directory: elsewhere }, { ...bundle, directory: folder }))).to.contain(
      'does not lie below',
    );
  });

  it('take no options that are of processes here, nor the other way round', async () => {
    await startOther();
    const bundle = fixtureBundle('python/affine.py');
    expect(await failureOf(load({ memoryBytes: 1e9 }, bundle))).to.match(/^INVALID_CONFIG.*memoryBytes/s);
    const directory = { from: '/a', to: '/b' };
    expect(await failureOf(load({ socket: undefined, directory }, bundle))).to.match(/there is no `socket`/);
  });
});
