import type { Newable } from 'inversify';
import { z } from 'zod';
import { valueText } from '../../config/value-text.js';
import { fieldsOf } from '../../data/feature-rows.js';
import { messageOf, VivaceError } from '../../kernel/errors.js';
import { isThenable } from '../../kernel/thenable.js';
import { isObjectSchema, type UsedParts, type Uses } from '../../parts/definition.js';
import type { Call, MaybePromise } from '../../kernel/call.js';
import type { ColumnsIn, ColumnsOut, Reads, Writes } from '../../ports/transform.js';

/**
 * A custom step: columns in, columns out, with I/O if it needs any.
 *
 * A class says `implements Step<typeof TheClass.reads, typeof TheClass.writes>`.
 */
export interface Step<R extends Reads = Reads, W extends Writes = Writes> {
  run(input: ColumnsIn<R>, out: ColumnsOut<W>, call: Call): MaybePromise<void>;
}

/** A step with any columns. */
interface AnyStep {
  run(input: never, out: never, call: Call): MaybePromise<void>;
}

interface StepColumns<R extends Reads = Reads, W extends Writes = Writes> {
  readonly reads: R;
  readonly writes: W;
  /** In a training set: `same` code · `skip`: its columns are null · `refuse` the pipeline. */
  readonly offline: 'same' | 'skip' | 'refuse';
  readonly over?: 'row' | 'request';
}

/** What `defineStep` takes. */
export interface StepSpec<
  S extends z.ZodObject,
  U extends Uses,
  R extends Reads = Reads,
  W extends Writes = Writes,
  N extends string = string,
> extends StepColumns<R, W> {
  readonly name: N;
  readonly options?: S;
  readonly uses?: U;
  create(options: z.output<S>, uses: UsedParts<U>): Step<R, W>;
}

/**
 * An `@injectable()` class whose static members say what it reads, writes and uses, and which options it takes. Its constructor gets what
 * the container holds: `@inject(Service)` a team's own service, `@inject(stepOptions)` its options as `static options` parsed them, and
 * `@inject(stepSlot('store'))` the part in the slot `store` of `static uses`.
 */
export type StepClass = Newable<AnyStep> &
  StepColumns & { readonly stepName?: string; readonly options?: z.ZodObject; readonly uses?: Uses };

const marker = Symbol.for('vivace.step');

/** A custom step as the compiler reads it. */
export interface StepType<
  S extends z.ZodObject = z.ZodObject,
  U extends Uses = Uses,
  R extends Reads = Reads,
  W extends Writes = Writes,
  N extends string = string,
> extends StepColumns<R, W> {
  readonly [marker]: true;
  readonly name: N;
  readonly options: S;
  readonly uses: U;
  readonly create: ((options: never, uses: never) => Step) | Newable<Step>;
  readonly injectable: boolean;
}

/**
 * Defines a step of your own from a function: columns in, columns out. Use it for what only one pipeline does, or for what needs a service
 * of your application. What several teams share is better written as a plugin.
 *
 * Your duties:
 *
 * - `reads` and `writes` name every column with its type. `run` writes every row of each column in `writes`.
 * - `offline` says what a training set does with the step: `same` runs it, `skip` leaves its columns null, `refuse` ends the run.
 * - `run` may do I/O; then it passes `call.signal` on. A step that answers at once returns nothing, and is not `async`.
 *
 * `create` is called once per node of a pipeline, when the server starts. Core guarantees that input columns have the declared types and
 * `input.rows` rows, and the compiler knows those types; with `over: 'request'` it tells through `offsets` which rows belong to one request.
 *
 * @param spec The step's name, columns, options, slots and how it is created.
 * @returns The step for `step:` in code; for YAML, export it under its name in camelCase from the file that `step:` names.
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
 *       const prices = input.column('price').values;
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
  const R extends Reads,
  const W extends Writes,
  const N extends string,
  S extends z.ZodObject = z.ZodObject<Record<never, never>>,
  const U extends Uses = Record<never, never>,
>(spec: StepSpec<S, U, R, W, N>): StepType<S, U, R, W, N> {
  return {
    [marker]: true,
    name: spec.name,
    options: spec.options ?? (z.strictObject({}) as unknown as S),
    uses: spec.uses ?? ({} as U),
    reads: spec.reads,
    writes: spec.writes,
    offline: spec.offline,
    ...(spec.over === undefined ? {} : { over: spec.over }),
    // In JavaScript it may be missing, which is reported with the pipeline.
    create:
      'create' in spec && spec.create !== undefined
        ? (options, uses) => spec.create(options, uses)
        : (undefined as never),
    injectable: false,
  };
}

export function isStepType(value: unknown): value is StepType {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[marker] === true;
}

/** A step type from what stands after `step:` in code. */
export function stepTypeOf(value: unknown): StepType {
  if (isStepType(value)) return checked(value);
  if (typeof value === 'function') {
    const declared = value as unknown as Partial<StepClass> & { name: string };
    if (declared.reads === undefined || declared.writes === undefined || declared.offline === undefined) {
      throw new VivaceError(
        'INVALID_CONFIG',
        `the class ${declared.name} is not a step: give it static reads, writes and offline`,
      );
    }
    return checked({
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
    });
  }
  throw new VivaceError(
    'INVALID_CONFIG',
    `${valueText(value)} is not a step: write a .js or .mjs file, in code also what defineStep returned or an @injectable() class`,
  );
}

/** A step whose author kept to the types; in JavaScript nothing else checks them. */
function checked(type: StepType): StepType {
  const wrong = (what: string): VivaceError =>
    new VivaceError('INVALID_CONFIG', `step "${type.name}" ${what}`);
  const { reads, writes, offline, over, options, create } = type as Partial<StepType>;
  for (const [name, columns] of Object.entries({ reads, writes })) {
    if (typeof columns !== 'object' || columns === null)
      throw wrong(`has no \`${name}\`: name its columns with their types, such as { price: 'float64' }`);
    try {
      fieldsOf(columns);
    } catch (error) {
      throw wrong(`has wrong \`${name}\`: ${messageOf(error)}`);
    }
  }
  if (offline === undefined || !['same', 'skip', 'refuse'].includes(offline))
    throw wrong(`has offline: ${valueText(offline)}: write 'same', 'skip' or 'refuse'`);
  if (over !== undefined && over !== 'row' && over !== 'request')
    throw wrong(`has over: ${valueText(over)}: write 'row' or 'request'`);
  if (!isObjectSchema(options)) throw wrong('has `options` that are not a z.strictObject of zod 4');
  if (typeof create !== 'function') throw wrong('has no function `create`');
  return type;
}

/**
 * What `create` of a step gave, which must be an object with `run`.
 *
 * @throws {VivaceError} `INVALID_CONFIG` where it is something else, such as a promise.
 */
export function createdStep(name: string, made: unknown): Step {
  const wrong = (what: string): VivaceError => new VivaceError('INVALID_CONFIG', `step "${name}": ${what}`);
  if (isThenable(made)) {
    Promise.resolve(made).catch(() => undefined);
    throw wrong(
      '`create` returned a promise, but it is synchronous: await what the step needs in `run`, or in a part',
    );
  }
  if (typeof (made as Partial<Step> | null | undefined)?.run !== 'function')
    throw wrong(`\`create\` returned ${valueText(made)}: return an object with a function \`run\``);
  return made as Step;
}
