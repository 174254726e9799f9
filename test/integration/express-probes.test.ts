import { expect } from 'chai';
import hostExpress from 'express';
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { createServer, httpServer } from 'vivace';
import { express } from 'vivace/adapters/express';
import { startPart, type TestPart } from 'vivace/testing';
import { Pulse } from 'vivace/wire';
import { thrownBy } from '../support/scripted.js';

/** What the three paths answer, in the order live, ready, startup. */
async function answersOf(address: string): Promise<number[]> {
  const answers = ['live', 'ready', 'startup'].map((name) => fetch(`${address}/health/${name}`));
  return Promise.all(answers.map(async (answer) => (await answer).status));
}

/** Writes that the last heartbeat was so long ago. */
function age(memory: SharedArrayBuffer, ms: number): void {
  Atomics.store(new BigInt64Array(memory, 0, 1), 0, process.hrtime.bigint() - BigInt(ms) * 1_000_000n);
}

describe('Probes of express', () => {
  let part: TestPart;
  let address: string;
  let pulse: Pulse;
  const start = async (probes: object = {}, more: object = {}): Promise<void> => {
    part = await startPart(express, { port: 0, ...more, probes: { port: 0, ...probes } });
    pulse = new Pulse();
    address = part.face(httpServer).probes!(pulse.memory)!;
  };
  afterEach(() => part.stop());

  it('are answered with 503 until the server says how it is', async () => {
    await start();
    expect(await answersOf(address)).to.deep.equal([503, 503, 503]);
    pulse.beat({ started: false, ready: false });
    expect(await answersOf(address)).to.deep.equal([200, 503, 503]);
  });

  it('say what the server says', async () => {
    await start();
    pulse.beat({ started: true, ready: true });
    expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
    pulse.beat({ started: true, ready: false });
    expect(await answersOf(address)).to.deep.equal([200, 503, 200]);
    const answer = await fetch(`${address}/health/ready`);
    expect(await answer.json()).to.deep.equal({ ready: false, reason: 'the server is not ready' });
    expect(answer.headers.get('cache-control')).to.equal('no-store');
  });

  it('are not ready once the heartbeat is 5 s old, and not live once it is as old as stuckAfterMs', async () => {
    await start({ stuckAfterMs: 60_000 });
    pulse.beat({ started: true, ready: true });
    age(pulse.memory, 5_500);
    expect(await answersOf(address)).to.deep.equal([200, 503, 200]);
    age(pulse.memory, 60_500);
    expect(await answersOf(address)).to.deep.equal([503, 503, 200]);
    const { reason } = (await (await fetch(`${address}/health/live`)).json()) as { reason: string };
    expect(reason).to.match(/^the event loop has not turned for 60\d{3} ms$/);
    pulse.beat({ started: true, ready: true });
    expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
  });

  it('take 30 s for stuck by default', async () => {
    await start();
    pulse.beat({ started: true, ready: true });
    age(pulse.memory, 20_000);
    expect((await answersOf(address))[0]).to.equal(200);
    age(pulse.memory, 30_500);
    expect((await answersOf(address))[0]).to.equal(503);
  });

  it('are the three paths, to be read, and nothing else', async () => {
    await start();
    pulse.beat({ started: true, ready: true });
    expect((await fetch(`${address}/health/live`, { method: 'HEAD' })).status).to.equal(200);
    for (const [path, method] of [
      ['/', 'GET'],
      ['/metrics', 'GET'],
      ['/health/live', 'POST'],
      ['/toString', 'GET'],
    ] as const)
      expect((await fetch(address + path, { method })).status, path).to.equal(404);
  });

  it('are answered where the server is mounted in an application, too', async () => {
    await start({}, { router: hostExpress.Router() });
    pulse.beat({ started: true, ready: true });
    expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
  });

  it('end with the part', async () => {
    await start();
    await part.stop();
    const { message } = await thrownBy(fetch(`${address}/health/live`));
    expect(message).to.equal('fetch failed');
  });

  it('say at the start which port is in use', async () => {
    const taken = createTcpServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    try {
      await start();
      const { port } = taken.address() as AddressInfo;
      const { code, message } = await thrownBy(startPart(express, { port: 0, probes: { port } }));
      expect([code, message]).to.deep.equal([
        'FAILED_PRECONDITION',
        `express: port ${port} on 127.0.0.1 is in use: stop what listens there, or set another \`port\` (0 takes any free one)`,
      ]);
    } finally {
      taken.close();
    }
  });

  it('are not there unless asked for', async () => {
    part = await startPart(express, { port: 0 });
    expect(part.face(httpServer).probes!(new Pulse().memory)).to.equal(undefined);
  });
});

describe('Probes of a server that another one takes over', () => {
  const freePort = async (): Promise<number> => {
    const listening = createTcpServer();
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const { port } = listening.address() as AddressInfo;
    await new Promise((resolve) => listening.close(resolve));
    return port;
  };

  for (const [what, bodyLimitBytes] of [
    ['kept', 1_000_000],
    ['replaced', 2_000_000],
  ] as const) {
    it(`are about the one that serves, where the HTTP server is ${what}`, async () => {
      const [port, probesPort] = [await freePort(), await freePort()];
      const specification = (limit: number, maxInFlight: number) => ({
        parts: {
          web: { use: 'express', port, bodyLimitBytes: limit, probes: { port: probesPort } },
          api: { use: 'rest', server: 'web' },
        },
        admission: { maxInFlight },
        pipelines: {},
      });
      const address = `http://127.0.0.1:${probesPort}`;
      const first = await createServer(specification(1_000_000, 1));
      await first.start();
      const second = await createServer({ ...specification(bodyLimitBytes, 2), inherit: first });
      try {
        expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
        await second.start();
        expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
        await first.stop();
        expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
      } finally {
        await second.stop();
      }
      expect(await thrownBy(fetch(`${address}/health/live`))).to.be.an('error');
    });
  }
});

/** A server whose event loop is blocked for as long as a line on standard input says, milliseconds. */
const program = `
  import { createInterface } from 'node:readline';
  import { createServer, defineAdapter, logSink } from 'vivace';
  import { z } from 'zod';
  const log = defineAdapter({
    provides: logSink,
    name: 'lines',
    options: z.strictObject({}),
    create: () => ({ write: ({ message, fields }) => console.log(JSON.stringify({ message, ...fields })) }),
  });
  const server = await createServer({
    parts: { log: { use: log }, web: { use: 'express', port: 0, probes: { port: 0, stuckAfterMs: 1000 } } },
    pipelines: {},
  });
  await server.start();
  createInterface({ input: process.stdin })
    .on('line', (ms) => {
      const until = performance.now() + Number(ms);
      while (performance.now() < until);
    })
    .on('close', () => server.stop());
`;

describe('A server with probes', () => {
  let child: ChildProcess;
  afterEach(() => child.kill('SIGKILL'));

  it('is not live while its event loop is blocked, is live again afterwards, and not ready while it stops', async () => {
    child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let address = '';
    for await (const line of createInterface({ input: child.stdout! })) {
      const { message, addresses } = JSON.parse(line) as { message: string; addresses?: string[] };
      address = addresses?.[0] ?? address;
      if (message === 'ready') break;
    }
    const live = async (): Promise<number> => (await fetch(`${address}/health/live`)).status;
    expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
    child.stdin!.write('3000\n');
    while ((await live()) === 200);
    while ((await live()) === 503);
    expect(await answersOf(address)).to.deep.equal([200, 200, 200]);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin!.end();
    expect(await ended).to.equal(0);
  });
});
