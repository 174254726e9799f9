import { configurationSchema } from 'vivace';
import type { AddCommand } from '../run.js';

const help = `
Examples:
  vivace schema > vivace.schema.json
  then, as the first line of vivace.yaml:  # yaml-language-server: $schema=./vivace.schema.json`;

export const addSchema: AddCommand = (program, { terminal }) => {
  program
    .command('schema')
    .description('print the JSON Schema of a configuration, for editors')
    .addHelpText('after', help)
    .action(async () => {
      terminal.stdout.write(`${JSON.stringify(await configurationSchema(), undefined, 2)}\n`);
    });
};
