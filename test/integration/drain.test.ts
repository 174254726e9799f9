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

describe('vivace serve, told to stop under load', () => {
  it('answers every request that it accepted, then exits with 0', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vivace-drain-'));
    writeFileSync(join(directory, 'vivace.yaml'), configuration);
    const child = spawn(
      process.execPath,
      ['dist/adapters/command-line/main.js', 'serve', '-c', join(directory, 'vivace.yaml')],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
    try {
      const url = new URL('/v1/pipelines/calendar/predict', await addressOf(child));
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
      expect(
        [...outcomes.keys()].filter((outcome) => ![200, 503, 'refused'].includes(outcome)),
      ).to.deep.equal([]);
      expect(await exited).to.equal(0);
    } finally {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true });
    }
  });
});
