import type { LogPullOptions } from '../actions/log.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
The folder gets a folder per day, as the log has: DuckDB reads it with read_parquet('DIR/*/*.parquet', union_by_name = true), pandas with
pd.read_parquet('DIR'). Files that are there already are not fetched again.

Examples:
  vivace log pull rank-flights --to ./served
  vivace log pull rank-flights --days 2026-11-01..2026-11-30 --to ./served`;

export const addLog: AddCommand = (command, run) => {
  command
    .command('pull')
    .description('copy the files of what a pipeline served to a folder')
    .argument('<pipeline>', 'a pipeline that is logged (`record: { served: … }`)')
    .requiredOption('--to <directory>', 'the folder to copy to')
    .option(
      '--days <days>',
      'UTC days of the answers, inclusive: 2026-11-30, or 2026-11-01..2026-11-30; default: all',
    )
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--json', 'print a JSON list of the files, with their days and sizes')
    .addHelpText('after', help)
    .action(async (pipeline: string, options: LogPullOptions) =>
      (await import('../actions/log.js')).pullLog(pipeline, options, run),
    );
};
