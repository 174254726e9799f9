import { Container, ContainerModule, decorate, inject, injectable, type ServiceIdentifier } from 'inversify';
import type { Mistakes } from '../config/mistake.js';
import { messageOf } from '../kernel/errors.js';
import { createPart, type RunningPart } from '../parts/create-part.js';
import { slotPort } from '../parts/definition.js';
import type { GuardOptions } from '../parts/guard.js';
import type { PartSurroundings } from '../parts/part-context.js';
import type { PlanNode } from '../pipeline/plan.js';
import { stepNode, stepOptions, stepPlan, stepSlot } from '../pipeline/step-definition.js';
import { pipelineCounters } from '../steps/counters.js';
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

/** A service that a class needs and nothing binds. */
export interface MissingService {
  readonly service: string;
  /** The class that needs it, where the container says which. */
  readonly neededBy?: string;
}

/**
 * Makes the function that says which service a node's class needs injected, by itself or through what it is given, and nothing binds. The
 * container plans all that a class needs before it makes any of it, so nothing is made here.
 *
 * @param parts What steps may have injected by name; they need not be bound yet.
 */
export function missingServices(
  parent: Container,
  parts: Iterable<ResolvedPart>,
): (node: PlanNode) => MissingService | undefined {
  const common = new Container({ parent, jitless: true });
  common.bind(planned).toDynamicValue(() => {
    throw new Planned();
  });
  for (const id of [stepNode, stepPlan, stepOptions, pipelineCounters] as readonly ServiceIdentifier[])
    common.bind(id).toConstantValue(undefined);
  for (const { name, definition } of parts)
    for (const port of definition.provides) common.bind(port.id).toConstantValue(undefined).whenNamed(name);
  return (node) => {
    const container = new Container({ parent: common, jitless: true });
    const { definition } = node;
    for (const [slot, used] of Object.entries(definition.parts?.(node) ?? {}))
      if (used !== undefined) container.bind(stepSlot(slot)).toConstantValue(undefined);
    const module = definition.module?.(node);
    if (module !== undefined) container.load(module);
    if (!container.isBound(definition.runs)) container.bind(definition.runs).toSelf();
    const Probe = class {
      readonly name = 'probe';
    };
    decorate(injectable(), Probe);
    decorate([inject(planned)], Probe, 0);
    decorate([inject(definition.runs)], Probe, 1);
    container.bind(Probe).toSelf();
    try {
      container.get(Probe);
    } catch (error) {
      return isPlanned(error) ? undefined : missingIn(error);
    }
    return undefined;
  };
}

function isPlanned(error: unknown): boolean {
  return error instanceof Planned || (error instanceof Error && error.cause instanceof Planned);
}

/** The service that a container's error names, and for whom it was. */
function missingIn(error: unknown): MissingService {
  const text = messageOf(error);
  const service = /"([^"]+)"/.exec(text)?.[1] ?? text.split('\n')[0]!;
  const neededBy = /resolve bindings for "([A-Za-z_$][\w$]*)"/.exec(text)?.[1];
  return neededBy === undefined ? { service } : { service, neededBy };
}
