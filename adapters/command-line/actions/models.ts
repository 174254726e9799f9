import { listModels, modelRepository, moveAlias, onlyPart, withServer, type ListedModel } from 'vivace';
import { addModelOf, type AddOptions } from '../add-model.js';
import { loadConfiguration } from '../configuration.js';
import type { WithConfig, WithJson } from '../options.js';
import type { Run } from '../run.js';

export interface ListOptions extends WithConfig, WithJson {
  readonly repository?: string;
}

/** Adds a version of a model, and prints its name, version and alias. */
export async function add(
  file: string,
  options: AddOptions & WithJson,
  { terminal, notes }: Run,
): Promise<void> {
  const { manifest, alias, unused } = await addModelOf(file, options, terminal);
  if (unused !== undefined) notes.write(`${unused}\n`);
  if (options.json === true) {
    const { name, version } = manifest;
    terminal.stdout.write(`${JSON.stringify({ name, version, alias: alias ?? null })}\n`);
    return;
  }
  const added = `${manifest.name} ${manifest.version}`;
  terminal.stdout.write(`${added}${alias === undefined ? '' : ` (${alias})`}\n`);
}

/** Prints the versions of every model, or of one. */
export async function list(
  name: string | undefined,
  options: ListOptions,
  { terminal, notes }: Run,
): Promise<void> {
  const { repository: wanted } = options;
  const models = await withServer(await loadConfiguration(options, terminal), async (server) => {
    const repository = onlyPart(server, modelRepository, { wanted, say: '--repository' });
    return listModels(
      server,
      { repository, ...(name === undefined ? {} : { name }) },
      { signal: terminal.signal },
    );
  });
  if (options.json === true) return void terminal.stdout.write(`${JSON.stringify(models)}\n`);
  for (const model of models) terminal.stdout.write(`${lineOf(model)}\n`);
  if (models.length === 0)
    notes.write(name === undefined ? 'no models yet\n' : `there is no model "${name}"\n`);
}

function lineOf({ name, version, aliases }: ListedModel): string {
  return [name, version, ...aliases].join('\t');
}

/** Points an alias at a version, and says where it pointed before. */
export async function alias(
  { name, alias, version }: { readonly name: string; readonly alias: string; readonly version: string },
  options: ListOptions,
  { terminal }: Run,
): Promise<void> {
  const { repository: wanted } = options;
  const moved = await withServer(await loadConfiguration(options, terminal), async (server) => {
    const repository = onlyPart(server, modelRepository, { wanted, say: '--repository' });
    return moveAlias(server, { name, alias, version, repository }, { signal: terminal.signal });
  });
  const { before = null } = moved;
  if (options.json === true) {
    terminal.stdout.write(`${JSON.stringify({ ...moved, before })}\n`);
    return;
  }
  const from = before === null || before === version ? '' : `, before ${before}`;
  terminal.stdout.write(`${name} ${version} (${alias}${from})\n`);
}
