import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { predictorRuntime, type LogRecord, type PredictorInstance } from 'vivace';
import { affineInput, callContext, makePart } from 'vivace/testing';
import { python } from 'vivace/adapters/python';
import { cpuLimit } from 'vivace/kit';
import { fixtureBundle } from '../fixtures/bundles.js';
import { childrenOf } from '../fixtures/child-processes.js';
import { failureOf } from '../support/failure.js';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python as interpreter } from '../servers/python.js';
import { ServedModels } from '../servers/vivace-wrapper.js';

const hostile = fixtureBundle('python/hostile.py');
const alive = (pid: number): boolean => {
  try {
    // A process that has ended, and that nobody has asked about, is still listed.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const allGone = async (pids: readonly number[]): Promise<void> => {
  while (pids.some(alive)) await sleep(50);
};
/** All processes below one, and the processes of their groups. */
function descendants(pid: number): number[] {
  const below = childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
  return [...new Set(below)];
}

describeNeeding([interpreter], 'Processes of Python models', function () {
  this.timeout(60_000);
  let part: ReturnType<typeof makePart>;
  let instance: PredictorInstance;
  let logs: LogRecord[];
  const start = async (options: object = {}): Promise<void> => {
    logs = [];
    part = makePart(
      python,
      { interpreter: pathOf(interpreter), ...options },
      { onLog: (record) => logs.push(record) },
    );
    await part.start(callContext());
    instance = await part.face(predictorRuntime).load(hostile, callContext());
  };
  const ask = async (what: number, timeoutMs?: number): Promise<number> => {
    const [output] = await instance.predict(affineInput([what, 0]), { rows: 1, ...callContext(timeoutMs) });
    return output!.data[0] as number;
  };
  afterEach(async () => {
    await instance.unload();
    await part.stop();
  });

  it('answer though the model prints 100 MB, of which the log has some lines', async () => {
    await start();
    const pid = await ask(0);
    expect(await ask(1)).to.equal(pid);
    expect(logs.length).to.be.below(20_000);
    expect(logs.some(({ fields }) => fields?.['model'] === 'affine@1')).to.equal(true);
  });

  it('answer though the model writes to descriptor 1', async () => {
    await start();
    expect(await ask(2)).to.equal(await ask(0));
  });

  it('that end themselves fail their call as an outage, and say how they ended', async () => {
    await start();
    expect(await failureOf(ask(3))).to.match(/^UNAVAILABLE python: the worker ended with code 3/);
    expect(await instance.closed).to.equal('the worker ended with code 3');
  });

  it('say what a model gave instead of its outputs', async () => {
    await start();
    expect(await failureOf(ask(7))).to.equal(
      'PREDICTOR_FAILED python: Hostile.predict: the output "y" has the shape [1, 3], but FP32 [1, 1] is declared',
    );
    expect(await failureOf(ask(9))).to.match(/^PREDICTOR_FAILED.*raised SystemExit: 9/);
    expect(await ask(0)).to.be.above(0);
  });

  for (const [what, number] of [
    ['spins', 4],
    ["holds the interpreter's lock", 5],
  ] as const)
    it(`are ended where the model ${what}`, async () => {
      await start();
      const pids = descendants(process.pid);
      const running = failureOf(ask(number));
      await instance.unload();
      expect(await running).to.match(/^UNAVAILABLE.*unloaded/);
      await allGone(pids);
    });

  it('are replaced where they take too much memory', async () => {
    await start({ memoryBytes: 500_000_000 });
    expect(await failureOf(ask(6, 60_000))).to.match(
      /^UNAVAILABLE python: the instance took \d+ bytes of memory; memoryBytes allows 500000000/,
    );
  });

  it('take along what the model has started', async () => {
    await start();
    const child = await ask(8);
    expect(alive(child)).to.equal(true);
    await instance.unload();
    await allGone([child]);
  });

  it('get no more of the environment than is allowed', async () => {
    process.env['SECRET_TOKEN'] = 'hidden';
    process.env['MODEL_LEVEL'] = '7';
    try {
      await start({ env: ['MODEL_LEVEL'] });
      const pid = await ask(0);
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      expect(environment).to.include('MODEL_LEVEL=7');
      expect(environment.some((entry) => entry.includes('SECRET_TOKEN'))).to.equal(false);
      expect(environment).to.include('OMP_NUM_THREADS=1');
    } finally {
      delete process.env['SECRET_TOKEN'];
      delete process.env['MODEL_LEVEL'];
    }
  });

  it('get as many threads as the CPU limit of the container for 0', async () => {
    await start({ threads: 0 });
    const pid = await ask(0);
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    for (const name of ['OMP', 'OPENBLAS', 'MKL'])
      expect(environment).to.include(`${name}_NUM_THREADS=${cpuLimit()}`);
  });

  it('get as many threads from `vivace_wrapper serve --threads 0`', async () => {
    const wrapper = await ServedModels.start('--threads', '0');
    try {
      await start({ socket: wrapper.socket });
      const pid = await ask(0);
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      expect(environment).to.include(`OMP_NUM_THREADS=${cpuLimit()}`);
    } finally {
      await wrapper.stop();
    }
  });

  it('have no descriptor of the server but their own', async () => {
    await start();
    const pid = await ask(0);
    const open = readdirSync(`/proc/${pid}/fd`).map(Number);
    expect(
      open.every((number) => number < 10),
      open.join(' '),
    ).to.equal(true);
  });
});

describeNeeding([interpreter], 'A server with Python models that is killed', function () {
  this.timeout(60_000);
  for (const [what, ...script] of [
    ['while a model loads', 'loading'],
    ['while models are idle', '0'],
    ['while a model spins', '0', '4'],
    ["while a model holds the interpreter's lock", '0', '5'],
    ['and whose model has started a process that ignores being asked to end', '8'],
  ] as const)
    it(`leaves no process ${what}`, async () => {
      const server = fork(new URL('../fixtures/python-server.js', import.meta.url), [
        pathOf(interpreter),
        ...script,
      ]);
      const [said] = (await once(server, 'message')) as [number[]];
      const started = [...new Set([...descendants(server.pid!), ...said])];
      expect(started.length).to.be.above(said.length === 0 ? 0 : 1);
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
      await allGone(started);
    });
});
