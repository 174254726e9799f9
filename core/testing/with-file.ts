import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Lends a path, in a directory that is removed afterwards. */
export async function withFile<T>(name: string, work: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'vivace-contract-'));
  try {
    return await work(join(directory, name));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
