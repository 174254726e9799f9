import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where process ids mean the same: the machine, and on Linux the pid namespace, which containers of one pod do not share. */
const place = ((): string => {
  try {
    return `${hostname()}/${readlinkSync('/proc/self/ns/pid')}`.replace(/[^A-Za-z0-9]/g, '');
  } catch {
    return hostname().replace(/[^A-Za-z0-9]/g, '');
  }
})();

/** After this time without a sign of life, an owner that nobody can ask about is taken for dead. */
const silentMs = 60 * 60 * 1000;

/** How often an owner gives a sign of life. */
export const signMs = 10 * 60 * 1000;

/** What is said where nobody knows when a process was born. */
const unknown = '0';

/** A name that nobody else takes, and that tells who took it: `<place>-<pid>-<born>-<random>`. */
export function ownedName(): string {
  return [place, process.pid, bornAt('self'), randomUUID().replaceAll('-', '')].join('-');
}

/** Whether the owner of such a name is known to be alive or dead; `undefined` where this process cannot know. */
export function isAlive(name: string): boolean | undefined {
  const [where, pid, born = unknown] = name.split('-');
  if (where !== place || pid === undefined) return undefined;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // Ids are used again, and in a container each process that starts has that of the one that was killed.
  const bornNow = bornAt(pid);
  return born === unknown || bornNow === unknown || born === bornNow;
}

/**
 * Whether the owner of such a name is dead, or has not been heard of for so long that it is taken for dead.
 *
 * @param lastChange When the owner last showed that it lives, epoch milliseconds; asked where nobody can know.
 */
export async function isGone(name: string, lastChange: () => Promise<number | undefined>): Promise<boolean> {
  const alive = isAlive(name);
  if (alive !== undefined) return !alive;
  const at = await lastChange();
  return at !== undefined && Date.now() - at > silentMs;
}

/**
 * When a process was born, in ticks since the machine started; `unknown` where the system does not say.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, field 22
 */
function bornAt(pid: string): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in brackets, may hold spaces and brackets itself.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? unknown;
  } catch {
    return unknown;
  }
}
