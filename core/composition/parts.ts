import { existsSync } from 'node:fs';
import { z } from 'zod';
import { withArticle } from '../config/article.js';
import { didYouMean, nearest } from '../config/did-you-mean.js';
import type { Mistakes } from '../config/mistake.js';
import { partNames, wrongName } from '../config/names.js';
import { parseWith, type FromEnvironment } from '../config/parse.js';
import { valueText } from '../config/value-text.js';
import { optionsIdentity } from '../parts/identity.js';
import { featureSource } from '../ports/feature-source.js';
import { transform } from '../ports/transform.js';
import { VivaceError } from '../kernel/errors.js';
import { packageVersion } from '../kernel/package-version.js';
import { isMadeFor } from '../parts/made-for.js';
import { digestOf } from '../kit/import-file.js';
import type { Where } from './import-file.js';
import { builtInNames, resolveUse } from './resolve-use.js';
import { isDefinition, slotPort, type Definition } from '../parts/definition.js';

/** A part as users write it: what it uses, its options and the parts in its slots. */
export type PartDeclaration = { readonly use: string | Definition } & Readonly<Record<string, unknown>>;

/** A part whose definition, options and slots are known. */
export interface ResolvedPart {
  readonly name: string;
  readonly definition: Definition;
  readonly options: object;
  /** Part per filled slot. */
  readonly slots: Readonly<Record<string, string>>;
  /** What each of its files held. */
  readonly files: Readonly<Record<string, string>>;
}

const declaration = z.looseObject({
  use: z.union([
    z.string(),
    z.custom<Definition>(isDefinition, 'a name, or what defineAdapter or definePlugin returned'),
  ]),
});

/** Resolves parts: loads their definitions, checks their options and fills their slots. */
export async function resolveParts(
  declared: Readonly<Record<string, unknown>>,
  {
    directory,
    mistakes,
    environment,
    onFile,
  }: Where & { readonly mistakes: Mistakes; readonly environment?: FromEnvironment },
): Promise<ReadonlyMap<string, ResolvedPart>> {
  const found = new Map<string, { definition: Definition; rest: Record<string, unknown> }>();
  for (const [name, value] of Object.entries(declared)) {
    const path = ['parts', name];
    if (!partNames.pattern.test(name)) mistakes.add(path, wrongName(name, 'part', partNames));
    const misspelt = misspeltUse(value);
    if (misspelt !== undefined) {
      mistakes.add([...path, misspelt], `unknown key "${misspelt}"; did you mean "use"?`);
      continue;
    }
    const parsed = parseWith(declaration, value, { path, mistakes });
    if (parsed === undefined) continue;
    const { use, ...rest } = parsed;
    try {
      const definition = await resolveUse(use, directory, onFile);
      refuseOtherVivace(definition);
      found.set(name, { definition, rest });
    } catch (error) {
      mistakes.attempt([...path, 'use'], () => {
        throw error;
      });
    }
  }
  const parts = new Map<string, ResolvedPart>();
  for (const [name, { definition, rest }] of found) {
    const { slots, options } = fillSlots(name, { definition, rest, found, declared, mistakes });
    const parsed = parseWith(definition.options, options, {
      path: ['parts', name],
      mistakes,
      known: Object.keys(definition.uses),
      ...(environment === undefined ? {} : { environment }),
    });
    if (parsed === undefined) continue;
    const files = definition.files?.(parsed as never, { directory }) ?? [];
    for (const file of files) onFile?.(file);
    parts.set(name, {
      name,
      definition,
      options: parsed,
      slots,
      files: Object.fromEntries(files.map((file) => [file, existsSync(file) ? digestOf(file) : ''])),
    });
    try {
      await definition.check?.(parsed as never, { directory });
    } catch (error) {
      mistakes.attempt(['parts', name], () => {
        throw error;
      });
    }
  }
  checkCycles(parts, mistakes);
  return parts;
}

/** The key of a part without `use` that was meant to be it: it is nearly that word, and names an adapter, a plugin or a file. */
function misspeltUse(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null || Object.hasOwn(part, 'use')) return undefined;
  const isName = (value: unknown): boolean =>
    typeof value === 'string' && (/^\.{0,2}\//.test(value) || builtInNames().includes(value));
  return Object.entries(part).find(
    ([key, value]) => nearest(key, ['use']) !== undefined && isName(value),
  )?.[0];
}

/** Refuses a part that is made for versions of Vivace other than this one. */
function refuseOtherVivace({ name, vivace }: Definition): void {
  if (vivace === undefined || isMadeFor(vivace, packageVersion)) return;
  throw new VivaceError(
    'INVALID_CONFIG',
    `"${name}" is made for Vivace ${vivace}, but this is Vivace ${packageVersion}: install versions that fit each other`,
  );
}

