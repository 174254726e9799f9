import { deleteFeatures, withServer, type PushedColumn } from 'vivace';
import { loadConfiguration, mistake } from '../configuration.js';
import type { WithConfig, WithJson } from '../options.js';
import { count, Progress } from '../progress.js';
import { rowFile } from '../row-file.js';
import type { Run } from '../run.js';

export interface DeleteFeaturesCommandOptions extends WithConfig, WithJson {
  readonly keys: string;
}

/** Deletes the keys of a file from a view. */
export async function deleteKeys(
  view: string,
  { keys: file, json, ...options }: DeleteFeaturesCommandOptions,
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
        { view, keys: read.rows, onProgress: progress.update },
        { signal: terminal.signal },
      );
      progress.finish(`${count(deleted.keys)} keys`);
      if (json === true) terminal.stdout.write(`${JSON.stringify(deleted)}\n`);
      else
        for (const { hash, removed } of deleted.versions)
          terminal.stdout.write(`${view} ${hash}: ${count(removed)} removed\n`);
      for (const hash of deleted.otherKeys)
        notes.write(`${view} ${hash} has other keys, and was left as it is: vivace features gc drops it\n`);
      if (server.views.get(view)?.source !== undefined)
        notes.write(
          `${view}: its source still has what its owner has not deleted; a row with a later event time brings a key back\n`,
        );
    } catch (error) {
      progress.leave();
      throw error;
    }
  });
}
