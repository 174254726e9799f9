import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * How many CPUs this process may keep busy: the limit of its container or of a control group around it, rounded up, and never more than the
 * machine lets it use. It is read anew with each call, since a limit may change.
 *
 * @param root Where `proc` and `sys` are.
 * @param available How many CPUs there are without a limit.
 * @returns At least 1.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
 * @see https://docs.kernel.org/scheduler/sched-bwc.html
 */
export function cpuLimit(root = '/', available = availableParallelism()): number {
  let limit = available;
  for (const { directory, version } of controlGroups(root)) {
    const cpus = version === 2 ? limitOfV2(directory) : limitOfV1(directory);
    if (cpus !== undefined) limit = Math.min(limit, cpus);
  }
  return Math.max(1, Math.ceil(limit));
}

/** What an option of threads means: 0 is the limit of the container, any other number is itself. */
export function threadsOf(option: number): number {
  return option === 0 ? cpuLimit() : option;
}

interface ControlGroup {
  readonly directory: string;
  readonly version: 1 | 2;
}

/** The groups of this process and those around them: each may have a limit. */
function controlGroups(root: string): ControlGroup[] {
  const mounted = join(root, 'sys/fs/cgroup');
  return (read(join(root, 'proc/self/cgroup')) ?? '').split('\n').flatMap((line) => {
    // Such as `0::/pod/container`, and of version 1 `4:cpu,cpuacct:/pod/container`.
    const [, number, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (number === '0' && controllers === '') return around(mounted, path, 2);
    if (!controllers!.split(',').includes('cpu')) return [];
    // The path may be that of the machine, while the container sees only its own group, as the root.
    return [controllers!, 'cpu'].flatMap((name) => around(join(mounted, name), path, 1));
  });
}

function around(mounted: string, path: string, version: 1 | 2): ControlGroup[] {
  const groups: ControlGroup[] = [];
  for (let at = path; ; at = dirname(at)) {
    groups.push({ directory: join(mounted, at), version });
    if (at === '/') return groups;
  }
}

/** `max 100000`, or a quota and a period in microseconds. */
function limitOfV2(directory: string): number | undefined {
  const [quota, period] = (read(join(directory, 'cpu.max')) ?? '').trim().split(' ');
  return share(quota, period);
}

/** A quota of -1 is none. */
function limitOfV1(directory: string): number | undefined {
  return share(read(join(directory, 'cpu.cfs_quota_us')), read(join(directory, 'cpu.cfs_period_us')));
}

function share(quota = '', period = ''): number | undefined {
  const cpus = Number(quota) / Number(period);
  return quota.trim() !== '' && Number.isFinite(cpus) && cpus > 0 ? cpus : undefined;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Another system, or one without this file: no limit is known.
    return undefined;
  }
}
