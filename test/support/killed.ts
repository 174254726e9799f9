import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A module that a process loads first: it kills the process right before its n-th operation that changes a file below a folder, without
 * any warning to it. Operations are counted, not timed.
 */
const preload = `
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
const { KILL_AT, KILL_UNDER } = process.env;
let count = 0;
const next = () => {
  if (++count === Number(KILL_AT)) process.kill(process.pid, 'SIGKILL');
};
const isUnder = (paths) => paths.some((path) => typeof path === 'string' && path.startsWith(KILL_UNDER));
for (const name of ['mkdir', 'open', 'rename', 'rm', 'rmdir', 'symlink', 'unlink', 'utimes', 'writeFile']) {
  const own = fs[name];
  fs[name] = async (...given) => {
    if (!isUnder(given)) return own(...given);
    next();
    const answer = await own(...given);
    if (name === 'open' && given[1] !== undefined)
      for (const change of ['writeFile', 'utimes', 'sync', 'close']) {
        const method = answer[change].bind(answer);
        answer[change] = async (...more) => {
          next();
          return method(...more);
        };
      }
    return answer;
  };
}
syncBuiltinESMExports();
`;

/** Runs a Node program again and again, each time killed some operations on files later, until one run comes to its end. @returns How often. */
export async function killedAtEachOperation(
  argv: readonly string[],
  {
    directory,
    under,
    stride = 1,
    before,
    after,
  }: {
    /** Where it runs. */
    readonly directory: string;
    /** The folder whose operations are counted, absolute. */
    readonly under: string;
    /** How many operations later each run is killed; default 1. */
    readonly stride?: number;
    /** Makes what it finds. */
    readonly before: () => void | Promise<void>;
    /** Looks at what it left, after each kill. */
    readonly after: (killedAt: number, pid: number) => void | Promise<void>;
  },
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'vivace-kill-'));
  const hook = join(folder, 'kill-at.mjs');
  writeFileSync(hook, preload);
  try {
    let kills = 0;
    for (let at = 1; ; at += stride) {
      await before();
      const child = spawn(process.execPath, ['--import', hook, ...argv], {
        cwd: directory,
        env: { ...process.env, KILL_AT: String(at), KILL_UNDER: under },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      if (code === 0) return kills;
      if (signal !== 'SIGKILL') throw new Error(`it ended with ${code ?? signal}: ${stderr}`);
      kills++;
      await after(at, child.pid!);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
