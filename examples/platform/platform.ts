/**
 * The whole platform on one machine, as docs/reference-platform.md walks through it:
 *
 *     npm run example:platform
 *
 * A warehouse, an online store and a bucket are stand-ins on loopback; the pod is an orchestrator and a Python wrapper, which share a directory
 * as two containers share a volume. Every step is done as a user would do it, from the command line.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { messageOf } from 'vivace';
import { writeFlights } from './flights.js';
import {
  checked,
  eventually,
  missingPrograms,
  post,
  Processes,
  programs,
  startBigquery,
  startCouchbase,
  startGcs,
} from './servers.js';

const here = resolve('examples/platform');
const until = '2001-06-15';
const request = { origin: 'ORD', departure: `${until}T17:30:00Z` };
const objects = ['LGA', 'MSP', 'LAX', 'PHX', 'BOS'].map((destination) => ({ destination }));

interface Answer {
  readonly objects: readonly { readonly index: number; readonly delay: number }[];
  readonly models: Readonly<Record<string, { readonly version: string }>>;
}

const processes = new Processes();
const work = await mkdtemp(join(tmpdir(), 'vivace-platform-'));
const began = performance.now();

/** Runs a step and prints how long it took. */
async function step<T>(what: string, run: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await run();
  const detail = typeof result === 'string' && result !== '' ? `: ${result}` : '';
  process.stdout.write(`${((performance.now() - from) / 1000).toFixed(1).padStart(6)} s  ${what}${detail}\n`);
  return result;
}

async function main(): Promise<void> {
  const env: Record<string, string> = {
    MODELS: join(work, 'volume'),
    MODEL_SOCKET: join(work, 'run/model.sock'),
    PYTHON: programs.python,
    COUCHBASE_PASSWORD: 'secret',
  };
  const vivace = (...args: readonly string[]): Promise<string> =>
    processes.run(
      `vivace ${args.join(' ')}`,
      [process.execPath, resolve('dist/adapters/command-line/main.js'), ...args, '-c', `${here}/vivace.yaml`],
      env,
    );
  const python = (script: string, ...args: readonly string[]): Promise<string> =>
    processes.run(script, [programs.python, join(here, script), ...args]);

  await mkdir(env['MODELS']!);
  await step('a warehouse, an online store and a bucket start', async () => {
    [env['BIGQUERY_URL'], env['GCS_URL'], env['COUCHBASE_URL']] = await Promise.all([
      startBigquery(processes, join(work, 'bigquery')),
      startGcs(processes, join(work, 'gcs')),
      startCouchbase(processes),
    ]);
  });
  await step('flights are loaded into the warehouse', async () => {
    const rows = await writeFlights(join(work, 'flights.csv'), env['BIGQUERY_URL']!);
    return `${rows.toLocaleString('en')} rows`;
  });
  await step(
    'features are materialized from the warehouse into Couchbase',
    async () => void (await vivace('materialize', '--until', until)),
  );

  const trainingSet = join(work, 'train.csv');
  await step('the pipeline builds the training set', async () =>
    (
      await vivace('training-set', 'rank-flights', '--spine', join(here, 'spine.yaml'), '--out', trainingSet)
    ).trim(),
  );
  await step('a model is trained in Python', async () =>
    (await python('train.py', trainingSet, join(work, 'model-1'))).trim(),
  );
  const push = async (version: string, ...more: readonly string[]): Promise<string> =>
    (await vivace('models', 'push', join(work, `model-${version}`), '--name', 'flight-delays', '--version', version,
        '--training-set', `${trainingSet}.manifest.json`, ...more)) // prettier-ignore
      .trim();
  await step('it is pushed to the bucket', () => push('1'));

  await step(
    'the pod starts: its init step pulls the model',
    async () => void (await vivace('models', 'pull', 'flight-delays', '--to', join(work, 'pulled'))),
  );
  await step(
    'the wrapper, in its container',
    async () =>
      void (await processes.start(
        'the wrapper',
        [
          programs.python,
          '-m',
          'vivace_wrapper',
          'serve',
          '--socket',
          env['MODEL_SOCKET']!,
          '--models',
          env['MODELS']!,
          '--max-workers',
          '4',
        ],
        { env: { PYTHONPATH: resolve('adapters/python/wrapper') } },
      )),
  );
  const address = await step('and the orchestrator, in its own', async () => serve(env));

  const first = await step('flights are ranked', async () => rank(address));
  process.stdout.write(
    first.objects
      .map(({ index, delay }) => `          ${objects[index]!.destination} ${delay.toFixed(1)} min\n`)
      .join(''),
  );

  await step('a second model is trained and pushed', async () => {
    const trained = await python('train.py', trainingSet, join(work, 'model-2'), '4');
    await push('2', '--no-alias');
    return trained.trim();
  });
  await step('it is promoted under load', async () =>
    promoteUnderLoad(address, () => vivace('models', 'promote', 'flight-delays@2')),
  );
  await step('everything stops', () => processes.stop());
  process.stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  in all\n`);
}

/** @returns The address of the orchestrator, once it is ready. */
async function serve(env: NodeJS.ProcessEnv): Promise<string> {
  let said = '';
  const child = await processes.start(
    'the orchestrator',
    [process.execPath, resolve('dist/adapters/command-line/main.js'), 'serve', '-c', `${here}/vivace.yaml`],
    { env },
  );
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return eventually(async () => {
    const address = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
    if (address === undefined) throw new Error(`the orchestrator does not say where it listens:\n${said}`);
    await checked(fetch(`${address}/health/ready`));
    return address;
  });
}

async function rank(address: string): Promise<Answer> {
  const answer = await checked(post(`${address}/v1/pipelines/rank-flights/predict`, { request, objects }));
  return (await answer.json()) as Answer;
}

/** Asks without a pause while `promote` runs and until the new version answers: every answer must be one. */
async function promoteUnderLoad(address: string, promote: () => Promise<unknown>): Promise<string> {
  const answers = new Map<string, number>();
  const done = new AbortController();
  const ask = async (): Promise<void> => {
    while (!done.signal.aborted) {
      const { version } = Object.values((await rank(address)).models)[0]!;
      answers.set(version, (answers.get(version) ?? 0) + 1);
    }
  };
  const clients = Promise.all(Array.from({ length: 4 }, ask));
  clients.catch(() => undefined);
  await promote();
  await Promise.race([
    clients,
    eventually(async () => {
      if (!answers.has('2')) throw new Error('version 2 does not serve');
      return Promise.resolve();
    }),
  ]);
  done.abort();
  await clients;
  return [...answers].map(([version, count]) => `${count} answers of version ${version}`).join(', ');
}

const missing = missingPrograms();
if (missing.length > 0) {
  process.stderr.write(`not installed: ${missing.join(', ')}; install them with: bash .ci/servers\n`);
  process.exitCode = 1;
} else {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  } finally {
    await processes.stop();
    await rm(work, { recursive: true, force: true });
  }
}
