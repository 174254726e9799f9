import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Call, createServer, modelRepository, type ServerOf } from 'vivace';
import { callContext } from 'vivace/testing';
import { childrenOf } from '../fixtures/child-processes.js';
import { fixtures, manifestOf } from '../fixtures/bundles.js';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python as interpreter } from '../servers/python.js';
import { CheckedLoad, type LoadReport } from '../support/checked-load.js';

/** CHAOS_TIMES=10 takes ten times as long: 60 s of kills, 20 servers, 20 promotions and more. */
const times = Number(process.env['CHAOS_TIMES'] ?? 1);
const long = times > 1;

/** A server with a model of numpy, behind Open Inference. */
class ModelServer {
  readonly server: ServerOf;
  readonly url: string;
  readonly #directory: string;

  private constructor(server: ServerOf, directory: string) {
    this.server = server;
    this.url = server.addresses()[0]!;
    this.#directory = directory;
  }

  static async start(options: object, model: Model = {}): Promise<ModelServer> {
    const directory = await mkdtemp(join(tmpdir(), 'vivace-chaos-'));
    const repository = {
      files: { use: 'filesystem', path: directory },
      models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
    };
    const writing = await createServer({ parts: repository, pipelines: {} });
    await writing.startOnly(['models']);
    await release(writing, 1, model);
    await writing.stop();
    const server = await createServer({
      parts: {
        ...repository,
        py: { use: 'python', interpreter: pathOf(interpreter) },
        affine: {
          use: 'model-predictor',
          model: 'affine',
          repository: 'models',
          runtime: 'py',
          refreshMs: 0,
          ...options,
        },
        web: { use: 'express', port: 0 },
        open: { use: 'open-inference', server: 'web' },
      },
      pipelines: {},
      // A machine with other things to do must not make this one refuse calls.
      admission: { maxInFlight: 100_000, shedLagMs: 600_000 },
    });
    await server.start();
    return new ModelServer(server, directory);
  }

  /** Resolves when all instances are loaded. */
  async whole(): Promise<void> {
    for (;;) {
      const instances = this.server.control.predictors()[0]!.instances!;
      if (instances.loaded === instances.wanted) return;
      await sleep(10);
    }
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await rm(this.#directory, { recursive: true });
  }
}

/** What the model of numpy is besides. */
interface Model {
  /** Modules that it imports, which takes long for some. */
  readonly imports?: string;
}

/** Adds a version of the model that says its number, and points the alias at it. */
async function release(server: ServerOf, version: number, { imports = 'sys' }: Model = {}): Promise<void> {
  const text = await readFile(join(fixtures, 'python/chaos.py'), 'utf8');
  const content = Buffer.from(`import ${imports}\n${text.replace('VERSION = 1', `VERSION = ${version}`)}`);
  const repository = server.part(modelRepository, 'models');
  await repository.add(
    manifestOf(content, 'chaos.py', { version: String(version) }),
    () => content,
    callContext(),
  );
  await repository.setAlias('affine', 'champion', String(version), callContext());
}

/** The processes that predict: below the server their supervisors, and below these the workers. */
function workers(): number[] {
  return childrenOf(process.pid)
    .flatMap((supervisor) => childrenOf(supervisor))
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0_worker\0'));
}

function any<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)]!;
}

function expectFlawless({ failures, wrong }: LoadReport): void {
  expect(failures).to.deep.equal({});
  expect(wrong).to.deep.equal([]);
}

function say(what: string, { answered, p50Ms, p99Ms, slowestMs }: LoadReport): void {
  if (!long) return;
  const [p50, p99, slowest] = [p50Ms, p99Ms, slowestMs].map((ms) => `${ms.toFixed(1)} ms`);
  console.log(`      ${what}: ${answered} answers, p50 ${p50}, p99 ${p99}, slowest ${slowest}`);
}

