import { readFile } from 'node:fs/promises';
import type { Usage } from './child.js';

/** Ticks of a process' CPU time in /proc, microseconds: USER_HZ is 100 on every Linux that Node supports. */
const tickMicros = 10_000;

/** What another process has used since it began. */
export async function processUsage(pid: number): Promise<Usage> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  // The name in parentheses may hold blanks; utime and stime are the fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuMicros = (Number(fields[11]) + Number(fields[12])) * tickMicros;
  return { cpuMicros, maxRssBytes: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024 };
}

/** The processes below one, as Linux lists them. */
export async function processesBelow(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
  return [...children, ...(await Promise.all(children.map(processesBelow))).flat()];
}

/** CPU time of this process and of all below it, microseconds. */
export async function cpuWithChildren(): Promise<number> {
  const { user, system } = process.cpuUsage();
  const below = await Promise.all((await processesBelow(process.pid)).map(processUsage));
  return below.reduce((sum, { cpuMicros }) => sum + cpuMicros, user + system);
}
