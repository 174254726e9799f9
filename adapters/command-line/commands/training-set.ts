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
import {
  defaultFile,
  loadConfiguration,
  mistake,
  readInput,
  type WithConfig,
  type WithJson,
} from '../configuration.js';
import { count, Progress } from '../progress.js';
import type { AddCommand } from '../run.js';

interface Options extends WithConfig, WithJson {
  readonly spine: string;
  readonly out: string;
  readonly store?: string;
  readonly predict?: boolean;
  readonly allowFailed?: boolean;
}

const help = `
The spine is a YAML file that names historical requests: a table, the column of the request time, and which columns are fields and labels.
Beside the rows, the command writes <out>.manifest.json, which says what they are, and prints its id.

Examples:
  vivace training-set rank-flights --spine spine.yaml --out train.parquet
  vivace training-set rank-flights --spine june.yaml --out june.csv --predict`;

export const addTrainingSet: AddCommand = (command, { terminal, notes }) => {
  command
    .argument('<pipeline>', 'a pipeline of the configuration')
    .requiredOption('--spine <file>', 'the historical requests, a YAML file')
    .requiredOption('--out <file>', 'the file to write: .parquet or .csv')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--store <part>', 'the offline-store part; default: the only one')
    .option('--predict', 'let the models predict too, and keep their outputs')
    .option(
      '--allow-failed',
      'go on where rows cannot be read: count them, and mark them in columns failed.<alias>; default: the first failed read ends the run',
    )
    .option('--json', 'print the manifest as JSON, instead of the id')
    .addHelpText('after', help)
    .action(
      async (
        pipeline: string,
        { spine: file, out, store: wanted, predict = false, allowFailed = false, json, ...options }: Options,
      ) => {
        if (!/\.(parquet|csv)$/.test(out))
          throw mistake('--out: the name of the file ends in .parquet or .csv');
        const spine = parseSpine(await readInput(file, terminal), file, terminal.env);
        const path = resolve(terminal.directory, out);
        await withServer(await loadConfiguration(options, terminal), async (server) => {
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
      },
    );
};
