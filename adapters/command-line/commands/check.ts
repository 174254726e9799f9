import type { CheckOptions } from '../actions/check.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
Prints every mistake with its line and path. If there are none, it draws the parts, the views and the plan of each pipeline, and
loads every model that it can reach, into a directory that it removes again. It opens no port and writes nothing. It fails where a server
could not start: a model that is missing or corrupt, an alias that names nothing, a self-test that does not hold.

A repository that does not answer is only said. With --strict, for CI, it is a failure.

With --connect, it also starts every store, repository and warehouse by itself, asks it something that changes nothing, and prints how
long that took. The command fails if any of them does. Then it compares the views with their sources: columns that are not there or of
another type, and values that are not what a view declares. Times without a zone are UTC.

Examples:
  vivace check
  vivace check --strict
  vivace check --config production.yaml --connect`;

export const addCheck: AddCommand = (command, run) => {
  command
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--connect', 'try every backend, and print how long it takes')
    .option('--strict', 'fail where something could not be checked')
    .option('--timeout <seconds>', 'how long a backend may take', '10')
    .option('--json', 'print mistakes, and what was not checked, as JSON')
    .addHelpText('after', help)
    .action(async (options: CheckOptions) => (await import('../actions/check.js')).check(options, run));
};
