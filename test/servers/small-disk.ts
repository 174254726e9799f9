import { execFile } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SmallDisk {
  readonly directory: string;
  remove(): Promise<void>;
}

/** A file system of its own that is soon full; `undefined` where this process may not mount one. */
export async function smallDisk(sizeBytes: number): Promise<SmallDisk | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'vivace-disk-'));
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', directory]).then(
    () => true,
    () => false,
  );
  if (!mounted) {
    await rmdir(directory);
    return undefined;
  }
  return {
    directory,
    remove: async () => {
      await run('umount', [directory]);
      await rmdir(directory);
    },
  };
}
