import {
  estimateViews,
  materializeViews,
  offlineStore,
  onlyPart,
  withServer,
  type MaterializeOptions,
  type Server,
  type SourceRead,
  type ViewProgress,
} from 'vivace';
import { loadConfiguration, mistake } from '../configuration.js';
import { daysOf, lastMomentOf } from '../option-values.js';
import type { WithConfig, WithJson } from '../options.js';
import { count, Progress, size } from '../progress.js';
import type { Run } from '../run.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';

export interface MaterializeCommandOptions extends WithConfig, WithJson {
  readonly until?: string;
  readonly days?: string;
  readonly full?: boolean;
  readonly restate?: boolean;
  readonly trustClosed?: boolean;
  readonly store?: string;
  readonly dryRun?: boolean;
}

/** Copies the newest rows of views to their online stores, or prints what that would cost. */
export async function materialize(
  views: readonly string[],
  {
    until,
    days,
    full,
    restate,
    trustClosed,
    store: wanted,
    dryRun,
    json,
    ...options
  }: MaterializeCommandOptions,
  run: Run,
): Promise<void> {
  const { terminal } = run;
  if (full === true && days !== undefined) throw new UsageError('--full and --days: give one of them');
  const copied = {
    ...(until === undefined ? {} : { untilMs: lastMomentOf('--until', until) }),
    ...(days === undefined ? {} : { days: daysOf('--days', days) }),
    full: full === true,
    restate: restate === true,
    trustClosed: trustClosed === true,
  };
  await withServer(await loadConfiguration(options, terminal), (server) => {
    const store = onlyPart(server, offlineStore, { wanted, say: '--store' });
    if (dryRun === true) return printEstimates(server, { views, ...copied, store }, { terminal, json });
    if (server.part(offlineStore, store).supports?.volatile === true) {
      throw mistake(
        `"${store}" copies to a store that ends with this command, so nothing would be left of it: name one that stays, such as lmdb or redis, or call materializeViews in the process that answers`,
      );
    }
    return copy(server, { views, ...copied, store }, { run, json });
  });
}

async function copy(
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
      const read = readText(step.read);
      if (read !== '') notes.write(`${view}: of the source ${read}\n`);
      if (step.rows === 0) notes.write(`${view}: there are no new rows\n`);
      else if (step.written === 0) {
        const text = `${view}: nothing changed: the online store holds these rows already, or newer ones, which stay`;
        notes.write(`${text}\n`);
      }
    }
  };
  try {
    const views = await materializeViews(server, { ...options, onProgress }, { signal: terminal.signal });
    if (json === true) terminal.stdout.write(`${JSON.stringify(views)}\n`);
  } catch (error) {
    progress?.leave();
    throw error;
  }
}

/** What was read of the source, in words. */
function readText(read: SourceRead | undefined): string {
  if (read === undefined) return '';
  const { rows, compared, bytes } = read;
  return [
    ...(rows === undefined ? [] : [`${count(rows)} ${rows === 1 ? 'row' : 'rows'} read`]),
    ...(bytes === undefined ? [] : [`${size(bytes)} billed`]),
    ...(compared === 0 ? [] : [`${count(compared)} only compared`]),
  ].join(', ');
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
