import { Container, ContainerModule, decorate, inject, injectable, type ServiceIdentifier } from 'inversify';
import type { Mistakes } from '../config/mistake.js';
import { messageOf } from '../kernel/errors.js';
import { createPart, type RunningPart } from '../parts/create-part.js';
import { slotPort } from '../parts/definition.js';
import type { GuardOptions } from '../parts/guard.js';
import type { PartSurroundings } from '../parts/part-context.js';
import { stepOptions, stepSlot } from '../pipeline/step-definition.js';
import type { Port } from '../ports/port.js';
import { builtInSteps } from '../steps/index.js';
import type { ResolvedPart } from './parts.js';

/** A part itself, with its lifecycle; named after the part. */
export const partId: ServiceIdentifier<RunningPart> = Symbol.for('vivace.part');

/**
 * The container of a server, without its parts: the steps of Vivace, then a team's own modules. A module that does not load is a
 * mistake.
 */
export function createContainer(modules: readonly ContainerModule[], mistakes: Mistakes): Container {
  const container = new Container({ jitless: true, defaultScope: 'Singleton' });
  container.load(builtInSteps);
  modules.forEach((module, i) => {
    try {
      container.load(module);
    } catch (error) {
      mistakes.add(['modules', i], `does not load: ${messageOf(error)}`);
    }
  });
  return container;
}

/** A port that a module has bound under the name of a part would stand there twice. */
export function checkModuleBindings(
  container: Container,
  parts: Iterable<ResolvedPart>,
  mistakes: Mistakes,
): void {
  for (const { name, definition } of parts) {
    for (const port of definition.provides) {
      if (!container.isBound(port.id, { name })) continue;
      mistakes.add(
        ['parts', name],
        `a module binds a ${port.name} named "${name}" as well; to replace the part, give \`override: { ${name}: … }\` to the server, and to have both, name one of them otherwise`,
      );
    }
  }
}

/** Binds every part as a singleton, under each of its ports by its name. */
export function bindParts(
  container: Container,
  parts: Iterable<ResolvedPart>,
  surroundings: PartSurroundings & GuardOptions,
): void {
  for (const part of parts) container.load(moduleOf(part, surroundings));
}

/** The module generated from a part's definition. */
function moduleOf(part: ResolvedPart, surroundings: PartSurroundings & GuardOptions): ContainerModule {
  const { name, definition, options, slots } = part;
  const filled = Object.entries(slots);
  return new ContainerModule(({ bind }) => {
    bind(partId)
      .toResolvedValue(
        (...used: unknown[]) => {
          const uses = Object.fromEntries(filled.map(([slot], i) => [slot, used[i]]));
          return createPart(definition, { name, options, uses }, surroundings);
        },
        filled.map(([slot, other]) => ({
          serviceIdentifier: slotPort(definition.uses[slot]!).port.id,
          name: other,
        })),
      )
      .inSingletonScope()
      .whenNamed(name);
    for (const port of definition.provides) {
      bind(port.id)
        .toResolvedValue((running: RunningPart) => running.face(port), [{ serviceIdentifier: partId, name }])
        .inSingletonScope()
        .whenNamed(name);
    }
  });
}

const planned: ServiceIdentifier = Symbol.for('vivace.planned');
class Planned extends Error {}

/**
 * The service that a class needs injected, by itself or through what it is given, and that nothing binds. The container plans all that
 * the class needs before it makes any of it, so nothing is made here.
 *
 * @param parts What steps may have injected by name; they need not be bound yet.
 */
export function missingService(
  parent: Container,
  type: new (...args: never[]) => unknown,
  {
    slots,
    parts,
  }: { readonly slots: Readonly<Record<string, Port>>; readonly parts: Iterable<ResolvedPart> },
): string | undefined {
  const container = new Container({ parent, jitless: true });
  container.bind(planned).toDynamicValue(() => {
    throw new Planned();
  });
  container.bind(stepOptions).toConstantValue({});
  for (const slot of Object.keys(slots)) container.bind(stepSlot(slot)).toConstantValue(undefined);
  for (const { name, definition } of parts)
    for (const port of definition.provides)
      container.bind(port.id).toConstantValue(undefined).whenNamed(name);
  const Probe = class {
    readonly name = 'probe';
  };
  decorate(injectable(), Probe);
  decorate([inject(planned)], Probe, 0);
  decorate([inject(type)], Probe, 1);
  container.bind(type).toSelf();
  container.bind(Probe).toSelf();
  try {
    container.get(Probe);
  } catch (error) {
    return isPlanned(error) ? undefined : serviceIn(error);
  }
  return undefined;
}

function isPlanned(error: unknown): boolean {
  return error instanceof Planned || (error instanceof Error && error.cause instanceof Planned);
}

/** The service that a container's error names; its first line where it names none. */
function serviceIn(error: unknown): string {
  const [first = ''] = messageOf(error).split('\n');
  return /"([^"]+)"/.exec(first)?.[1] ?? first;
}