function fillSlots(
  name: string,
  {
    definition,
    rest,
    found,
    declared,
    mistakes,
  }: {
    definition: Definition;
    rest: Record<string, unknown>;
    found: ReadonlyMap<string, { definition: Definition }>;
    declared: Readonly<Record<string, unknown>>;
    mistakes: Mistakes;
  },
): { slots: Record<string, string>; options: Record<string, unknown> } {
  const options = { ...rest };
  const slots: Record<string, string> = {};
  const isUnknown = (key: string): boolean =>
    !Object.hasOwn(definition.options.shape, key) && !Object.hasOwn(definition.uses, key);
  for (const [slot, spec] of Object.entries(definition.uses)) {
    const { port, optional } = slotPort(spec);
    const value = options[slot];
    delete options[slot];
    const path = ['parts', name, slot];
    const fitting = [...found]
      .filter(([, other]) => other.definition.provides.includes(port))
      .map(([other]) => other);
    if (value === undefined) {
      // An unknown key that is nearly the slot's name says so itself.
      if (!optional && !Object.keys(rest).some((key) => isUnknown(key) && nearest(key, [slot]) !== undefined))
        mistakes.add(
          path,
          `is missing: the name of ${withArticle(port.name)} part${didYouMean('', fitting)}`,
        );
    } else if (typeof value !== 'string') {
      mistakes.add(
        path,
        `${valueText(value)} is not the name of ${withArticle(port.name)} part: declare the part under \`parts\`, and write its name here`,
      );
    } else if (!Object.hasOwn(declared, value)) {
      mistakes.add(
        path,
        `there is no part "${value}"${didYouMean(value, fitting.length > 0 ? fitting : Object.keys(declared))}`,
      );
    } else if (found.has(value)) {
      const other = found.get(value)!.definition;
      if (other.provides.includes(port)) slots[slot] = value;
      else {
        const offers = other.provides.map((provided) => provided.name).join(', ');
        mistakes.add(
          path,
          `wants ${withArticle(port.name)}, but "${value}" (${other.name}) provides ${offers}${didYouMean(value, fitting)}`,
        );
      }
    }
  }
  return { slots, options };
}

function checkCycles(parts: ReadonlyMap<string, ResolvedPart>, mistakes: Mistakes): void {
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): void => {
    if (trail.includes(name)) {
      mistakes.add(
        ['parts', name],
        `the parts ${[...trail.slice(trail.indexOf(name)), name].join(' → ')} use each other in a circle`,
      );
      return;
    }
    if (done.has(name)) return;
    for (const used of Object.values(parts.get(name)?.slots ?? {})) visit(used, [...trail, name]);
    done.add(name);
  };
  for (const name of parts.keys()) visit(name, []);
}

/** Dependencies first; telemetry and logs before all, servers and transports after all. */
export function startOrder(parts: ReadonlyMap<string, ResolvedPart>): readonly string[] {
  const rank = (part: ResolvedPart): number => {
    const ports = part.definition.provides.map((port) => port.name);
    if (ports.includes('telemetry') || ports.includes('log-sink')) return 0;
    if (ports.includes('transport')) return 3;
    return ports.length === 1 && ports[0] === 'http-server' ? 2 : 1;
  };
  const order = new Set<string>();
  const visit = (part: ResolvedPart): void => {
    for (const used of Object.values(part.slots)) visit(parts.get(used)!);
    order.add(part.name);
  };
  for (const part of [...parts.values()].sort((a, b) => rank(a) - rank(b))) visit(part);
  return [...order];
}

/**
 * What a part is, as a text: its definition, its options with secrets hidden, and the same of the parts in its slots that make rows
 * themselves. Where a store is, or which one it is, changes no row and is not part of it.
 */
export function partIdentity(
  name: string,
  parts: ReadonlyMap<string, ResolvedPart>,
  within: readonly string[] = [],
): string {
  // Parts that use each other have already been reported.
  if (within.includes(name)) return '';
  const { definition, options, slots } = parts.get(name)!;
  const makesRows = (slot: string): boolean =>
    parts.get(slot)?.definition.provides.some((port) => port === featureSource || port === transform) ===
    true;
  const used = Object.entries(slots)
    .filter(([, slot]) => makesRows(slot))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([slot, other]) => `${slot}=${partIdentity(other, parts, [...within, name])}`);
  return `${definition.name}${optionsIdentity(definition.options, options)}(${used.join(',')})`;
}
