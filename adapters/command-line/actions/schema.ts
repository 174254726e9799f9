import { resolve } from 'node:path';
import { configurationSchema, ownDefinitions, spineJsonSchema } from 'vivace';
import { choiceOf } from '../option-values.js';
import type { WithConfig } from '../options.js';
import type { Run } from '../run.js';

export type SchemaOptions = Partial<WithConfig>;

/** Prints the JSON Schema of a configuration or of a spine. */
export async function schema(what: string, { config }: SchemaOptions, { terminal }: Run): Promise<void> {
  const of = choiceOf('something that has a schema', what, ['configuration', 'spine']);
  const own =
    config === undefined
      ? {}
      : await ownDefinitions(resolve(terminal.directory, config), { env: terminal.env });
  const described = of === 'spine' ? spineJsonSchema() : await configurationSchema(own);
  terminal.stdout.write(`${JSON.stringify(described, undefined, 2)}\n`);
}
