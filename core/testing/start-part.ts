import type { z } from 'zod';
import type { ReadonlyOptions } from '../composition/declaration.js';
import { ConfigError } from '../config/mistake.js';
import { parseValue } from '../config/parse.js';
import { ServerAdmission, type Admission } from '../kernel/admission.js';
import type { CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { timeoutSignal } from '../kernel/timer.js';
import type { Clock } from '../parts/context.js';
import { createPart, type RunningPart } from '../parts/create-part.js';
import type { Definition, Uses } from '../parts/definition.js';
import { systemClock } from '../parts/part-context.js';
import type { FeatureSourceDescription } from '../ports/feature-source.js';
import type { LogRecord } from '../ports/log-sink.js';
import type { TransformDescription } from '../ports/transform.js';

/** The surroundings of a part that a test may set. */
export interface StartPartOptions {
  /** Its name in the configuration. Default: the definition's. */
  readonly name?: string;
  /** The parts in its slots: faces of others, or objects of the test's own. */
  readonly uses?: Readonly<Record<string, unknown>>;
  /** Relative paths in options are resolved against it. Default: the current directory. */
  readonly directory?: string;
  readonly clock?: Clock;
  /** What a part that takes calls asks. Default: an admission as servers have it. */
  readonly admission?: Admission;
  readonly onLog?: (record: LogRecord) => void;
}

/** What a feature source or a transform says about itself. */
export type Description = FeatureSourceDescription | TransformDescription;

/** The options of a definition, as a configuration gives them; any object where the compiler does not know the definition. */
export type OptionsFor<S extends z.ZodObject> = string extends keyof S['shape']
  ? object
  : ReadonlyOptions<z.input<S>>;

/** Options, which may be left out where all of them have defaults, and the surroundings. */
type OptionsAndSetup<S extends z.ZodObject> =
  Record<never, never> extends OptionsFor<S>
    ? [options?: OptionsFor<S>, setup?: StartPartOptions]
    : [options: OptionsFor<S>, setup?: StartPartOptions];

/** A definition of a source or a transform, as contracts take it: with its options where it needs some. */
export type DefinitionSetup<S extends z.ZodObject, U extends Uses, D extends Description> = {
  readonly definition: Definition<S, U, D>;
  /** The parts in its slots, made anew for each part; what they leave running is yours to stop. */
  readonly uses?: () => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;
  /** Relative paths in options are resolved against it. Default: the current directory. */
  readonly directory?: string;
} & (Record<never, never> extends OptionsFor<S>
  ? { readonly options?: OptionsFor<S> }
  : { readonly options: OptionsFor<S> });

/** A part that a test made, with what its definition says of it. */
export interface TestPart<D extends Description = Description> extends RunningPart {
  /** What `describe` of the definition says for these options; `undefined` where it describes nothing. */
  readonly description: D | undefined;
}

/**
 * Creates a part as the server would: guarded, its options parsed by its schema. It is not started.
 *
 * @throws {VivaceError} `INVALID_CONFIG` where the schema refuses the options.
 */
export function makePart<S extends z.ZodObject, U extends Uses, D extends Description>(
  definition: Definition<S, U, D>,
  ...[options, setup = {}]: OptionsAndSetup<S>
): TestPart<D> {
  const parsed = parsedOptions(definition, options ?? {});
  const part = createPart(
    definition,
    { name: setup.name ?? definition.name, options: parsed, uses: setup.uses ?? {} },
    {
      directory: setup.directory ?? process.cwd(),
      clock: setup.clock ?? systemClock,
      admission: setup.admission ?? new ServerAdmission({ maxInFlight: 512, shedLagMs: 200 }),
      writeLog: setup.onLog ?? (() => undefined),
      tracing: () => false,
    },
  );
  return { ...part, description: definition.describe?.(parsed) };
}

/**
 * What a definition says of a part with some options.
 *
 * @throws {VivaceError} `INVALID_CONFIG` where the schema refuses the options, or the definition describes nothing.
 */
export function describePart<S extends z.ZodObject, U extends Uses, D extends Description>(
  definition: Definition<S, U, D>,
  options: object = {},
): D {
  const description = definition.describe?.(parsedOptions(definition, options));
  if (description !== undefined) return description;
  throw new VivaceError('INVALID_CONFIG', `"${definition.name}" has no \`describe\``);
}

function parsedOptions<S extends z.ZodObject>(
  definition: { readonly options: S },
  options: object,
): z.output<S> {
  const parsed = parseValue(definition.options, options);
  if (parsed.mistakes === undefined) return parsed.value;
  throw new ConfigError(parsed.mistakes);
}

/** Creates and starts a part; `part.face(port)` is its guarded face. */
export async function startPart<S extends z.ZodObject, U extends Uses, D extends Description>(
  definition: Definition<S, U, D>,
  ...args: OptionsAndSetup<S>
): Promise<TestPart<D>> {
  const part = makePart(definition, ...args);
  await part.start({ signal: timeoutSignal(60_000) });
  return part;
}

/** A call context that gives up after `timeoutMs`. */
export function callContext(timeoutMs = 30_000): CallContext {
  return { signal: timeoutSignal(timeoutMs), deadline: performance.now() + timeoutMs };
}
