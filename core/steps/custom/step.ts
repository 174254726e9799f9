import type { Newable } from 'inversify';
import { z } from 'zod';
import { VivaceError } from '../../kernel/errors.js';
import type { UsedParts, Uses } from '../../parts/definition.js';
import type { Call, MaybePromise } from '../../kernel/call.js';
import type { ColumnsIn, ColumnsOut, TransformInput } from '../../ports/transform.js';

/** What a custom step does: columns in, columns out, with I/O if it needs some. */
export interface Step {
  run(input: ColumnsIn, out: ColumnsOut, call: Call): MaybePromise<void>;
}

interface StepDeclaration {
  readonly reads: Readonly<Record<string, string | TransformInput>>;
  readonly writes: Readonly<Record<string, string>>;
  /** In a training set: `same` code · `skip`: its columns are null · `refuse` the pipeline. */
  readonly offline: 'same' | 'skip' | 'refuse';
  readonly over?: 'row' | 'request';
}

export interface StepSpec<S extends z.ZodObject, U extends Uses> {
  readonly name: string;
  readonly options?: S;
  readonly uses?: U;
  readonly reads: StepDeclaration['reads'];
  readonly writes: StepDeclaration['writes'];
  readonly offline: StepDeclaration['offline'];
  readonly over?: 'row' | 'request';
  create(options: z.output<S>, uses: UsedParts<U>): Step;
}

/**
 * An `@injectable()` class whose static side says what it reads, writes, uses and is configured by. Its constructor gets what the
 * container holds: `@inject(Service)` a team's own service, `@inject(stepOptions)` its options as `static options` parsed them, and
 * `@inject(stepSlot('store'))` the part in the slot `store` of `static uses`.
 */
export type StepClass = Newable<Step> &
  StepDeclaration & { readonly stepName?: string; readonly options?: z.ZodObject; readonly uses?: Uses };

const marker = Symbol.for('vivace.step');

/** A custom step as the compiler reads it. */
export interface StepType extends StepDeclaration {
  readonly [marker]: true;
  readonly name: string;
  readonly options: z.ZodObject;
  readonly uses: Uses;
  readonly create: ((options: never, uses: never) => Step) | Newable<Step>;
  readonly injectable: boolean;
}

/**
 * Defines a step of your own from a function: columns in, columns out. It is for what one pipeline does, or what needs a service of your
 * application; what several teams share is better a plugin.
 *
 * Your duties:
 *
 * - `reads` and `writes` name every column with its type. `run` writes every row of each column in `writes`.
 * - `offline` says what a training set does with the step: `same` runs it, `skip` leaves its columns null, `refuse` ends the run.
 * - `run` may do I/O; then it passes `call.signal` on. A step that answers at once returns nothing, and is not `async`.
 *
 * `create` is called once per node of a pipeline, when the server starts. Core guarantees that input columns have the declared types and
 * `input.rows` rows; with `over: 'request'` it tells through `offsets` which rows belong to one request.
 *
 * @param spec The step's name, columns, options, slots and how it is created.
 * @returns What stands after `step:` in code, or is exported under its name in camelCase from the file that YAML names.
 * @see docs/writing-a-plugin.md#a-step-of-your-own
 * @example
 * ```ts
 * import { createServer, defineStep } from 'vivace';
 * import { z } from 'zod';
 *
 * const discount = defineStep({
 *   name: 'discount',
 *   options: z.strictObject({ percent: z.number().min(0).max(100) }),
 *   reads: { price: 'float64' },
 *   writes: { price: 'float64' },
 *   offline: 'same',
 *   create: ({ percent }) => ({
 *     run(input, out) {
 *       const prices = input.column('price').values as Float64Array;
 *       prices.forEach((price, row) => out.column('price').set(row, price * (1 - percent / 100)));
 *     },
 *   }),
 * });
 *
 * const server = await createServer({
 *   parts: {},
 *   pipelines: {
 *     sale: {
 *       request: { price: 'float64' },
 *       steps: [{ step: discount, percent: 10 }],
 *       response: { outputs: { price: 'discount.price' } },
 *     },
 *   },
 * });
 * await server.start();
 * const answer = await server.predict('sale', { request: { price: 10 } });
 * console.log(answer.outputs.price); // 9
 * await server.stop();
 * ```
 */
export function defineStep<
  S extends z.ZodObject = z.ZodObject<Record<never, never>>,
  const U extends Uses = Record<never, never>,
>(spec: StepSpec<S, U>): StepType {
  return {
    [marker]: true,
    name: spec.name,
    options: spec.options ?? z.strictObject({}),
    uses: spec.uses ?? {},
    reads: spec.reads,
    writes: spec.writes,
    offline: spec.offline,
    ...(spec.over === undefined ? {} : { over: spec.over }),
    create: (options, uses) => spec.create(options, uses),
    injectable: false,
  };
}

export function isStepType(value: unknown): value is StepType {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[marker] === true;
}

/** A step type from what stands after `step:` in code. */
export function stepTypeOf(value: unknown): StepType {
  if (isStepType(value)) return value;
  if (typeof value === 'function') {
    const declared = value as unknown as Partial<StepClass> & { name: string };
    if (declared.reads === undefined || declared.writes === undefined || declared.offline === undefined) {
      throw new VivaceError(
        'INVALID_CONFIG',
        `the class ${declared.name} is no step: give it static reads, writes and offline`,
      );
    }
    return {
      [marker]: true,
      name: declared.stepName ?? declared.name.replace(/^[A-Z]/, (first) => first.toLowerCase()),
      options: declared.options ?? z.strictObject({}),
      uses: declared.uses ?? {},
      reads: declared.reads,
      writes: declared.writes,
      offline: declared.offline,
      ...(declared.over === undefined ? {} : { over: declared.over }),
      create: value as unknown as Newable<Step>,
      injectable: true,
    };
  }
  throw new VivaceError(
    'INVALID_CONFIG',
    'a step is a file, what defineStep returned, or an @injectable() class',
  );
}
