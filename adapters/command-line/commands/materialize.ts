import type { MaterializeCommandOptions } from '../actions/materialize.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
Writes the newest row of each key up to --until, of the keys about which something may have changed since the last run: the online store remembers
what has been copied. It is safe to repeat and to interrupt: the newest row wins in any order, so an earlier --until than the last one changes
nothing. Where rows of the past are others than they were, the run ends with an error that names their days.

Examples:
  vivace materialize
  vivace materialize airport_delay route_delay --until 2001-06-15
  vivace materialize --until 2001-06-15T12:00:00Z --store history
  vivace materialize airport_delay --days 2001-06-01..2001-06-03 --restate
  vivace materialize --full
  vivace materialize --dry-run`;

export const addMaterialize: AddCommand = (command, run) => {
  command
    .argument('[view...]', 'views of the configuration; default: all that have a source')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option(
      '--until <time>',
      'rows up to then, inclusive: a date such as 2001-06-15, or an RFC 3339 time with its zone; the date of today means now; default: when the last run of the view was due (`refresh`), or now',
    )
    .option('--full', 'copy the rows of all keys, whatever was copied before')
    .option(
      '--days <first..last>',
      'copy only what happened or became known on these days (UTC), as of the end of the last; such as 2001-06-15 or 2001-06-01..2001-06-15',
    )
    .option('--restate', 'write rows of the past that have changed in the source, so that they win')
    .option('--trust-closed', 'do not compare rows of the past with what they were')
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
