import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { caseFiles } from './cases.js';
import { compare, type Pair } from './compare.js';
import { runCase } from './run-case.js';
import { comparisonTable } from './table.js';

const dist = resolve(import.meta.dirname, '../..');

/**
 * Measures another build against this one, with its progress on standard error.
 *
 * @param against The other build's `dist` folder.
 * @returns The table of both, and a line for everything that could not be compared.
 * @throws The reason of `signal`, once that has aborted.
 */
export async function measureAgainst(
  against: string,
  {
    names,
    rounds,
    signal,
  }: { readonly names: readonly string[]; readonly rounds: number; readonly signal: AbortSignal },
): Promise<string> {
  const dists = { old: resolve(against), new: dist };
  const results: [string, readonly Pair[]][] = [];
  const missing: string[] = [];
  for (const name of names) {
    const directory = await mkdtemp(join(tmpdir(), 'vivace-bench-'));
    let runs = 0;
    try {
      const { pairs, unpaired } = await compare(async (build) => {
        console.error(`(${name}) round ${(runs++ >> 1) + 1} of ${rounds}, ${build} …`);
        return runCase({ dist: dists[build], module: caseFiles[name]!.module }, { directory, signal });
      }, rounds);
      results.push([name, pairs]);
      missing.push(...unpaired.map((what) => `(${name}) only ${what}`));
    } catch (error) {
      signal.throwIfAborted();
      missing.push(`(${name}) not compared: ${(error as Error).message}`);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  const tables = results.length > 0 ? [comparisonTable(results)] : [];
  return [...tables, missing.join('\n')].join('\n\n').trimEnd();
}
