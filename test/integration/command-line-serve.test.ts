import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { clock, givenProject } from '../support/command-line.js';
import { root } from '../support/repository.js';

describe('vivace serve', () => {
  const { project, given } = givenProject();

  const log = `
      import { defineAdapter, logSink } from 'vivace';
      import { z } from 'zod';
      export const log = defineAdapter({
        provides: logSink, name: 'log', options: z.strictObject({}), create: () => ({ write() {} }),
      });`;
  const served = clock.replace(
    'parts:',
    'parts:\n  log: { use: ./log.mjs }\n  web: { use: express, port: 0 }\n  api: { use: rest, server: web }',
  );

  it('answers the curl it prints, reloads on an edit, survives a bad one, and ends with 0 on SIGTERM', async () => {
    await given({ 'vivace.yaml': served, 'log.mjs': log });
    const child = spawn(
      process.execPath,
      [join(root, 'dist/adapters/command-line/main.js'), 'serve', '--watch'],
      {
        cwd: project.directory,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const exited = once(child, 'exit');
    const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const found = pattern.exec(stderr);
        if (found !== null) return found;
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const ask = async ([, url, body]: RegExpExecArray): Promise<Record<string, unknown>> =>
      (
        (await (
          await fetch(url!, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: body!,
          })
        ).json()) as { outputs: Record<string, unknown> }
      ).outputs;
    const curl = /curl (\S+) -H 'content-type: application\/json' -d '(.*)'/;
    try {
      const first = await until(curl);
      expect(await ask(first)).to.have.keys('hour');

      stderr = '';
      await project.write({ 'vivace.yaml': served.replace('use: calendar', 'use: calender') });
      await until(/did you mean "calendar"\?[^]*the last valid configuration keeps serving/);
      expect(await ask(first)).to.have.keys('hour');

      stderr = '';
      await project.write({
        'vivace.yaml': served.replace('{ hour: calendar.hour }', '{ day: calendar.weekday }'),
      });
      expect(await ask(await until(curl))).to.have.keys('day');

      child.kill('SIGTERM');
      expect(await exited).to.deep.equal([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('keeps serving where the new one fails to start', async () => {
    await given({ 'vivace.yaml': served, 'log.mjs': log });
    const controller = new AbortController();
    let seen = '';
    let wake: () => void = () => undefined;
    const running = project.vivace(['serve', '--watch'], {
      signal: controller.signal,
      onStderr(text) {
        seen += text;
        wake();
      },
    });
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(seen)) await new Promise<void>((resolve) => (wake = resolve));
    };
    await until(/curl/);
    seen = '';
    await project.write({ 'vivace.yaml': served.replace('port: 0', 'port: 0, host: 192.0.2.1') });
    await until(/keeps serving/);
    controller.abort();
    expect((await running).code).to.equal(0);
  });

  for (const isTTY of [true, false]) {
    it(`logs ${isTTY ? 'lines for people on a terminal' : 'JSON lines where nobody looks'}`, async () => {
      await given({ 'vivace.yaml': clock });
      const preload = `data:text/javascript,Object.defineProperty(process.stdout,'isTTY',{value:${isTTY}})`;
      const main = join(root, 'dist/adapters/command-line/main.js');
      const child = spawn(process.execPath, ['--import', preload, main, 'serve', '-q'], {
        cwd: project.directory,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        let stdout = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          // A second signal would end it at once.
          if (stdout === '') child.kill('SIGTERM');
          stdout += text;
        });
        expect(await once(child, 'close')).to.deep.equal([0, null]);
        const lines = stdout.trimEnd().split('\n');
        const messages = ['ready', 'draining', 'stopped'];
        expect(lines).to.have.length(messages.length);
        if (isTTY) {
          messages.forEach((message, i) =>
            expect(lines[i]).to.match(
              new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} INFO  vivace: ${message}\\b`),
            ),
          );
        } else {
          const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
          expect(records.map(({ message }) => message)).to.deep.equal(messages);
          expect(records[0]).to.include({ 'log.level': 'info', 'vivace.part': 'vivace' });
        }
      } finally {
        child.kill('SIGKILL');
      }
    });
  }

  it('gives a start up that goes on for long, and stops what had started', async () => {
    await given({
      'vivace.yaml': served.replace('parts:', 'parts:\n  slow: { use: ./slow.mjs }'),
      'log.mjs': log,
      'slow.mjs': `
import { defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
export const slow = defineAdapter({
  provides: keyValueStore,
  name: 'slow',
  options: z.strictObject({}),
  create: () => ({
    supports: { maxBatch: 1 },
    start: ({ signal }) => new Promise((_, reject) => {
      globalThis.interruptSlow();
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
    stop: () => { globalThis.slowHasStopped = true; },
    getMany: () => [],
    putNewest: () => [],
  }),
});`,
    });
    const controller = new AbortController();
    const shared = globalThis as { interruptSlow?: () => void; slowHasStopped?: boolean };
    shared.interruptSlow = () => setImmediate(() => controller.abort());
    const { code } = await project.vivace(['serve'], { signal: controller.signal });
    expect([code, shared.slowHasStopped]).to.deep.equal([130, true]);
    delete shared.interruptSlow;
    delete shared.slowHasStopped;
  });

  it('takes another port', async () => {
    await given({
      'vivace.yaml': served.replace('port: 0', 'port: 8080, host: 127.0.0.2'),
      'log.mjs': log,
    });
    const controller = new AbortController();
    const { code, stderr } = await project.vivace(['serve', '--port', '0'], {
      signal: controller.signal,
      onStderr: () => controller.abort(),
    });
    expect(code).to.equal(0);
    expect(stderr).to.match(/serving on http:\/\/127\.0\.0\.2:(?!8080)/);
  });

  it('refuses a port that is none', async () => {
    await given({ 'vivace.yaml': served, 'log.mjs': log });
    expect((await project.vivace(['serve', '--port', 'http'])).code).to.equal(2);
  });
});
