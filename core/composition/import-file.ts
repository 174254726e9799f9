import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { ContainerModule } from 'inversify';
import type { Mistakes } from '../config/mistake.js';
import { valueText } from '../config/value-text.js';
import { messageOf, VivaceError } from '../kernel/errors.js';
import { stepIn } from '../steps/custom/custom.js';
import { importModule, type Exports } from './import-module.js';
import { camelCase } from './resolve-use.js';

/** Where files are looked up. */
export interface Where {
  readonly directory: string;
  /** Is told of each file that a configuration names, there or not. */
  readonly onFile?: (file: string) => void;
}

/**
 * Imports a file that a configuration names by a relative path.
 *
 * @throws {VivaceError} `INVALID_CONFIG`: not a relative path, no such file, or a file that does not load, with the reason.
 */
async function importNamed(specifier: string, { directory, onFile }: Where): Promise<Exports> {
  const file = resolve(directory, specifier);
  onFile?.(file);
  if (!/^\.{0,2}\//.test(specifier) || !['.js', '.mjs'].includes(extname(file)))
    throw new VivaceError('INVALID_CONFIG', `"${specifier}" is not a relative .js or .mjs file`);
  if (!existsSync(file))
    throw new VivaceError('INVALID_CONFIG', `there is no file ${specifier} in ${directory}`);
  return importModule(file, { shown: specifier, directory });
}

/** Imports the files that stand after `step:` in YAML pipelines, and gives what each exports as a step. */
export async function importSteps(
  pipelines: Iterable<readonly [name: string, steps: readonly Readonly<Record<string, unknown>>[]]>,
  { mistakes, ...where }: Where & { readonly mistakes: Mistakes },
): Promise<ReadonlyMap<string, unknown>> {
  const steps = new Map<string, unknown>();
  for (const [name, declared] of pipelines) {
    for (const [i, raw] of declared.entries()) {
      const step = (raw as { readonly step?: unknown } | null)?.step;
      if (typeof step !== 'string' || steps.has(step)) continue;
      try {
        steps.set(step, await importStep(step, where));
      } catch (error) {
        mistakes.add(['pipelines', name, 'steps', i, 'step'], messageOf(error));
      }
    }
  }
  return steps;
}

async function importStep(specifier: string, where: Where): Promise<unknown> {
  const exported = await importNamed(specifier, where);
  const name = camelCase(basename(specifier, extname(specifier)));
  try {
    return stepIn(exported, name);
  } catch (cause) {
    throw new VivaceError('INVALID_CONFIG', `"${specifier}" ${messageOf(cause)}`, { cause });
  }
}

/** The modules of a specification: those given in code, and what the files that it names export. */
export async function importModules(
  declared: unknown,
  { mistakes, ...where }: Where & { readonly mistakes: Mistakes },
): Promise<readonly ContainerModule[]> {
  if (declared === undefined || declared === null) return [];
  if (!Array.isArray(declared)) {
    mistakes.add(
      ['modules'],
      `${valueText(declared)} is not a list: write relative .js or .mjs files that export a ContainerModule, or in code ContainerModules`,
    );
    return [];
  }
  const modules: ContainerModule[] = [];
  for (const [i, entry] of (declared as readonly unknown[]).entries()) {
    try {
      modules.push(...(typeof entry === 'string' ? await modulesIn(entry, where) : [moduleOf(entry)]));
    } catch (error) {
      mistakes.add(['modules', i], messageOf(error));
    }
  }
  // A module that is loaded twice would bind each of its verbs and layers twice.
  return [...new Set(modules)];
}

async function modulesIn(specifier: string, where: Where): Promise<readonly ContainerModule[]> {
  const found = [...new Set(Object.values(await importNamed(specifier, where)))].filter(isModule);
  if (found.length > 0) return found;
  throw new VivaceError('INVALID_CONFIG', `"${specifier}" does not export a ContainerModule`);
}

function moduleOf(entry: unknown): ContainerModule {
  if (isModule(entry)) return entry;
  throw new VivaceError(
    'INVALID_CONFIG',
    `${valueText(entry)} is neither a ContainerModule nor a relative .js or .mjs file that exports one`,
  );
}

/** True for modules from any copy of inversify. */
function isModule(value: unknown): value is ContainerModule {
  if (value instanceof ContainerModule) return true;
  const { id, load } = (value ?? {}) as Partial<ContainerModule>;
  return typeof id === 'number' && typeof load === 'function';
}
