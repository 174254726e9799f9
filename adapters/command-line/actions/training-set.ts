import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  buildTrainingSet,
  offlineStore,
  onlyPart,
  parseSpine,
  trainingParts,
  withServer,
  type TrainingSetProgress,
} from 'vivace';
import { loadConfiguration, readInput } from '../configuration.js';
import type { WithConfig, WithJson } from '../options.js';
import { checkOutput } from '../output-file.js';
import { count, Progress } from '../progress.js';
import type { Run } from '../run.js';
import { UsageError } from '../usage-error.js';

export interface TrainingSetOptions extends WithConfig, WithJson {
  readonly spine: string;
  readonly out: string;
  readonly store?: string;
  readonly predict?: boolean;
  readonly allowFailed?: boolean;
}

/** Builds the training set of a pipeline, and prints its id. */
export async function trainingSet(
  pipeline: string,
  {
    spine: file,
    out,
    store: wanted,
    predict = false,
    allowFailed = false,
    json,
    ...options
  }: TrainingSetOptions,
  { terminal, notes }: Run,
): Promise<void> {
  if (!/\.(parquet|csv)$/.test(out))
    throw new UsageError('--out: the name of the file ends in .parquet or .csv');
  const spine = parseSpine(await readInput(file, terminal), file, terminal.env);
  const path = resolve(terminal.directory, out);
  const loaded = await loadConfiguration(options, terminal);
  await checkOutput('--out', out, path);
  await checkOutput('--out', `${out}.manifest.json`, `${path}.manifest.json`);
  await withServer(loaded, async (server) => {
    const store = onlyPart(server, offlineStore, { wanted, say: '--store' });
    const run = { pipeline, spine, predict, allowFailed, store };
    await server.startOnly(trainingParts(server, run));
    const progress = new Progress(pipeline, notes);
    let failed: TrainingSetProgress['failed'];
    const onProgress = (step: TrainingSetProgress): void => {
      ({ failed } = step);
      progress.update(step);
    };
    try {
      const manifest = await buildTrainingSet(
        server,
        path,
        { ...run, onProgress },
        { signal: terminal.signal },
      );
      await writeFile(`${path}.manifest.json`, `${JSON.stringify(manifest, undefined, 2)}\n`);
      progress.finish(`${count(manifest.rows)} rows, ${manifest.columns.length} columns`);
      for (const [alias, rows] of Object.entries(failed ?? {}))
        if (rows > 0)
          terminal.stderr.write(
            `${alias}: ${count(rows)} rows could not be read: see the column failed.${alias}\n`,
          );
      terminal.stdout.write(`${json === true ? JSON.stringify(manifest) : manifest.id}\n`);
    } catch (error) {
      progress.leave();
      throw error;
    }
  });
}
