import { basename, dirname, resolve } from 'node:path';
import { boundVerbs, createContainer } from '../composition/container.js';
import { importModules, importSteps } from '../composition/import-file.js';
import { builtInNames, resolveUse } from '../composition/resolve-use.js';
import { readConfiguration } from '../config/configuration-file.js';
import { ConfigError, Mistakes } from '../config/mistake.js';
import { parseYamlFile, withLine } from '../config/yaml-file.js';
import type { Definition } from '../parts/definition.js';
import type { PipelineSpec } from '../pipeline/schema.js';
import { stepTypeOf, type StepType } from '../steps/custom/step.js';
import { builtInVerbs } from '../steps/index.js';
import type { OwnDefinitions } from './configuration-schema.js';

/**
 * The parts, steps and verbs of a team's own that a configuration file names. The file may have mistakes of other kinds, as while it is being
 * written.
 *
 * @throws {VivaceError} `INVALID_CONFIG` where the file is not YAML, or something that it names does not load.
 */
export async function ownDefinitions(
  file: string,
  { env = process.env }: { readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<OwnDefinitions> {
  const path = resolve(file);
  const directory = dirname(path);
  const parsed = parseYamlFile(await readConfiguration(path), basename(path), env);
  const { value } = parsed;
  const mistakes = new Mistakes();
  const parts = await ownParts(blockOf(value, 'parts'), directory, mistakes);
  const steps = new Map<string, StepType>();
  const imported = await importSteps(
    [...pipelinesOf(value)].map(([name, { steps: list }]) => [name, list] as const),
    { directory, mistakes },
  );
  for (const [specifier, exported] of imported) steps.set(specifier, stepTypeOf(exported));
  const modules = await importModules((value as { modules?: unknown } | undefined)?.modules, {
    directory,
    mistakes,
  });
  const container = await createContainer(modules, mistakes);
  const verbs = boundVerbs(container, mistakes).filter(
    ({ verb }) => !builtInVerbs.some((known) => known.verb === verb),
  );
  if (mistakes.list.length > 0)
    throw new ConfigError(
      mistakes.list.map((mistake) => withLine(mistake, (at) => parsed.lineOf(at))),
      basename(path),
    );
  return { parts, steps, verbs };
}

async function ownParts(
  declared: Readonly<Record<string, unknown>>,
  directory: string,
  mistakes: Mistakes,
): Promise<ReadonlyMap<string, Definition>> {
  const builtIn = builtInNames();
  const parts = new Map<string, Definition>();
  for (const [name, part] of Object.entries(declared)) {
    const { use } = (part ?? {}) as { use?: unknown };
    if (typeof use !== 'string' || builtIn.includes(use) || parts.has(use)) continue;
    try {
      parts.set(use, await resolveUse(use, directory));
    } catch (error) {
      mistakes.attempt(['parts', name, 'use'], () => {
        throw error;
      });
    }
  }
  return parts;
}

/** The pipelines that have a list of steps. */
function pipelinesOf(value: unknown): ReadonlyMap<string, PipelineSpec> {
  const pipelines = Object.entries(blockOf(value, 'pipelines')).flatMap(([name, pipeline]) => {
    const { steps } = (pipeline ?? {}) as { steps?: unknown };
    const list: readonly unknown[] = Array.isArray(steps) ? steps : [];
    const objects = list.map((step) => (typeof step === 'object' && step !== null ? step : {}));
    return [[name, { steps: objects } as unknown as PipelineSpec] as const];
  });
  return new Map(pipelines);
}

function blockOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  const found = (value as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>) : {};
}
