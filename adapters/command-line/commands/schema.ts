import { Argument } from 'commander';
import { resolve } from 'node:path';
import { configurationSchema, ownDefinitions, spineJsonSchema } from 'vivace';
import type { AddCommand } from '../run.js';

const help = `
With a configuration, the schema also knows the options of the parts, steps and verbs of your own that the configuration names.

Examples:
  vivace schema > vivace.schema.json
  vivace schema --config vivace.yaml > vivace.schema.json
  vivace schema spine > spine.schema.json
  then, as the first line of vivace.yaml:  # yaml-language-server: $schema=./vivace.schema.json`;

export const addSchema: AddCommand = (command, { terminal }) => {
  command
    .addArgument(
      new Argument('[of]', 'what to describe').choices(['configuration', 'spine']).default('configuration'),
    )
    .option('-c, --config <file>', 'a configuration whose own parts, steps and verbs the schema is to know')
    .addHelpText('after', help)
    .action(async (of: string, { config }: { readonly config?: string }) => {
      const own =
        config === undefined
          ? {}
          : await ownDefinitions(resolve(terminal.directory, config), { env: terminal.env });
      const schema = of === 'spine' ? spineJsonSchema() : await configurationSchema(own);
      terminal.stdout.write(`${JSON.stringify(schema, undefined, 2)}\n`);
    });
};
