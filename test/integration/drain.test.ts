import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const configuration = `
parts:
  calendar: { use: calendar }
  web: { use: express, port: 0 }
  api: { use: rest, server: web }
  ops: { use: operations, server: web }
  log: { use: pino, level: error }
pipelines:
  calendar:
    request: { at: timestamp }
    time: request.at
    steps: [{ transform: calendar }]
    response: { outputs: { hour: calendar.hour } }
`;
const body = JSON.stringify({ request: { at: '2001-06-15T08:30:00Z' } });

/** One request: its status; `refused` where a new connection was not accepted; `cut` where one that stood has failed the request. */
function ask(url: URL, agent: Agent): Promise<number | 'refused' | 'cut'> {
  return new Promise((resolve) => {
    const sent = request(
      url,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        response
          .resume()
          .on('end', () => resolve(response.statusCode!))
          .on('error', () => resolve('cut'));
      },
    );
    sent.on('error', () => resolve(sent.reusedSocket ? 'cut' : 'refused'));
    sent.end(body);
  });
}

async function addressOf(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stderr! })) {
    const address = /serving on (\S+)/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error('it does not serve');
}

describe('vivace serve, told to stop', () => {
  let directory: string;
  let child: ChildProcess;
  let exited: Promise<number | null>;

  const serve = async (...options: string[]): Promise<string> => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-drain-'));
    const file = join(directory, 'vivace.yaml');
    writeFileSync(file, configuration);
    child = spawn(process.execPath, ['dist/adapters/command-line/main.js', 'serve', '-c', file, ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    exited = new Promise((resolve) => child.on('close', resolve));
    return addressOf(child);
  };
  afterEach(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });

  it('answers every request that it accepted under load, then exits with 0', async () => {
    const url = new URL('/v1/pipelines/calendar/predict', await serve());
    const outcomes = new Map<number | string, number>();
    let answered = 0;
    const client = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let i = 0; i < 5000; i++) {
        const outcome = await ask(url, agent);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (outcome === 200 && ++answered === 200) child.kill('SIGTERM');
        if (outcome === 'refused') return;
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    expect(outcomes.get(200)).to.be.at.least(200);
    expect([...outcomes.keys()].filter((outcome) => ![200, 503, 'refused'].includes(outcome))).to.deep.equal(
      [],
    );
    expect(await exited).to.equal(0);
  });

  it('answers on, not ready, for the drain delay', async () => {
    const address = await serve('--drain-delay', '1500');
    child.kill('SIGTERM');
    let ready = 200;
    while (ready === 200) ready = (await fetch(`${address}/health/ready`)).status;
    expect(ready).to.equal(503);
    expect(await ask(new URL('/v1/pipelines/calendar/predict', address), new Agent())).to.equal(200);
    expect(await exited).to.equal(0);
  });
});
