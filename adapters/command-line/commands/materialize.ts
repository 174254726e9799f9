import { offlineStore, VivaceError, type FeatureView, type OfflineStore, type Server } from 'vivace';
import {
  defaultFile,
  loadConfiguration,
  mistake,
  partOf,
  withServer,
  type WithConfig,
} from '../configuration.js';
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
For each key the newest row up to --until is written. It is safe to repeat and to interrupt: the newest row stands whatever came before.

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
      'rows up to then, inclusive: a day such as 2001-06-15, or an RFC 3339 time; default: now',
    )
    .option('--store <part>', 'the offline-store part; default: the only one')
    .option('--dry-run', 'print the bytes that the warehouse would bill for each view, and copy nothing')
    .addHelpText('after', help)
    .action(async (names: string[], options: Options) => {
      const untilMs = options.until === undefined ? Date.now() : lastMoment(options.until);
      await withServer(await loadConfiguration(options, terminal), (server) =>
        materialize(server, { names, untilMs, options, terminal }),
      );
    });
};

async function materialize(
  server: Server,
  {
    names,
    untilMs,
    options,
    terminal,
  }: { names: readonly string[]; untilMs: number; options: Options; terminal: Terminal },
): Promise<void> {
  const views = chosen(server, names);
  const name = partOf(server, 'offline-store', { wanted: options.store, option: '--store' });
  await server.startOnly([name]);
  const store = server.part(offlineStore, name);
  if (options.dryRun === true) return printEstimates(store, { views, untilMs, terminal });
  for (const view of views) {
    const progress = new Progress(view.name, terminal.stderr);
    try {
      const done = await store.materialize(
        view,
        { untilMs, onProgress: progress.update },
        { signal: terminal.signal },
      );
      progress.finish(`${count(done.rows)} rows, ${count(done.written)} changed`);
    } catch (error) {
      progress.leave();
      throw error;
    }
  }
}

async function printEstimates(
  store: OfflineStore,
  { views, untilMs, terminal }: { views: readonly FeatureView[]; untilMs: number; terminal: Terminal },
): Promise<void> {
  for (const view of views) {
    const estimate = await store.estimate?.(view, { untilMs }, { signal: terminal.signal });
    const text =
      estimate === undefined
        ? 'the warehouse estimates nothing: reading it is not billed by the byte'
        : `${size(estimate.bytes)} (${count(estimate.bytes)} bytes) to read`;
    terminal.stdout.write(`${view.name}: ${text}\n`);
  }
}

function chosen(server: Server, names: readonly string[]): FeatureView[] {
  const sourced = [...server.views.values()].filter((view) => view.source !== undefined);
  if (names.length === 0 && sourced.length === 0)
    throw mistake('the configuration has no view with a source');
  if (names.length === 0) return sourced;
  return names.map((name) => {
    const view = server.views.get(name);
    if (view === undefined)
      throw new VivaceError(
        'NOT_FOUND',
        `there is no view "${name}"; there are ${[...server.views.keys()].join(', ')}`,
      );
    if (view.source === undefined) throw mistake(`view "${name}" has no source: its rows are pushed`);
    return view;
  });
}
