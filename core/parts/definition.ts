import type { Attributes } from '@opentelemetry/api';
import type { z } from 'zod';
import { definitionNames } from '../config/names.js';
import type { Mistake } from '../config/mistake.js';
import type { MaybePromise } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import type { FeatureSource, FeatureSourceDescription } from '../ports/feature-source.js';
import type { PluginPort, PartLifecycle, Port, ProvidedBy, Tier } from '../ports/port.js';
import type { Transform, TransformDescription } from '../ports/transform.js';
import type { CheckAmong, CheckContext, PartSurroundings } from './check-context.js';
import type { PartContext } from './context.js';
import { isVersionRange } from './made-for.js';
import type { SdkRequirements } from './sdk.js';

/** A slot that may stay empty. */
export interface OptionalSlot<P extends Port> {
  readonly optional: P;
}

/** Lets a slot stay empty: `uses: { workspace: optional(workspace) }`. */
export function optional<P extends Port>(port: P): OptionalSlot<P> {
  return { optional: port };
}

export type Slot = Port | OptionalSlot<Port>;
export type Uses = Readonly<Record<string, Slot>>;

/** The parts in the slots, as `create` gets them. */
export type UsedParts<U extends Uses> = {
  readonly [K in keyof U]: U[K] extends OptionalSlot<infer P> ? ProvidedBy<P> | undefined : ProvidedBy<U[K]>;
};

type Provides<L extends Tier> = Port<unknown, L> | readonly Port<unknown, L>[];

/** What a plugin says of itself: a feature source, a transform, or neither. */
type Description = FeatureSourceDescription | TransformDescription;

/** An implementation of a port; where `describe` says which columns there are, they have their types. */
type ProvidedAs<P, D> =
  ProvidedBy<P> extends FeatureSource
    ? FeatureSource<Extract<D, FeatureSourceDescription>>
    : ProvidedBy<P> extends Transform
      ? Transform<Extract<D, TransformDescription>>
      : ProvidedBy<P>;

/**
 * What `create` gives for `provides`: an implementation of the one port, or, for a list, `faces` in its order. Faces share the part's
 * lifecycle, and operations of different ports may have the same name. `faces` is a tuple: write `[…] as const`.
 */
type Provided<P, D> = P extends readonly Port[]
  ? { readonly faces: { readonly [K in keyof P]: ProvidedAs<P[K], D> } }
  : ProvidedAs<P, D>;

type Describe<P, O> =
  P extends PluginPort<infer T>
    ? T extends { read(...args: never[]): unknown }
      ? { describe(options: O): FeatureSourceDescription }
      : T extends { apply(...args: never[]): unknown }
        ? { describe(options: O): TransformDescription }
        : object
    : object;

/**
 * Options as `create` gets them. `D` is mentioned so that the compiler infers what `describe` returns before it looks into `create`, which
 * gets columns of those types.
 */
type Parsed<S extends z.ZodObject, D> = [D] extends [never] ? never : z.output<S>;

/** What an author writes. `create` is synchronous and cheap: all I/O belongs in `start`. */
export interface PartSpec<
  P extends Provides<Tier>,
  S extends z.ZodObject,
  U extends Uses,
  D extends Description = Description,
> {
  readonly provides: P;
  /** The kebab-case name users write after `use:`. */
  readonly name: string;
  readonly options: S;
  readonly uses?: U;
  /**
   * The npm packages that `loadSdk` will ask for, with the lowest versions that work: an older one is refused when the part starts, and
   * `vivace check` says beforehand which are missing or too old.
   */
  readonly sdk?: SdkRequirements;
  /**
   * The versions of Vivace that the part is made for, such as `^0.1` or `>=0.1`; any other version refuses it when the configuration is
   * checked. It is for parts in packages of their own. Default: any.
   */
  readonly vivace?: string;
  /**
   * Finds mistakes in options that need no backend to be seen, such as a file that is not there, so that `vivace check` reports them before
   * the part starts. It opens nothing and leaves nothing behind.
   *
   * @throws {VivaceError} `INVALID_CONFIG`, with `path` relative to the part.
   */
  check?(options: z.output<S>, context: CheckContext): MaybePromise<void>;
  /** As `check`, for options that say something of views, or that depend on the part in a slot. It answers at once. */
  checkAmong?(options: z.output<S>, among: PartSurroundings): readonly Mistake[];
  /**
   * The JavaScript files that options name and that the part imports when it starts, as absolute paths: where one was edited, a server that takes
   * over from another makes the part anew. Import them with `importFile` of `vivace/kit`.
   */
  files?(options: z.output<S>, context: CheckContext): readonly string[];
  create(options: Parsed<S, D>, uses: UsedParts<U>, context: PartContext): Provided<P, D> & PartLifecycle;
}

