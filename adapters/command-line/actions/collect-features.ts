import { collectFeatures, durationText, millisOf, withServer, type CollectedFeatures } from 'vivace';
import { loadConfiguration } from '../configuration.js';
import { durationOf } from '../option-values.js';
import { defaultFile, type WithJson } from '../options.js';
import { count } from '../progress.js';
import type { Run } from '../run.js';

export interface CollectFeaturesCommandOptions extends WithJson {
  readonly config: readonly string[];
  readonly olderThan: string;
  readonly store?: string;
  readonly dryRun?: boolean;
}

/** Drops versions of views that no configuration names, or prints which these are. */
export async function collect(
  { config, olderThan, store, dryRun, json }: CollectFeaturesCommandOptions,
  { terminal }: Run,
): Promise<void> {
  const olderThanMs = durationOf('--older-than', olderThan);
  const [first = defaultFile, ...others] = config;
  const named: string[] = [];
  for (const file of others) {
    const other = await loadConfiguration({ config: file }, terminal);
    named.push(...[...other.views.values()].map(({ hash }) => hash));
    await other.stop();
  }
  await withServer(await loadConfiguration({ config: first }, terminal), async (server) => {
    named.push(...[...server.views.values()].map(({ hash }) => hash));
    const versions = await collectFeatures(
      server,
      { named, olderThanMs, dryRun: dryRun === true, ...(store === undefined ? {} : { store }) },
      { signal: terminal.signal },
    );
    if (json === true) return void terminal.stdout.write(`${JSON.stringify(versions)}\n`);
    for (const version of versions) terminal.stdout.write(`${lineOf(version)}\n`);
    if (versions.length === 0) terminal.stdout.write('no version has a ledger\n');
  });
}

const reasons = {
  named: 'stays: a configuration names it',
  recent: 'stays: its last run is too recent',
  unknown: 'stays: its ledger does not say when it last ran',
} as const;

function lineOf({ view, hash, stays, entries, lastRunAt }: CollectedFeatures): string {
  const age =
    lastRunAt === undefined ? '' : `, last run ${durationText(Date.now() - millisOf(lastRunAt))} ago`;
  const what =
    stays !== undefined
      ? reasons[stays]
      : entries === undefined
        ? 'would be dropped'
        : `dropped, ${count(entries)} entries`;
  return `${view} ${hash}: ${what}${age}`;
}
