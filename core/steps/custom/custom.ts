import { ContainerModule, type Newable } from 'inversify';
import { z } from 'zod';
import { withArticle } from '../../config/article.js';
import { fieldsOf } from '../../data/feature-rows.js';
import { VivaceError } from '../../kernel/errors.js';
import { slotPort } from '../../parts/definition.js';
import { optionsIdentity } from '../../parts/identity.js';
import type { FunctionNode } from '../../pipeline/inputs.js';
import { alias as aliasSchema, reference } from '../../pipeline/schema.js';
import { scopeOf, type StepCompiler } from '../../pipeline/step-compiler.js';
import {
  defineVerb,
  stepOptions,
  stepSlot,
  type NodeDraft,
  type Offline,
  type StepDefinition,
} from '../../pipeline/step-definition.js';
import { featureSource } from '../../ports/feature-source.js';
import { transform } from '../../ports/transform.js';
import { RunCustom, customStep } from './run-custom.js';
import { createdStep, stepTypeOf, type Step, type StepType } from './step.js';

/** What every step of a team's own may say besides its own options and slots. */
export const customKeys = z.object({
  as: aliasSchema,
  inputs: z
    .record(z.string(), reference)
    .default({})
    .describe("column for each input; default: the input's own"),
});

/** A step of the team's own; its options and slots stand beside these keys, and its own schema checks them. */
export const customSchema = z.looseObject({
  step: z
    .unknown()
    .describe('a step: in YAML a `.js` file or package, in code what defineStep returned or a class'),
  ...customKeys.shape,
});

/** A team's step in a plan. */
export interface CustomNode extends FunctionNode {
  readonly type: StepType;
  readonly options: object;
  /** Part per filled slot. */
  readonly uses: Readonly<Record<string, string>>;
  /** The identity of each part in a slot that makes rows itself, as the catalogue gives it. */
  readonly usedIdentities: Readonly<Record<string, string>>;
}

/** `step`: a team's own function or class. */
export const custom: StepDefinition = defineVerb<typeof customSchema, CustomNode>({
  verb: 'step',
  schema: customSchema,
  compile,
  parts: ({ type, uses }) =>
    Object.fromEntries(
      Object.entries(uses).map(([slot, part]) => {
        const { port, optional } = slotPort(type.uses[slot]!);
        return [slot, { port, part, required: !optional }];
      }),
    ),
  module: moduleOf,
  offline: offlineOf,
  summary: ({ type, options, usedIdentities }) => ({
    what: type.name,
    facts: {},
    notes: [],
    identity: {
      source: type.name,
      options: optionsIdentity(type.options, options),
      uses: usedIdentities,
      offline: type.offline,
    },
  }),
  runs: RunCustom,
});

function compile(
  spec: z.output<typeof customSchema>,
  compiler: StepCompiler,
): NodeDraft<CustomNode> | undefined {
  const { step, as, inputs, ...rest } = spec;
  const type = typeOf(step, compiler);
  if (type === undefined) return void compiler.leaveOpenAfter(as);
  const alias = compiler.alias(as ?? type.name);
  const { uses, options } = fillSlots(type, rest, compiler);
  const parsed = compiler.parse(type.options, options);
  const { bound, all } = compiler.inputs(type.reads, inputs);
  if (alias === undefined) return undefined;
  const scope = scopeOf(bound);
  const outputs = fieldsOf(type.writes);
  const columns = compiler.writes(alias, outputs, scope);
  if (!all || parsed === undefined) return undefined;
  return {
    alias,
    scope,
    reads: bound,
    writes: columns,
    type,
    options: parsed,
    uses,
    usedIdentities: identitiesOf(uses, compiler),
    inputs: Object.keys(type.reads),
    outputs,
    over: type.over ?? 'row',
    effects: { afterSkips: true },
  };
}

function typeOf(step: unknown, compiler: StepCompiler): StepType | undefined {
  const found = typeof step === 'string' ? compiler.catalogue.imported(step) : step;
  // A file that does not load has already been reported.
  if (typeof step === 'string' && found === undefined) return undefined;
  return compiler.mistakes.attempt([...compiler.path, 'step'], () => stepTypeOf(found));
}

function fillSlots(
  type: StepType,
  given: Readonly<Record<string, unknown>>,
  compiler: StepCompiler,
): { readonly uses: Readonly<Record<string, string>>; readonly options: Record<string, unknown> } {
  const uses: Record<string, string> = {};
  const options = { ...given };
  for (const [slot, declared] of Object.entries(type.uses)) {
    const { port, optional } = slotPort(declared);
    const name = options[slot];
    delete options[slot];
    if (name === undefined && optional) continue;
    if (typeof name !== 'string')
      compiler.mistake([slot], `is missing: the name of ${withArticle(port.name)} part`);
    else if (compiler.part(name, port, [slot]) !== undefined) uses[slot] = name;
  }
  return { uses, options };
}

/** Only of parts whose options decide what rows hold; where a store is, or which one it is, does not. */
function identitiesOf(
  uses: Readonly<Record<string, string>>,
  { catalogue }: StepCompiler,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(uses).flatMap(([slot, name]) => {
      const part = catalogue.parts.get(name);
      const makesRows =
        part?.ports.some((port) => [featureSource.name, transform.name].includes(port)) === true;
      return makesRows ? [[slot, part.identity]] : [];
    }),
  );
}

function moduleOf({ type, options }: CustomNode): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(stepOptions).toConstantValue(options);
    if (type.injectable) {
      bind(customStep).to(type.create as Newable<Step>);
      return;
    }
    const slots = Object.keys(type.uses);
    const create = type.create as (options: never, uses: never) => Step;
    bind(customStep).toResolvedValue(
      (...parts: unknown[]) =>
        createdStep(
          type.name,
          create(options as never, Object.fromEntries(slots.map((slot, i) => [slot, parts[i]])) as never),
        ),
      slots.map((slot) => ({ serviceIdentifier: stepSlot(slot), optional: true })),
    );
  });
}

function offlineOf({ alias, type }: CustomNode): Offline {
  if (type.offline !== 'refuse') return { how: type.offline };
  return {
    how: 'refuse',
    because: `step "${alias}" refuses to run in a training set: leave it out of the pipeline's offline half`,
  };
}

/** The step that a file exports: the one of the given name, or the only one. */
export function stepIn(module: Readonly<Record<string, unknown>>, name: string): unknown {
  const className = name.replace(/^./, (first) => first.toUpperCase());
  const found = module[name] ?? module[className] ?? Object.values(module).find((value) => isStepLike(value));
  if (found === undefined)
    throw new VivaceError('INVALID_CONFIG', `exports neither a step "${name}" nor a class "${className}"`);
  return found;
}

function isStepLike(value: unknown): boolean {
  try {
    stepTypeOf(value);
    return true;
  } catch {
    return false;
  }
}