/** The system outside that an adapter speaks to, as the spans of its operations name it. */
export interface OutsideSystem {
  /**
   * `db.system.name`, for a database: the well-known value where there is one (`redis`, `postgresql`, `aws.dynamodb`), otherwise the
   * product's name in lower case.
   *
   * @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/db/
   */
  readonly database?: string;
  /** Further attributes of every span, for a system that is not a database: `{ 'rpc.system.name': 'aws-api' }`. */
  readonly attributes?: Attributes;
  /** True for a library that works within this process: its spans are then INTERNAL, not CLIENT. */
  readonly embedded?: boolean;
}

/** An adapter's specification. */
export interface AdapterSpec<
  P extends Provides<Tier>,
  S extends z.ZodObject,
  U extends Uses,
> extends PartSpec<P, S, U> {
  /** What it speaks to; without it the spans of its operations are INTERNAL and name nothing. */
  readonly system?: OutsideSystem;
}

/**
 * A plugin's specification. Feature sources and transforms must describe what they read and write. Write `describe` above `create`: the
 * compiler then knows the types of the columns that `create` gets.
 */
export type PluginSpec<
  P extends Provides<Tier>,
  S extends z.ZodObject,
  U extends Uses,
  D extends Description = Description,
> = PartSpec<P, S, U, D> & {
  // Stated here as well as in `Describe`, so that a literal keeps its type before `provides` is inferred.
  describe?(options: z.output<S>): D;
} & Describe<P, z.output<S>>;

const marker = Symbol.for('vivace.definition');

/**
 * What `defineAdapter` and `definePlugin` return: a name after `use:`, with the schema of its options and its slots. The rest of core reads
 * it, and the compiler checks the options of a part in code against it.
 */
export interface Definition<
  S extends z.ZodObject = z.ZodObject,
  U extends Uses = Uses,
  D extends Description = Description,
> {
  readonly [marker]: true;
  readonly tier: Tier;
  readonly name: string;
  readonly provides: readonly Port[];
  readonly options: S;
  readonly uses: U;
  readonly sdk: SdkRequirements;
  readonly system: OutsideSystem | undefined;
  /** The versions of Vivace that it is made for. */
  readonly vivace?: string;
  describe?(options: z.output<S>): D;
  readonly check?: (options: never, context: CheckContext) => MaybePromise<void>;
  readonly checkAmong?: CheckAmong;
  readonly files?: (options: never, context: CheckContext) => readonly string[];
  readonly create: (options: never, uses: never, context: PartContext) => MadePart;
}

/** What `create` made: a lifecycle, and one implementation per port of `provides`, in its order. */
export interface MadePart {
  readonly lifecycle: PartLifecycle;
  readonly faces: readonly object[];
}

