import { Container, decorate, inject, injectable, type ServiceIdentifier } from 'inversify';
import { messageOf } from '../kernel/errors.js';
import type { WrongInjection } from '../pipeline/catalogue.js';
import type { PlanNode } from '../pipeline/plan.js';
import { stepNode, stepPlan, stepSlot } from '../pipeline/step-definition.js';
import { pipelineCounters } from '../steps/counters.js';
import type { ResolvedPart } from './parts.js';

/** A container below `parent`, with a stand-in for each port of the parts, which are not bound yet. */
export function withStandIns(parent: Container, parts: Iterable<ResolvedPart>): Container {
  const container = new Container({ parent, jitless: true });
  for (const { name, definition } of parts)
    for (const port of definition.provides)
      container.bind(port.id).toConstantValue(undefined).whenNamed(name);
  return container;
}

/**
 * Says what is wrong with the injections of the class that runs a node.
 *
 * @param parent With stand-ins for the parts.
 */
export function wrongStep(parent: Container, node: PlanNode): WrongInjection | undefined {
  const container = new Container({ parent, jitless: true });
  const { definition } = node;
  const given: readonly ServiceIdentifier[] = [stepNode, stepPlan, pipelineCounters];
  for (const id of given) container.bind(id).toConstantValue(undefined);
  for (const [slot, used] of Object.entries(definition.parts?.(node) ?? {}))
    if (used !== undefined) container.bind(stepSlot(slot)).toConstantValue(undefined);
  try {
    const module = definition.module?.(node);
    if (module !== undefined) container.load(module);
    if (!container.isBound(definition.runs)) container.bind(definition.runs).toSelf();
  } catch (error) {
    return wrongIn(error);
  }
  return wrongInjection(container, inject(definition.runs));
}

const planned: ServiceIdentifier = Symbol.for('vivace.planned');
class Planned extends Error {}

/**
 * Says what is wrong with an injection, by itself or through what it is given; `undefined` where nothing is. The container plans everything
 * that a class needs before it creates any of it, so nothing is created here.
 *
 * @param injected Asks for it, as on the parameter of a constructor.
 */
export function wrongInjection(parent: Container, injected: ParameterDecorator): WrongInjection | undefined {
  const container = new Container({ parent, jitless: true });
  container.bind(planned).toDynamicValue(() => {
    throw new Planned();
  });
  const Probe = class {
    readonly name = 'probe';
  };
  decorate(injectable(), Probe);
  decorate([inject(planned)], Probe, 0);
  decorate([injected], Probe, 1);
  container.bind(Probe).toSelf();
  try {
    container.get(Probe);
  } catch (error) {
    return isPlanned(error) ? undefined : wrongIn(error);
  }
  return undefined;
}

function isPlanned(error: unknown): boolean {
  return error instanceof Planned || (error instanceof Error && error.cause instanceof Planned);
}

/** Why a container did not create something, in one line. */
export function whyNotMade(error: unknown): string {
  const [first = ''] = messageOf(error).split('\n');
  if (!first.startsWith('Unexpected asynchronous')) return first;
  return 'one of the services injected into it is created asynchronously: await it in an asynchronous ContainerModule, and bind it as a constant value';
}

/** What a container's error says, in words of Vivace. */
function wrongIn(error: unknown): WrongInjection {
  const text = messageOf(error);
  const [first = ''] = text.split('\n');
  const service = /"([^"]+)"/.exec(first)?.[1] ?? first;
  const neededBy = /resolve bindings for "([A-Za-z_$][\w$]*)"/.exec(text)?.[1];
  const of = neededBy === undefined || neededBy === 'Probe' ? {} : { neededBy };
  if (first.startsWith('No bindings')) {
    return {
      ...of,
      what: `needs ${service} injected, but nothing binds it: bind it in a ContainerModule, and list that module in \`modules\``,
    };
  }
  if (first.startsWith('Ambiguous')) {
    return {
      ...of,
      what: `needs ${service} injected, but it is bound more than once: keep one binding, or tell them apart by name`,
    };
  }
  if (first.startsWith('Circular dependency'))
    return {
      what: `depends on itself: ${first.replace(/^.*found: (Probe -> )?/, '')}`,
    };
  if (first.includes('missing metadata')) {
    return {
      what: `needs the decorator @injectable() on ${service}, and @inject() on each parameter of its constructor`,
    };
  }
  return { what: `cannot be created: ${whyNotMade(error)}` };
}
