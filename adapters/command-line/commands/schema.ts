import type { SchemaOptions } from '../actions/schema.js';
import type { AddCommand } from '../run.js';

const help = `
With a configuration, the schema also knows the options of the parts, steps and verbs of your own that the configuration names.

Examples:
  vivace schema > vivace.schema.json
  vivace schema --config vivace.yaml > vivace.schema.json
  vivace schema spine > spine.schema.json
  then, as the first line of vivace.yaml:  # yaml-language-server: $schema=./vivace.schema.json`;

export const addSchema: AddCommand = (command, run) => {
  command
    .argument('[what]', 'what to describe: configuration or spine', 'configuration')
    .option('-c, --config <file>', 'a configuration whose own parts, steps and verbs the schema is to know')
    .addHelpText('after', help)
    .action(async (what: string, options: SchemaOptions) =>
      (await import('../actions/schema.js')).schema(what, options, run),
    );
};