/**
 * Defines an adapter: one outside thing, such as a database or a model runtime, behind one or more adapter ports.
 *
 * Your duties:
 *
 * - `create` is synchronous and cheap; it keeps its arguments. All I/O begins in `start`, and `stop` closes what `start` opened. A client
 *   that comes with the options is used and left open.
 * - An adapter holds no policy: no retry, no time-out, no cache, no batching. A loop may only serve to make one operation atomic.
 * - A miss is an answer (`undefined`), an outage is an error. Where part of a batch failed, throw `PartialFailure`.
 * - Throw the vendor's errors as they are; `errorCode` gives each its code.
 * - Obey `context.signal`, or leave it to the SDK.
 *
 * The guard around your part guarantees: `start` comes once and first; no operation runs before it has resolved or after `stop` has begun;
 * `stop` comes once, even after a `start` that failed; batches are neither empty nor longer than `supports.maxBatch`; errors carry the
 * part's name. What a port requires is in its interface, and its contract in `vivace/testing` tests it.
 *
 * @param spec What the adapter provides, its name after `use:`, its options and how it is created.
 * @returns A definition, to be exported under its name in camelCase.
 * @throws {VivaceError} `INVALID_CONFIG` where the name is not kebab-case, a port is not an adapter's, or a slot and an option share a name.
 * @see docs/writing-an-adapter.md
 * @example
 * ```ts
 * import { defineAdapter, keyValueStore } from 'vivace';
 * import { callContext, startPart } from 'vivace/testing';
 * import { z } from 'zod';
 *
 * const table = defineAdapter({
 *   provides: keyValueStore,
 *   name: 'table',
 *   options: z.strictObject({ maxBatch: z.int().min(1).default(100).describe('most keys of one call; default 100') }),
 *   create: ({ maxBatch }) => {
 *     const values = new Map<string, Uint8Array>();
 *     return {
 *       supports: { maxBatch, synchronous: true },
 *       getMany: (keys) => keys.map((key) => values.get(key)?.slice()),
 *       putNewest: (entries) =>
 *         entries.map(({ key, value }) => {
 *           const stored = values.get(key);
 *           if (stored !== undefined && Buffer.compare(stored, value) >= 0) return false;
 *           values.set(key, Uint8Array.from(value));
 *           return true;
 *         }),
 *     };
 *   },
 * });
 *
 * const part = await startPart(table);
 * const store = part.face(keyValueStore);
 * console.log(await store.putNewest([{ key: 'tea', value: Uint8Array.of(2) }], callContext())); // [ true ]
 * console.log(await store.putNewest([{ key: 'tea', value: Uint8Array.of(1) }], callContext())); // [ false ]
 * await part.stop();
 * ```
 */
export function defineAdapter<
  const P extends Provides<'adapter'>,
  S extends z.ZodObject,
  const U extends Uses = Record<never, never>,
>(spec: AdapterSpec<P, S, U>): Definition<S, U> {
  return define('adapter', spec) as Definition<S, U>;
}

/**
 * Defines a plugin: one behaviour that a configuration names, such as a feature source or a transform, behind a plugin port.
 *
 * Your duties:
 *
 * - A plugin does no I/O of its own and knows no vendor: it reaches the outside through the parts in its slots (`uses`).
 * - It has no clock and no timers of its own: `context` has both, and background work that is stopped with the part.
 * - A feature source and a transform `describe` what they read and write, from the options alone. This lets core compile and check
 *   pipelines before anything starts.
 * - A transform, and a source that says `offline: 'pure'`, gives the same answer for the same input: training sets run it too.
 * - An operation that answers at once stays synchronous.
 *
 * The guard guarantees what it does for adapters (see `defineAdapter`); the parts in `uses` are guarded as well, start before this one
 * and stop after it.
 *
 * @param spec What the plugin provides, its name after `use:`, its options, its slots and how it is created.
 * @returns A definition, to be exported under its name in camelCase.
 * @throws {VivaceError} `INVALID_CONFIG` where the name is not kebab-case, a port is not a plugin's, or a slot and an option share a name.
 * @see docs/writing-a-plugin.md
 * @example
 * ```ts
 * import { createServer, definePlugin, featureSource } from 'vivace';
 * import { z } from 'zod';
 *
 * const wordCount = definePlugin({
 *   provides: featureSource,
 *   name: 'word-count',
 *   options: z.strictObject({ minLength: z.int().min(1).default(1).describe('shorter words do not count; default 1') }),
 *   describe: () => ({ keys: { text: 'string' }, features: { words: 'int32' }, offline: 'pure' }),
 *   create: ({ minLength }) => ({
 *     read(keys, out) {
 *       const texts = keys.column('text').values as string[];
 *       texts.forEach((text, row) => {
 *         out.column('words').set(row, text.split(/\s+/).filter((word) => word.length >= minLength).length);
 *       });
 *     },
 *   }),
 * });
 *
 * const server = await createServer({
 *   parts: { count: { use: wordCount, minLength: 3 } },
 *   pipelines: {
 *     measure: {
 *       request: { title: 'string' },
 *       steps: [{ fetch: 'count', key: { text: 'request.title' } }],
 *       response: { outputs: { words: 'count.words' } },
 *     },
 *   },
 * });
 * await server.start();
 * const answer = await server.predict('measure', { request: { title: 'a room with a view' } });
 * console.log(answer.outputs.words); // 3
 * await server.stop();
 * ```
 */
