import type { MaterializeCommandOptions } from '../actions/materialize.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
Writes the newest row of each key up to --until. It is safe to repeat and to interrupt: the newest row wins in any order, so an earlier --until than
the last one changes nothing.

Examples:
  vivace materialize
  vivace materialize airport_delay route_delay --until 2001-06-15
  vivace materialize --until 2001-06-15T12:00:00Z --store history
  vivace materialize --dry-run`;

export const addMaterialize: AddCommand = (command, run) => {
  command
    .argument('[view...]', 'views of the configuration; default: all that have a source')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option(
      '--until <time>',
      'rows up to then, inclusive: a date such as 2001-06-15, or an RFC 3339 time with its zone; default: when the last run of the view was due (`refresh`), or now',
    )
    .option('--store <part>', 'the offline-store part; default: the only one')
    .option('--dry-run', 'print the bytes that the warehouse would bill for each view, and copy nothing')
    .option(
      '--json',
      'print a JSON list of views, with their rows and those that changed, or with their bytes',
    )
    .addHelpText('after', help)
    .action(async (views: string[], options: MaterializeCommandOptions) =>
      (await import('../actions/materialize.js')).materialize(views, options, run),
    );
};