describeNeeding([interpreter], 'A Python model under load', function () {
  this.timeout(120_000 * times);
  let served: ModelServer;
  afterEach(() => served.stop());

  for (const [what, { everyMs, ...model }] of Object.entries({
    numpy: { everyMs: 3_000 },
    // An instance of it takes seconds of CPU to start.
    ...(long
      ? { 'scikit-learn': { everyMs: 10_000, imports: 'sklearn.ensemble, sklearn.linear_model' } }
      : {}),
  }))
    it(`answers every request, and rightly, while its workers are killed: ${what}`, async () => {
      served = await ModelServer.start({ instances: 3 }, model);
      const quiet = new CheckedLoad(served.url, 200);
      await sleep(1_000 * times);
      say('quiet', await quiet.stop());
      const load = new CheckedLoad(served.url, 200);
      // A worker each second, or at the pace of a long run, whatever became of those before; so that a slow machine is not left without any, a
      // short run waits for all of them.
      for (let kill = 0; kill < (long ? (6_000 / everyMs) * times : 6); kill++) {
        await sleep(long ? everyMs : 1_000);
        if (!long) await served.whole();
        process.kill(any(workers()), 'SIGKILL');
      }
      await served.whole();
      const report = await load.stop();
      say('with kills', report);
      expectFlawless(report);
    });

  it('answers every request, and rightly, while versions are promoted', async () => {
    served = await ModelServer.start({ instances: 1, drainMs: 60_000 });
    const load = new CheckedLoad(served.url, 300);
    const last = 2 * times + 2;
    for (let version = 2; version <= last; version++) {
      await release(served.server, version);
      await served.server.control.refresh(
        'affine',
        new Call({ requestId: 'promotion', ...callContext(120_000) }),
      );
      // It has answered before the next is promoted.
      for (const enough = load.asked + 20; load.asked < enough;) await sleep(10);
    }
    const report = await load.stop();
    say(`with ${last - 1} promotions`, report);
    expectFlawless(report);
    expect([...report.versions].map(Number)).to.deep.equal(Array.from({ length: last }, (_, i) => i + 1));
  });

  it('answers every request, and rightly, while versions replace one another in memory', async () => {
    served = await ModelServer.start({ instances: 1, swap: 'replace' });
    const load = new CheckedLoad(served.url, 100);
    for (let version = 2; version <= 3; version++) {
      await release(served.server, version);
      await served.server.control.refresh(
        'affine',
        new Call({ requestId: 'promotion', ...callContext(120_000) }),
      );
      for (const enough = load.asked + 20; load.asked < enough;) await sleep(10);
    }
    const report = await load.stop();
    say('with 2 replacements', report);
    expectFlawless(report);
    expect(report.versions).to.include('3');
  });
});

describeNeeding([interpreter], 'A server with Python models that is killed at any moment', function () {
  this.timeout(60_000 * times);

  /** The processes that have a mark in their environment: whoever their parents are by now. */
  function marked(mark: string): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`CHAOS_MARK=${mark}\0`);
        } catch {
          return false;
        }
      });
  }

  it('leaves no process behind', async () => {
    for (let i = 0; i < 2 * times; i++) {
      const mark = `${process.pid}-${i}-${Math.random()}`;
      // It loads, then predicts for ever, or does nothing; and is killed before, between or after.
      const server = fork(
        new URL('../fixtures/python-server.js', import.meta.url),
        [pathOf(interpreter), '0', ...(i % 2 === 0 ? ['4'] : [])],
        { env: { ...process.env, CHAOS_MARK: mark } },
      );
      const ended = once(server, 'exit');
      if (i > 0) await sleep(Math.random() * 1_500);
      else {
        // At least once there is something to leave behind.
        await once(server, 'message');
        expect(marked(mark).length).to.be.above(2);
      }
      server.kill('SIGKILL');
      await ended;
      while (marked(mark).length > 0) await sleep(50);
    }
  });
});
