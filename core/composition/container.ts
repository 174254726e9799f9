import { Container, ContainerModule, multiInject, type ServiceIdentifier } from 'inversify';
import { withArticle } from '../config/article.js';
import type { Mistakes } from '../config/mistake.js';
import { messageOf } from '../kernel/errors.js';
import { httpServer, type HttpServer } from '../ports/http-server.js';
import { createPart, type RunningPart } from '../parts/create-part.js';
import { slotPort } from '../parts/definition.js';
import type { GuardOptions } from '../parts/guard.js';
import type { PartSurroundings } from '../parts/part-context.js';
import { nodeLayer, runLayer } from '../pipeline/layers.js';
import { stepDefinition, type StepDefinition } from '../pipeline/step-definition.js';
import { builtInSteps, builtInVerbs } from '../steps/index.js';
import { whyNotMade, wrongInjection } from './injection.js';
import type { ResolvedPart } from './parts.js';

/** A part itself, with its lifecycle; bound under the part's name. */
export const partId: ServiceIdentifier<RunningPart> = Symbol.for('vivace.part');

/**
 * The container of a server, without its parts: the steps of Vivace, then a team's own modules. A module that does not load is a
 * mistake.
 */
export async function createContainer(
  modules: readonly ContainerModule[],
  mistakes: Mistakes,
): Promise<Container> {
  const container = new Container({ jitless: true, defaultScope: 'Singleton' });
  container.load(builtInSteps);
  for (const [i, module] of modules.entries()) {
    try {
      await container.loadAsync(module);
    } catch (error) {
      mistakes.add(['modules', i], `does not load: ${messageOf(error)}`);
    }
  }
  return container;
}

/** The verbs that are bound, in their order. A verb that cannot be created is a mistake, and those of Vivace remain. */
export function boundVerbs(container: Container, mistakes: Mistakes): readonly StepDefinition[] {
  const wrong = wrongInjection(container, multiInject(stepDefinition));
  if (wrong !== undefined) {
    mistakes.add(['modules'], `a verb ${wrong.what}`);
    return builtInVerbs;
  }
  try {
    return container.getAll(stepDefinition);
  } catch (error) {
    mistakes.add(['modules'], `a verb cannot be created: ${whyNotMade(error)}`);
    return builtInVerbs;
  }
}

/**
 * Finds layers that need an injection that nothing binds, which would otherwise show only once the server has started.
 *
 * @param container With stand-ins for the parts.
 */
export function checkLayers(container: Container, mistakes: Mistakes): void {
  for (const layer of [runLayer, nodeLayer]) {
    if (!container.isBound(layer)) continue;
    const wrong = wrongInjection(container, multiInject(layer));
    if (wrong !== undefined) mistakes.add(['modules'], `a layer ${wrong.what}`);
  }
}

/** Refuses a port that a module has bound under the name of a part, because it would be bound twice. */
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
        `a module also binds ${withArticle(port.name)} named "${name}"; to replace the part, give \`override: { ${name}: … }\` to the server; to have both, give one of them another name`,
      );
    }
  }
}

/** How the parts of a server are made. */
export interface PartMaking {
  readonly surroundings: PartSurroundings & GuardOptions;
  /** A part that runs already, to be taken as it is. */
  readonly kept: (name: string) => RunningPart | undefined;
  /** What stands before an HTTP server. */
  readonly front: (part: RunningPart) => HttpServer;
}

/**
 * Binds parts as singletons, under each of their ports by their names.
 *
 * @returns The module of each part, by name.
 */
export function bindParts(
  container: Container,
  parts: Iterable<ResolvedPart>,
  making: PartMaking,
): Map<string, ContainerModule> {
  const modules = new Map([...parts].map((part) => [part.name, moduleOf(part, making)]));
  container.load(...modules.values());
  return modules;
}

/** The module generated from a part's definition. */
function moduleOf(part: ResolvedPart, { surroundings, kept, front }: PartMaking): ContainerModule {
  const { name, definition, options, slots } = part;
  const filled = Object.entries(slots);
  return new ContainerModule(({ bind }) => {
    bind(partId)
      .toResolvedValue(
        (...used: unknown[]) => {
          const running = kept(name);
          if (running !== undefined) return running;
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
        .toResolvedValue(
          (running: RunningPart) => (port === httpServer ? front(running) : running.face(port)),
          [{ serviceIdentifier: partId, name }],
        )
        .inSingletonScope()
        .whenNamed(name);
    }
  });
}
