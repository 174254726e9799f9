import type { ReloadOptions } from '../actions/reload-models.js';
import type { AddCommand } from '../run.js';

const help = `
Servers look for new versions by themselves, every refreshMs of a model-predictor. This has a running server look at once, and ends when
the version serves, or with the reason why it does not. The server has operations with admin: true, on loopback, so it runs on the same machine:

  inner: { use: express, port: 9090 }
  admin: { use: operations, server: inner, admin: true }

NAME is a predictor of the server, or a model, which means every predictor that serves it.

Examples:
  vivace models reload --url http://127.0.0.1:9090
  vivace models reload iris --url http://127.0.0.1:9090 --json`;

export const addReloadModels: AddCommand = (command, run) => {
  command
    .command('reload')
    .argument('[name]', 'a predictor, or a model; default: every predictor')
    .description('have a running server look for new versions at once')
    .requiredOption('--url <url>', 'the address of its operations, with their prefix')
    .option('--json', 'print a JSON list of predictor, name, version and the version before')
    .addHelpText('after', help)
    .action(async (name: string | undefined, options: ReloadOptions) =>
      (await import('../actions/reload-models.js')).reload(name, options, run),
    );
};
