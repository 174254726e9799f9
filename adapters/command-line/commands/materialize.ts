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
import { defaultFile, loadConfiguration, mistake, type WithConfig, type WithJson } from '../configuration.js';
import { count, Progress, size } from '../progress.js';
import type { AddCommand, Run } from '../run.js';
import { lastMoment } from '../times.js';
import type { Terminal } from '../terminal.js';

interface Options extends WithConfig, WithJson {
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

export const addMaterialize: AddCommand = (command, run) => {
  const { terminal } = run;
  command
    .argument('[view...]', 'views of the configuration; default: all that have a source')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option(
      '--until <time>',
      'rows up to then, inclusive: a date such as 2001-06-15, or an RFC 3339 time with its zone; default: now',
    )
    .option('--store <part>', 'the offline-store part; default: the only one')
    .option('--dry-run', 'print the bytes that the warehouse would bill for each view, and copy nothing')
    .option(
      '--json',
      'print a JSON list of views, with their rows and those that changed, or with their bytes',
    )
    .addHelpText('after', help)
    .action(async (views: string[], { until, store: wanted, dryRun, json, ...options }: Options) => {
      const untilMs = until === undefined ? Date.now() : lastMoment('--until', until);
      await withServer(await loadConfiguration(options, terminal), (server) => {
        const store = onlyPart(server, offlineStore, { wanted, say: '--store' });
        if (dryRun === true) return printEstimates(server, { views, untilMs, store }, { terminal, json });
        if (server.part(offlineStore, store).supports?.volatile === true) {
          throw mistake(
            `"${store}" copies to a store that ends with this command, so nothing would be left of it: name one that stays, such as lmdb or redis, or call materializeViews in the process that answers`,
          );
        }
        return materialize(server, { views, untilMs, store }, { run, json });
      });
    });
};

async function materialize(
  server: Server,
  options: MaterializeOptions,
  { run: { terminal, notes }, json }: { readonly run: Run } & WithJson,
): Promise<void> {
  let progress: Progress | undefined;
  const onProgress = ({ view, phase, ...step }: ViewProgress): void => {
    if (phase === 'begun') {
      progress = new Progress(view, notes);
      progress.update({ rows: 0, phase: 'waiting for the warehouse' });
    } else if (phase === 'copying') progress?.update(step);
    else {
      progress?.finish(`${count(step.rows)} rows, ${count(step.written)} changed`);
      if (step.rows > 0 && step.written === 0) {
        const text = `${view}: nothing changed: the online store holds these rows already, or newer ones, which stay`;
        notes.write(`${text}\n`);
      }
    }
  };
  try {
    const views = await materializeViews(server, { ...options, onProgress }, { signal: terminal.signal });
    if (json === true)
      terminal.stdout.write(
        `${JSON.stringify(views.map(({ view, rows, written }) => ({ view, rows, written })))}\n`,
      );
  } catch (error) {
    progress?.leave();
    throw error;
  }
}

async function printEstimates(
  server: Server,
  options: MaterializeOptions,
  { terminal, json }: { readonly terminal: Terminal } & WithJson,
): Promise<void> {
  const estimates = await estimateViews(server, options, { signal: terminal.signal });
  if (json === true) {
    const list = estimates.map(({ view, bytes }) => ({ view, bytes: bytes ?? null }));
    return void terminal.stdout.write(`${JSON.stringify(list)}\n`);
  }
  for (const { view, bytes } of estimates) {
    const text =
      bytes === undefined
        ? 'the warehouse estimates nothing: reading it is not billed by the byte'
        : `${size(bytes)} (${count(bytes)} bytes) to read`;
    terminal.stdout.write(`${view}: ${text}\n`);
  }
}
