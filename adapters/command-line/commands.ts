import type { AddCommand } from './run.js';

/** A command as the help lists it. Its options are loaded when it is asked for, and all that it needs to run when it runs. */
interface ListedCommand {
  readonly name: string;
  readonly description: string;
  readonly load: () => Promise<AddCommand>;
}

/** The commands, in the order of the help. */
export const commands: readonly ListedCommand[] = [
  {
    name: 'serve',
    description: 'serve the pipelines of a configuration',
    load: async () => (await import('./commands/serve.js')).addServe,
  },
  {
    name: 'check',
    description: 'check a configuration, and draw what it means',
    load: async () => (await import('./commands/check.js')).addCheck,
  },
  {
    name: 'predict',
    description: 'answer one request in process, without a listening server',
    load: async () => (await import('./commands/predict.js')).addPredict,
  },
  {
    name: 'bench',
    description: 'measure how long a pipeline takes to answer at a given rate',
    load: async () => (await import('./commands/bench.js')).addBench,
  },
  {
    name: 'models',
    description:
      'push, pull and list models, move their aliases, reload them, verify and clean up the model repository',
    load: async () => (await import('./commands/models.js')).addModels,
  },
  {
    name: 'features',
    description: 'push feature rows, and show what views hold',
    load: async () => (await import('./commands/features.js')).addFeatures,
  },
  {
    name: 'materialize',
    description: 'copy the newest feature rows from the offline to the online store',
    load: async () => (await import('./commands/materialize.js')).addMaterialize,
  },
  {
    name: 'training-set',
    description: 'build the training set of a pipeline, as of the time of each historical request',
    load: async () => (await import('./commands/training-set.js')).addTrainingSet,
  },
  {
    name: 'skew',
    description: 'compare what a pipeline served with what is computed anew, and name the causes',
    load: async () => (await import('./commands/skew.js')).addSkew,
  },
  {
    name: 'log',
    description: 'copy the files of what a pipeline served',
    load: async () => (await import('./commands/log.js')).addLog,
  },
  {
    name: 'schema',
    description: 'print the JSON Schema of a configuration, or of a spine, for editors',
    load: async () => (await import('./commands/schema.js')).addSchema,
  },
];
