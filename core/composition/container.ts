import { Container, ContainerModule, type ServiceIdentifier } from 'inversify';
import { createPart, type RunningPart } from '../parts/create-part.js';
import { slotPort } from '../parts/definition.js';
import type { GuardOptions } from '../parts/guard.js';
import type { PartSurroundings } from '../parts/part-context.js';
import type { ResolvedPart } from './parts.js';

/** A part itself, with its lifecycle; named after the part. */
export const partId: ServiceIdentifier<RunningPart> = Symbol.for('vivace.part');

/** The container of a server: every part is a singleton, bound under each of its ports by its name. */
export function createContainer(
  parts: Iterable<ResolvedPart>,
  surroundings: PartSurroundings & GuardOptions,
  modules: readonly ContainerModule[],
): Container {
  const container = new Container({ jitless: true, defaultScope: 'Singleton' });
  for (const part of parts) container.load(moduleOf(part, surroundings));
  container.load(...modules);
  return container;
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
