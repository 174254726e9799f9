import type { TrainingSetOptions } from '../actions/training-set.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
The spine is a YAML file that names historical requests: a table, the column of the request time, and which columns are fields and labels.
Beside the rows, the command writes <out>.manifest.json, which says what they are, and prints its id.

Examples:
  vivace training-set rank-flights --spine spine.yaml --out train.parquet
  vivace training-set rank-flights --spine june.yaml --out june.csv --predict`;

export const addTrainingSet: AddCommand = (command, run) => {
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
    .action(async (pipeline: string, options: TrainingSetOptions) =>
      (await import('../actions/training-set.js')).trainingSet(pipeline, options, run),
    );
};
