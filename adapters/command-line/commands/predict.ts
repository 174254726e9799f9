import type { PredictOptions } from '../actions/predict.js';
import { defaultFile } from '../options.js';
import type { AddCommand } from '../run.js';

const help = `
The request is what POST /v1/pipelines/{name}/predict takes: {"request": {…}, "objects": […], "explain"?: true}.

Examples:
  vivace predict iris --json '{"request": {"sepal_length": 5.1, "sepal_width": 3.5}}'
  vivace predict rank-flights --file request.json
  vivace predict rank-flights < request.json | jq .objects`;

export const addPredict: AddCommand = (command, run) => {
  command
    .argument('<pipeline>', 'a pipeline of the configuration')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--json <text>', 'the request as JSON')
    .option('--file <file>', 'a file with the request; default: standard input, to its end')
    .addHelpText('after', help)
    .action(async (pipeline: string, options: PredictOptions) =>
      (await import('../actions/predict.js')).predict(pipeline, options, run),
    );
};
