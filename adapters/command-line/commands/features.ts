import type { CollectFeaturesCommandOptions } from '../actions/collect-features.js';
import type { DeleteFeaturesCommandOptions } from '../actions/delete-features.js';
import type { GetFeaturesCommandOptions } from '../actions/get-features.js';
import type { PushFeaturesCommandOptions } from '../actions/push-features.js';
import type { ShowFeaturesCommandOptions } from '../actions/show-features.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const pushHelp = `
The file is .csv with a header, .jsonl or .json with a list of objects, or, where the configuration has a warehouse, .parquet; - is JSON lines from standard input. Each
row has every key and every feature of the view, and its event time: RFC 3339, or in CSV also a date or a time without a zone, which is UTC. An empty cell of a CSV file
is null, "" the empty text; lists and vectors are JSON.

Rows that are wrong are named with their line, and the others are written; the exit code is then 1. It is safe to repeat and to interrupt: what is stored already is not
written again. The rows go to the store of the configuration itself, whether a server runs or not.

Examples:
  vivace features push prices.csv --view price
  vivace features push prices.parquet --view price --json
  vivace features push prices.csv --view price --event-time updated_at
  psql -Atc "select row_to_json(p) from prices p" | vivace features push - --view price`;

const getHelp = `
Shows each row as a pipeline with the default policies sees it now: its status, its times, and each feature with its value, status and default. A key that is given
several times is several rows.

Examples:
  vivace features get airport_delay --key airport=ORD
  vivace features get route_delay --key origin=ORD --key destination=LAX --key destination=JFK
  vivace features get airport_delay --key airport=ORD --json | jq '.[0].features'`;

const showHelp = `
Reads the source of the view through its warehouse, and takes the row of each key that counts: what \`vivace materialize\` would copy. Quantiles are exact up to 20,000
rows, and those of a sample beyond. The rows of a view without a source, which nothing keeps, are only in the online store, which is read by key: see \`vivace features get\`.

Examples:
  vivace features show airport_delay
  vivace features show airport_delay --until 2001-06-15 --json`;

const deleteHelp = `
The file has a column for each key of the view: .csv with a header, .jsonl or .json with a list of objects; - is JSON lines from standard input. The keys are deleted
from every version of the view that its online store holds, until a row with a later event time is written, and their rows from the files of
logs: of what was pushed into the view, and of what was served by pipelines that fetch it. Rows of a source are their owner's to delete: until that is done, the next run of
vivace materialize may write a key again, and training sets have it.

Examples:
  vivace features delete customer --keys gone.csv --dry-run
  vivace features delete customer --keys gone.csv
  echo '{"customer": "c17"}' | vivace features delete customer --keys -`;

const gcHelp = `
A version stays that one of the configurations names, or whose last run of vivace materialize is younger than --older-than: name every configuration that is in use. The store
is that of the first one. Versions without a run, such as those of views that are pushed, are not listed.

Examples:
  vivace features gc --older-than 14d --dry-run
  vivace features gc -c ranking.yaml -c pricing.yaml --older-than 14d`;

/** `vivace features` and what is under it. */
export const addFeatures: AddCommand = (command, run) => {
  command
    .command('push')
    .description('write the rows of a file to a view whose rows are pushed')
    .argument('<file>', 'CSV, JSON lines, JSON or Parquet; - for JSON lines from standard input')
    .requiredOption('--view <view>', 'the view')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--event-time <column>', 'the column of a CSV file that is the event time', 'eventTime')
    .option('--warehouse <part>', 'the warehouse part that reads Parquet; default: the only one')
    .option('--json', 'print rows, those accepted and written, and what is wrong with the others as JSON')
    .addHelpText('after', pushHelp)
    .action(async (file: string, options: PushFeaturesCommandOptions) =>
      (await import('../actions/push-features.js')).pushFile(file, options, run),
    );
  command
    .command('get')
    .description('show what the online store has for a key')
    .argument('<view>', 'a view of the configuration')
    .option('--key <key>', 'a key and its value, such as airport=ORD; may be repeated', gather, [])
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--json', 'print a JSON list of rows: key, status, times, age and features')
    .addHelpText('after', getHelp)
    .action(async (view: string, options: GetFeaturesCommandOptions) =>
      (await import('../actions/get-features.js')).getKeys(view, options, run),
    );
  command
    .command('show')
    .description('show what the features of a view look like over all its keys')
    .argument('<view>', 'a view of the configuration, with a source')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--until <time>', 'as of then: a date such as 2001-06-15, or an RFC 3339 time; default: now')
    .option('--store <part>', 'the offline-store part; default: the only one')
    .option(
      '--json',
      'print rows, freshness, and nulls, quantiles and frequent values of each feature as JSON',
    )
    .addHelpText('after', showHelp)
    .action(async (view: string, options: ShowFeaturesCommandOptions) =>
      (await import('../actions/show-features.js')).showView(view, options, run),
    );
  command
    .command('delete')
    .description('delete keys from every version of a view, and from logs')
    .argument('<view>', 'a view of the configuration')
    .requiredOption('--keys <file>', 'CSV, JSON lines or JSON; - for JSON lines from standard input')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--dry-run', 'print what would be deleted, and delete nothing')
    .option(
      '--json',
      'print the number of keys, and what was removed from each version and each log, as JSON',
    )
    .addHelpText('after', deleteHelp)
    .action(async (view: string, options: DeleteFeaturesCommandOptions) =>
      (await import('../actions/delete-features.js')).deleteKeys(view, options, run),
    );
  command
    .command('gc')
    .description('drop versions of views that no configuration names any more')
    .option('-c, --config <file>', 'a configuration that is in use; may be repeated', gather, [])
    .requiredOption('--older-than <age>', 'only versions without a run for so long, such as 14d')
    .option('--store <part>', 'the online-store part; default: the only one')
    .option('--dry-run', 'print what would be dropped, and drop nothing')
    .option('--json', 'print a JSON list of versions, and why they stay')
    .addHelpText('after', gcHelp)
    .action(async (options: CollectFeaturesCommandOptions) =>
      (await import('../actions/collect-features.js')).collect(options, run),
    );
};

function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
