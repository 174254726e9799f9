import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { caseFiles } from './cases.js';

/** What the command line asks for. */
export interface Arguments {
  readonly help: boolean;
  /** The `dist` folder of another build. */
  readonly against: string | undefined;
  readonly rounds: number;
  /** Names of cases, at least one. */
  readonly names: readonly string[];
}

export const help = `Usage: npm run bench -- [--against DIST [--rounds N]] [case…]

Measures every case, or those named, against its floor; with --against, this build against another one.

  --against DIST  the dist folder of another checkout that has been built; both builds run in turn
  --rounds N      how often each build runs a case; 5 unless told otherwise
  --help          print this

Cases, and how long one run of each takes on two cores with little else to do; a comparison takes 2 × N runs:

${Object.entries(caseFiles)
  .map(([name, { seconds }]) => `  ${name.padEnd(22)}  about ${seconds} s`)
  .join('\n')}`;

/**
 * Reads the command line.
 *
 * @throws {Error} For the first mistake, in words for the one who made it.
 */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      against: { type: 'string' },
      rounds: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { help, against, rounds = '5' } = values;
  const all = Object.keys(caseFiles);
  const unknown = positionals.filter((name) => !Object.hasOwn(caseFiles, name));
  if (unknown.length > 0)
    throw new Error(`there is no case ${unknown.join(', ')}; there are ${all.join(', ')}`);
  if (!/^[1-9]\d*$/.test(rounds))
    throw new Error(`--rounds takes a number of rounds, not ${JSON.stringify(rounds)}`);
  if (against === undefined && values.rounds !== undefined) throw new Error('--rounds is for --against');
  if (against !== undefined && !existsSync(join(against, 'test/bench/bench-case.js')))
    throw new Error(`${against} is not the dist folder of a checkout that has been built`);
  return { help, against, rounds: Number(rounds), names: positionals.length > 0 ? positionals : all };
}
