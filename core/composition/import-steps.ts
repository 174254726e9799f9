import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mistakes } from '../config/mistake.js';
import { camelCase } from './resolve-use.js';
import { messageOf, VivaceError } from '../kernel/errors.js';
import type { PipelineSpec } from '../pipeline/schema.js';
import { isStepType, stepTypeOf, type StepType } from '../steps/custom/step.js';

/** Imports the files that stand after `step:` in a YAML pipeline. */
export async function importStepTypes(
  pipelines: ReadonlyMap<string, PipelineSpec>,
  { directory, mistakes }: { directory: string; mistakes: Mistakes },
): Promise<ReadonlyMap<string, StepType>> {
  const types = new Map<string, StepType>();
  for (const [name, pipeline] of pipelines) {
    for (const [i, { step }] of pipeline.steps.entries()) {
      if (typeof step !== 'string' || types.has(step)) continue;
      try {
        types.set(step, await importStep(step, directory));
      } catch (error) {
        mistakes.add(['pipelines', name, 'steps', i, 'step'], messageOf(error));
      }
    }
  }
  return types;
}

async function importStep(specifier: string, directory: string): Promise<StepType> {
  const file = resolve(directory, specifier);
  if (!/^\.{0,2}\//.test(specifier) || !['.js', '.mjs'].includes(extname(file))) {
    throw new VivaceError('INVALID_CONFIG', `"${specifier}" is no relative .js or .mjs file`);
  }
  if (!existsSync(file))
    throw new VivaceError('INVALID_CONFIG', `there is no file ${specifier} in ${directory}`);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new VivaceError('INVALID_CONFIG', `"${specifier}" does not load: ${messageOf(cause)}`, { cause });
  }
  const name = camelCase(basename(file, extname(file)));
  const className = name.replace(/^./, (first) => first.toUpperCase());
  const found = module[name] ?? module[className] ?? Object.values(module).find(isStepType);
  if (found === undefined)
    throw new VivaceError(
      'INVALID_CONFIG',
      `"${specifier}" exports no step "${name}" and no class "${className}"`,
    );
  return stepTypeOf(found);
}