export function definePlugin<
  const P extends Provides<'plugin'>,
  S extends z.ZodObject,
  const U extends Uses = Record<never, never>,
  const D extends Description = Description,
>(spec: PluginSpec<P, S, U, D>): Definition<S, U, D> {
  return define('plugin', spec) as Definition<S, U, D>;
}

interface Loose {
  readonly provides: Port | readonly Port[];
  readonly name: string;
  readonly options: z.ZodObject;
  readonly uses?: Uses;
  readonly sdk?: SdkRequirements;
  readonly system?: OutsideSystem;
  readonly vivace?: string;
  readonly describe?: Definition['describe'];
  readonly check?: Definition['check'];
  readonly checkAmong?: CheckAmong;
  readonly files?: Definition['files'];
  create(
    options: never,
    uses: never,
    context: PartContext,
  ): PartLifecycle & { readonly faces?: readonly object[] };
}

function define(tier: Tier, spec: Loose): Definition {
  const provides = Array.isArray(spec.provides)
    ? (spec.provides as readonly Port[])
    : [spec.provides as Port];
  const kind = tier === 'adapter' ? 'adapter' : 'plugin';
  if (!definitionNames.pattern.test(spec.name)) {
    throw new VivaceError('INVALID_CONFIG', `the ${kind} name "${spec.name}" is not ${definitionNames.text}`);
  }
  if (spec.vivace !== undefined && !isVersionRange(spec.vivace)) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `${kind} "${spec.name}" says \`vivace: '${spec.vivace}'\`: write a range such as ^0.1 or >=0.1`,
    );
  }
  const wrong = provides.find((port) => port.tier !== tier);
  if (wrong !== undefined || provides.length === 0) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `${kind} "${spec.name}" provides ${wrong?.name ?? 'nothing'}: ${kind === 'adapter' ? 'an adapter provides adapter ports' : 'a plugin provides plugin ports'}`,
    );
  }
  if (!isObjectSchema(spec.options)) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `${kind} "${spec.name}" has no \`options\` that are a z.strictObject of zod 4: write z.strictObject({}) where it takes none`,
    );
  }
  if (typeof spec.create !== 'function')
    throw new VivaceError('INVALID_CONFIG', `${kind} "${spec.name}" has no function \`create\``);
  const reserved = Object.keys(spec.uses ?? {}).find((slot) => slot === 'use' || slot in spec.options.shape);
  if (reserved !== undefined) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `${kind} "${spec.name}" uses the name "${reserved}" for a slot and for something else`,
    );
  }
  return {
    [marker]: true,
    tier,
    name: spec.name,
    provides,
    options: spec.options,
    uses: spec.uses ?? {},
    sdk: spec.sdk ?? {},
    system: spec.system,
    ...(spec.vivace === undefined ? {} : { vivace: spec.vivace }),
    ...(spec.describe === undefined ? {} : { describe: spec.describe.bind(spec) }),
    ...(spec.check === undefined ? {} : { check: spec.check.bind(spec) }),
    ...(spec.checkAmong === undefined ? {} : { checkAmong: spec.checkAmong.bind(spec) }),
    ...(spec.files === undefined ? {} : { files: spec.files.bind(spec) }),
    create: (...args) => {
      const lifecycle = spec.create(...args);
      // Whether it is a part at all is seen where it is made.
      const { faces = [] } = (lifecycle as typeof lifecycle | null) ?? {};
      return { lifecycle, faces: Array.isArray(spec.provides) ? faces : [lifecycle] };
    },
  };
}

/** True for an object schema of zod 4, from any copy of it. */
export function isObjectSchema(value: unknown): value is z.ZodObject {
  const { _zod: internals } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<z.ZodObject>;
  return (internals?.def as { readonly type?: unknown } | undefined)?.type === 'object';
}

/** True for what `defineAdapter` and `definePlugin` return, from any copy of this package. */
export function isDefinition(value: unknown): value is Definition {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[marker] === true;
}

/** The port of a slot, and whether it may stay empty. */
export function slotPort(slot: Slot): { readonly port: Port; readonly optional: boolean } {
  return 'optional' in slot ? { port: slot.optional, optional: true } : { port: slot, optional: false };
}
