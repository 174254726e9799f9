import { deleteFeatures, withServer, type DeletedFeatures, type PushedColumn } from 'vivace';
import { loadConfiguration, mistake } from '../configuration.js';
import type { WithConfig, WithJson } from '../options.js';
import { count, Progress } from '../progress.js';
import { rowFile } from '../row-file.js';
import type { Run } from '../run.js';

export interface DeleteFeaturesCommandOptions extends WithConfig, WithJson {
  readonly keys: string;
  readonly dryRun?: boolean;
}

/** Deletes the keys of a file from a view. */
export async function deleteKeys(
  view: string,
  { keys: file, dryRun = false, json, ...options }: DeleteFeaturesCommandOptions,
  { terminal, notes }: Run,
): Promise<void> {
  await withServer(await loadConfiguration(options, terminal), async (server) => {
    const columns: PushedColumn[] = [...(server.views.get(view)?.entity ?? [])];
    const read = rowFile(file, { view, columns, eventTime: '', terminal });
    if (read === undefined)
      throw mistake(`${file}: keys are read from .csv, .json and .jsonl, or from - as JSON lines`);
    const progress = new Progress(view, notes);
    try {
      const deleted = await deleteFeatures(
        server,
        { view, keys: read.rows, dryRun, onProgress: progress.update },
        { signal: terminal.signal },
      );
      progress.finish(`${count(deleted.keys)} keys`);
      if (json === true) terminal.stdout.write(`${JSON.stringify(deleted)}\n`);
      else terminal.stdout.write(report(view, deleted, dryRun));
      for (const hash of deleted.otherKeys)
        notes.write(`${view} ${hash} has other keys, and was left as it is: vivace features gc drops it\n`);
      const source = server.views.get(view)?.source;
      if (source !== undefined && source.log === undefined)
        notes.write(
          `${view}: rows of its source are their owner's to delete; until then training sets have them, and a row with a later event time brings a key back\n`,
        );
    } catch (error) {
      progress.leave();
      throw error;
    }
  });
}

function report(view: string, { keys, versions, logs }: DeletedFeatures, dryRun: boolean): string {
  const ofStore = versions.map(({ hash, removed }) =>
    dryRun
      ? `${view} ${hash}: ${count(keys)} ${keys === 1 ? 'key' : 'keys'} would be deleted\n`
      : `${view} ${hash}: ${count(removed)} removed\n`,
  );
  const ofLogs = logs.map(({ log, kind, name, rows, files }) => {
    const [some, of] = [
      `${count(rows)} row${rows === 1 ? '' : 's'}`,
      `${count(files)} file${files === 1 ? '' : 's'}`,
    ];
    return `${log} ${kind}/${name}: ${dryRun ? `${some} of ${of} would be removed` : `${some} removed, ${of} rewritten`}\n`;
  });
  return [...ofStore, ...ofLogs].join('');
}
