import { defaultFile } from '../options.js';
import type { ServeOptions } from '../actions/serve.js';
import type { AddCommand } from '../run.js';

const help = `
SIGTERM and SIGINT stop it gracefully: it answers requests in flight and refuses new ones. A second signal ends it at once. Without a
log-sink part, it writes logs to standard output: lines for people on a terminal, JSON lines otherwise.

With --watch, an edit of the configuration, or of a JavaScript file that it names, is loaded and started beside what is served, which it then
replaces: no request fails. If it has mistakes or does not start, it prints why, and the last valid configuration keeps serving.

Examples:
  vivace serve
  vivace serve --config production.yaml
  vivace serve --watch --port 9000`;

export const addServe: AddCommand = (command, run) => {
  command
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option(
      '-w, --watch',
      'serve each edit of the configuration and of its JavaScript files, without failing a request',
    )
    .option(
      '-p, --port <number>',
      'port of the HTTP server, instead of the configured one; 0 takes any free one',
    )
    .option(
      '--drain-delay <ms>',
      'when told to stop, keep answering for this long while not ready, so that load balancers notice; default 0',
    )
    .option('--drain-timeout <ms>', 'when told to stop, give requests in flight this long; default 10000')
    .addHelpText('after', help)
    .action(async (options: ServeOptions) => (await import('../actions/serve.js')).serve(options, run));
};
