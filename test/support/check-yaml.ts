import { builtInNames, resolveUse } from '../../core/composition/resolve-use.js';
import { ConfigError, Mistakes } from '../../core/config/mistake.js';
import { parseWith } from '../../core/config/parse.js';
import { parseYamlFile } from '../../core/config/yaml-file.js';
import { pipelineSchema } from '../../core/pipeline/schema.js';
import { builtInVerbs } from '../../core/steps/index.js';
import { viewSchema } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';
import { readText, root } from './repository.js';

/** A configuration or a part of one, as a page shows it: its blocks stand for themselves, slots may name parts the page leaves out. */
type Shown = Readonly<Record<string, Readonly<Record<string, Record<string, unknown>>> | undefined>>;

/**
 * Checks the YAML of a page as the server would, as far as it is there: options of parts by their schemas, views, pipelines.
 *
 * @returns What is wrong with it.
 */
export async function checkYaml(text: string): Promise<string[]> {
  const mistakes = new Mistakes();
  let shown: Shown;
  try {
    const parsed = parseYamlFile(text, 'page', environmentOf(text));
    shown = parsed.value as Shown;
    for (const { path, message } of parsed.mistakes) mistakes.add(path, message);
    for (const block of Object.keys(shown)) {
      if (!['parts', 'views', 'pipelines', 'modules'].includes(block))
        mistakes.add([block], 'is no block of a configuration');
    }
    for (const [name, part] of Object.entries(shown['parts'] ?? {})) {
      await checkPart(name, part, { mistakes, environment: parsed.environment });
    }
  } catch (error) {
    if (error instanceof ConfigError) return [error.message];
    throw error;
  }
  for (const [name, view] of Object.entries(shown['views'] ?? {})) {
    const path = ['views', name];
    const spec = parseWith(viewSchema, view, { path, mistakes });
    if (spec !== undefined) mistakes.attempt(path, () => compileView(name, spec));
  }
  for (const [name, pipeline] of Object.entries(shown['pipelines'] ?? {})) {
    const path = ['pipelines', name];
    const spec = parseWith(pipelineSchema, pipeline, { path, mistakes });
    spec?.steps.forEach((step, i) => checkStep(step, [...path, 'steps', i], mistakes));
  }
  return mistakes.list.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

function checkStep(
  step: Record<string, unknown>,
  path: readonly (string | number)[],
  mistakes: Mistakes,
): void {
  const kind = builtInVerbs.find(({ verb }) => verb in step);
  if (kind === undefined)
    return mistakes.add(path, `is none of ${builtInVerbs.map(({ verb }) => verb).join(', ')}`);
  parseWith(kind.schema, step, { path, mistakes });
}

async function checkPart(
  name: string,
  { use, ...rest }: Record<string, unknown>,
  {
    mistakes,
    environment,
  }: { mistakes: Mistakes; environment: { has(path: readonly (string | number)[]): boolean } },
): Promise<void> {
  const path = ['parts', name];
  if (typeof use !== 'string') return mistakes.add(path, 'has no `use`');
  // A page may show a file of its reader's own, or a part that README.md already lists.
  if (use.startsWith('./')) return;
  if (!builtInNames().includes(use)) {
    if (!readText('README.md').includes(`| [${use}](`)) mistakes.add(path, `nothing is named "${use}"`);
    return;
  }
  const definition = await resolveUse(use, root);
  const options = Object.fromEntries(Object.entries(rest).filter(([key]) => !(key in definition.uses)));
  parseWith(definition.options, options, { path, mistakes, environment });
}

/** An environment in which every variable is set that the page asks for without a default. */
function environmentOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/\$\{env:(\w+)\}/g)].map(([, name]) => [name as string, 'set']),
  );
}
