import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where process ids mean the same: the machine, and on Linux the pid namespace, which containers of one pod do not share. */
const place = ((): string => {
  try {
    return `${hostname()}/${readlinkSync('/proc/self/ns/pid')}`.replace(/[^A-Za-z0-9]/g, '');
  } catch {
    return hostname().replace(/[^A-Za-z0-9]/g, '');
  }
})();

/** A name that nobody else takes, and that tells who took it: `<place>-<pid>-<random>`. */
export function ownedName(): string {
  return `${place}-${process.pid}-${randomUUID().replaceAll('-', '')}`;
}

/** Whether the owner of such a name is known to be alive or dead; `undefined` where this process cannot know. */
export function isAlive(name: string): boolean | undefined {
  const [where, pid] = name.split('-');
  if (where !== place || pid === undefined) return undefined;
  try {
    return process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
