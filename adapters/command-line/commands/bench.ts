import type { BenchOptions } from '../actions/bench.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
Requests come at random moments, --rate of them per second, whether or not earlier ones have been answered. The time of an answer counts
from the moment at which its request was due. One request is sent beforehand and not counted, so that a wrong one is seen at once.

Without --url, the configuration runs in this process, without transports: the measured time includes reading the request and writing the
answer, but no HTTP. With --url, the requests go to a server with the REST API; its configuration is read only where requests are generated.

Ctrl-C ends it with the figures so far. It fails, with exit code 3, where no request was answered.

Examples:
  vivace bench iris --rate 500
  vivace bench rank-flights --rate 200 --seconds 30 --file requests.json --json
  vivace bench iris --rate 1000 --url http://127.0.0.1:8080`;

export const addBench: AddCommand = (command, run) => {
  command
    .argument('<pipeline>', 'a pipeline of the configuration')
    .requiredOption('--rate <number>', 'requests per second')
    .option('--seconds <number>', 'how long requests are sent', '10')
    .option('--url <url>', 'the address of a running server; default: in process')
    .option(
      '--file <file>',
      'a request, or a list of requests to send in turn, as JSON; default: requests made from the schema',
    )
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', help)
    .action(async (pipeline: string, options: BenchOptions) =>
      (await import('../actions/bench.js')).bench(pipeline, options, run),
    );
};
