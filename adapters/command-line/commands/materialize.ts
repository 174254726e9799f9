import {
  estimateViews,
  materializeViews,
  offlineStore,
  onlyPart,
  withServer,
  type MaterializeOptions,
  type Server,
  type ViewProgress,
} from 'vivace';
import { defaultFile, loadConfiguration, mistake, type WithConfig } from '../configuration.js';
import { count, Progress, size } from '../progress.js';
import type { AddCommand } from '../run.js';
import { lastMoment } from '../times.js';
import type { Terminal } from '../terminal.js';

interface Options extends WithConfig {
  readonly until?: string;
  readonly store?: string;
  readonly dryRun?: boolean;
}

const help = `
Writes the newest row of each key up to --until. It is safe to repeat and to interrupt: the newest row wins in any order, so an earlier --until than
the last one changes nothing.

Examples:
  vivace materialize
  vivace materialize airport_delay route_delay --until 2001-06-15
  vivace materialize --until 2001-06-15T12:00:00Z --store history
  vivace materialize --dry-run`;

export const addMaterialize: AddCommand = (program, { terminal }) => {
  program
    .command('materialize')
    .argument('[view...]', 'views of the configuration; default: all that have a source')
    .description('copy the newest feature rows from the offline to the online store')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option(
      '--until <time>',
      'rows up to then, inclusive: a date such as 2001-06-15, or an RFC 3339 time with its zone; default: now',
    )
    .option('--store <part>', 'the offline-store part; default: the only one')
    .option('--dry-run', 'print the bytes that the warehouse would bill for each view, and copy nothing')
    .addHelpText('after', help)
    .action(async (views: string[], { until, store: wanted, dryRun, ...options }: Options) => {
      const untilMs = until === undefined ? Date.now() : lastMoment('--until', until);
      await withServer(await loadConfiguration(options, terminal), (server) => {
        const store = onlyPart(server, offlineStore, { wanted, say: '--store' });
        if (dryRun === true) return printEstimates(server, { views, untilMs, store }, terminal);
        if (server.part(offlineStore, store).supports?.volatile === true) {
          throw mistake(
            `"${store}" copies to a store that ends with this command, so nothing would be left of it: name one that stays, such as lmdb or redis, or call materializeViews in the process that answers`,
          );
        }
        return materialize(server, { views, untilMs, store }, terminal);
      });
    });
};

async function materialize(server: Server, options: MaterializeOptions, terminal: Terminal): Promise<void> {
  let progress: Progress | undefined;
  const onProgress = ({ view, phase, ...step }: ViewProgress): void => {
    if (phase === 'begun') progress = new Progress(view, terminal.stderr);
    else if (phase === 'copying') progress?.update(step);
    else {
      progress?.finish(`${count(step.rows)} rows, ${count(step.written)} changed`);
      if (step.rows > 0 && step.written === 0) {
        const text = `${view}: nothing changed: the online store holds these rows already, or newer ones, which stay`;
        terminal.stderr.write(`${text}\n`);
      }
    }
  };
  try {
    await materializeViews(server, { ...options, onProgress }, { signal: terminal.signal });
  } catch (error) {
    progress?.leave();
    throw error;
  }
}

async function printEstimates(
  server: Server,
  options: MaterializeOptions,
  terminal: Terminal,
): Promise<void> {
  for (const { view, bytes } of await estimateViews(server, options, { signal: terminal.signal })) {
    const text =
      bytes === undefined
        ? 'the warehouse estimates nothing: reading it is not billed by the byte'
        : `${size(bytes)} (${count(bytes)} bytes) to read`;
    terminal.stdout.write(`${view}: ${text}\n`);
  }
}
