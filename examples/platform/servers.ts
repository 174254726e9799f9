/** Stand-ins for BigQuery, Cloud Storage and Couchbase, each a process on loopback. `.ci/servers` of the repository installs them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const vendor = resolve('vendor');

/** What the example starts, and where it finds it. */
export const programs = {
  bigquery: join(vendor, 'bqemulator/bin/bqemulator'),
  gcs: join(vendor, 'bin/fake-gcs-server'),
  couchbase: join(vendor, 'CouchbaseMock-1.5.25.jar'),
  python: join(vendor, 'python/bin/python'),
} as const;

/** Those of them that are not installed. */
export function missingPrograms(): string[] {
  return Object.values(programs).filter((path) => !existsSync(path));
}

/** Every process that the example has started; it ends them by their ids. */
export class Processes {
  readonly #running: { readonly what: string; readonly child: ChildProcess }[] = [];

  /**
   * Starts a program. What it prints is kept for the message of its failure.
   *
   * @param options.ready Resolves when it answers.
   */
  async start(
    what: string,
    command: readonly string[],
    options: {
      readonly env?: NodeJS.ProcessEnv;
      readonly ready?: (child: ChildProcess) => Promise<void>;
    } = {},
  ): Promise<ChildProcess> {
    const [program, ...args] = command;
    const child = spawn(program!, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000)));
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${what} ended with ${String(code)}:\n${output}`);
    });
    ended.catch(() => undefined);
    this.#running.push({ what, child });
    await Promise.race([options.ready?.(child), ended]);
    return child;
  }

  /** Runs a program to its end, and gives what it wrote to standard output. */
  async run(what: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const [program, ...args] = command;
    const child = spawn(program!, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${what} ended with ${code}:\n${errors}${out}`);
    return out;
  }

  /** Ends all, the last first, each with time to finish. */
  async stop(): Promise<void> {
    for (const { child } of this.#running.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exit;
      clearTimeout(insist);
    }
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Repeats what fails until it does not, for at most a minute. */
export async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + 60_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(50);
    }
  }
}

/** @returns The address of the emulator, with an empty dataset `flights`. */
export async function startBigquery(processes: Processes, directory: string): Promise<string> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const datasets = `${url}/bigquery/v2/projects/test/datasets`;
  await processes.start(
    'the BigQuery emulator',
    [
      programs.bigquery,
      ...`start --rest-port ${port} --grpc-port ${grpcPort} --project test --log-level error --persistent`.split(
        ' ',
      ),
      '--data-dir',
      directory,
    ],
    {
      env: { HOME: join(vendor, 'bqemulator') },
      ready: () => eventually(async () => void (await checked(fetch(datasets)))),
    },
  );
  await checked(post(datasets, { datasetReference: { projectId: 'test', datasetId: 'flights' } }));
  return url;
}

/** @returns The address of the server, with an empty bucket `models`. */
export async function startGcs(processes: Processes, directory: string): Promise<string> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await processes.start(
    'the Cloud Storage server',
    [
      programs.gcs,
      ...`-scheme=http -host=127.0.0.1 -port=${port} -external-url= -log-level=error -backend=memory`.split(
        ' ',
      ),
      `-filesystem-root=${directory}`,
    ],
    { ready: () => listening(port) },
  );
  await checked(post(`${url}/storage/v1/b?project=test`, { name: 'models' }));
  return url;
}

/** @returns The address of the mock, whose bucket `app` has the password `secret`. */
export async function startCouchbase(processes: Processes): Promise<string> {
  const control = createServer().listen(0, '127.0.0.1');
  await once(control, 'listening');
  const { port } = control.address() as AddressInfo;
  let kvPort = 0;
  await processes.start(
    'the Couchbase mock',
    [
      'java',
      ...`-Djava.net.preferIPv4Stack=true -jar ${programs.couchbase} --cccp --host 127.0.0.1 --port 0`.split(
        ' ',
      ),
      ...`--harakiri-monitor 127.0.0.1:${port} --nodes 1 --vbuckets 64 --replicas 0 --buckets app:secret:couchbase`.split(
        ' ',
      ),
    ],
    { ready: async () => void (kvPort = await keyValuePort(control)) },
  );
  return `couchbase://127.0.0.1:${kvPort}?sasl_mech_force=PLAIN`;
}

/** The mock first says its REST port, then answers lines of JSON. It ends when this connection does. */
async function keyValuePort(control: Server): Promise<number> {
  const [socket] = (await once(control, 'connection')) as [Socket];
  control.close();
  await once(socket, 'data');
  socket.write(`${JSON.stringify({ command: 'GET_MCPORTS', payload: { bucket: 'app' } })}\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.unref();
  return (JSON.parse(answer.toString()) as { readonly payload: readonly number[] }).payload[0]!;
}

async function listening(port: number): Promise<void> {
  await eventually(async () => {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
    } finally {
      socket.destroy();
    }
  });
}

/** Posts JSON. */
export async function post(url: string, body: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** The answer, where it is not an error. */
export async function checked(asked: Promise<Response>): Promise<Response> {
  const answer = await asked;
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}
