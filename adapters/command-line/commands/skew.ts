import type { SkewCommandOptions } from '../actions/skew.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
Reads what the pipeline has served from its log, and computes each fetched row anew, as training sets do. For each fetch and each of its features it
prints the rows that differ, how far numbers are off, and why: definition, outage, expired, restated, behind, cached, late, ahead, rounding, or
unexplained. It also compares the last runs of materialize with the \`refresh\` of the views, and prints the value to set.

Exits with 4 where more rows are unexplained than --allow.

Examples:
  vivace skew rank-flights --from 2026-11-01 --to 2026-11-08
  vivace skew rank-flights --from 2026-11-29T12:00Z --allow 0.1%
  vivace skew rank-flights --no-ledger --json`;

export const addSkew: AddCommand = (command, run) => {
  command
    .argument('<pipeline>', 'a pipeline that is logged (`record: { served: … }`)')
    .option(
      '--from <time>',
      'request times from then on: a date such as 2026-11-30, which is its midnight UTC, or an RFC 3339 time with its zone; default: all',
    )
    .option('--to <time>', 'request times before then; default: all')
    .option(
      '--allow <rows>',
      'how many rows may be unexplained, as 10, or which share of those compared, as 0.1%',
      '0',
    )
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--store <part>', 'the offline-store part; default: the only one')
    .option(
      '--no-ledger',
      'do not connect to the online stores, whose ledgers tell what had been copied when: late and expired rows then count as behind',
    )
    .option('--json', 'print the report as JSON, with some rows for each cause')
    .addHelpText('after', help)
    .action(async (pipeline: string, options: SkewCommandOptions) =>
      (await import('../actions/skew.js')).skew(pipeline, options, run),
    );
};
