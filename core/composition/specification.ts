import type { Container, ContainerModule } from 'inversify';
import { z } from 'zod';
import { milliseconds } from '../config/duration.js';
import { didYouMean, nearest } from '../config/did-you-mean.js';
import { columnNames, pathNames, wrongName } from '../config/names.js';
import type { ConfigPath, Mistakes, Place } from '../config/mistake.js';
import { parseWith, type Excused, type FromEnvironment } from '../config/parse.js';
import { valueText } from '../config/value-text.js';
import { fieldsOf } from '../data/feature-rows.js';
import { messageOf, VivaceError } from '../kernel/errors.js';
import { isThenable } from '../kernel/thenable.js';
import type { Definition } from '../parts/definition.js';
import type { Clock } from '../parts/context.js';
import type { Catalogue, CataloguePart } from '../pipeline/catalogue.js';
import { checkSteps, compilePipeline } from '../pipeline/compile.js';
import type { Plan } from '../pipeline/plan.js';
import { isWrongReference } from '../pipeline/reference.js';
import { pipelineSchema, type PipelineSpec } from '../pipeline/schema.js';
import type { Signature } from '../models/bundle.js';
import type { AdmissionLimits } from '../kernel/admission.js';
import { viewSchema } from '../views/schema.js';
import { compileView, type FeatureView } from '../views/view.js';
import { checkAmong } from './check-among.js';
import { admissionOptions } from './admission-options.js';
import type { Checked, Parts, PipelineDeclaration, Used, Views } from './declaration.js';
import { partIdentity, resolveParts, type PartDeclaration, type ResolvedPart } from './parts.js';
import { boundVerbs, checkLayers, checkModuleBindings, createContainer } from './container.js';
import { importModules, importSteps, type Where } from './import-file.js';
import { withStandIns, wrongStep } from './injection.js';
import { misnamedIn, refersToOneOf } from './misnamed.js';
import type { Server } from './server-interface.js';

export type Pipelines = Readonly<Record<string, PipelineDeclaration>>;

/** What a server is made of: the keys of a YAML file, and what only code can give. */
export interface ServerSpecification<
  P extends Pipelines = Pipelines,
  D extends Used = Used,
  O extends Used = Used,
> {
  /** By name. The compiler checks options and slots where a definition stands after `use`, but not where a name does. */
  readonly parts: Parts<D>;
  readonly views?: Views;
  readonly pipelines: { readonly [N in keyof P]: Checked<P[N]> };
  /** When calls over a network are refused; default: above 512 in flight, and for a second after the event loop stood 200 ms. */
  readonly admission?: Partial<AdmissionLimits>;
  /** Replaces named parts, as a test does: `{ hot: { use: memory } }`. They are guarded and started like the originals. */
  readonly override?: Parts<O>;
  /** A team's own services, verbs, layers and step classes: modules, or relative .js or .mjs files that export some. */
  readonly modules?: readonly (ContainerModule | string)[];
  /** Relative paths are resolved from here; default: the working directory. */
  readonly directory?: string;
  /**
   * A server that is ready, to take over from. Parts that are the same in both (name, definition, options, slots, files) go on running and pass
   * to the new server when it has started; until then, and where it fails to start, the other one serves as before. An HTTP server that is
   * kept changes its routers in one step. Stop the other server afterwards: it answers what it has begun, and stops what was not passed on.
   *
   * Parts that cannot stand twice (`supports.exclusive`) are swapped: requests wait until those in flight have been answered, the former part has
   * stopped and the new one has started.
   */
  readonly inherit?: Server;
  readonly clock?: Clock;
  /** The longest that one part may take to start, milliseconds; default 120,000. */
  readonly startTimeoutMs?: number;
  /** Between "not ready" and refusing calls, so that load balancers notice, milliseconds; default 0. */
  readonly drainDelayMs?: number;
  /** How long calls in flight may take when the server stops, milliseconds; default 10,000. */
  readonly drainTimeoutMs?: number;
}

/** The durations of a specification, which only code and the command line give. */
export const serverDurations = z.object({
  startTimeoutMs: milliseconds().optional(),
  drainDelayMs: milliseconds({ min: 0 }).optional(),
  drainTimeoutMs: milliseconds({ min: 0 }).optional(),
});

/** A specification that was checked: everything resolved that needs no I/O to a backend. */
export interface CheckedSpecification {
  /** Holds steps, layers and a team's modules; the parts are not bound yet. */
  readonly container: Container;
  readonly parts: ReadonlyMap<string, ResolvedPart>;
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly admission: AdmissionLimits;
  /** Compiled as far as is possible without models. */
  readonly plans: ReadonlyMap<string, Plan>;
  /** Compiles again, now with the signatures of models. */
  compile(
    signature: (predictor: string) => Signature | undefined,
    mistakes: Mistakes,
  ): ReadonlyMap<string, Plan>;
  /** Throws the mistakes that were gathered, with lines where the specification came from a file. */
  throwIfAny(mistakes: Mistakes): void;
  /** Where the file says something; nothing for a specification in code. */
  placeOf?(path: ConfigPath): Place | undefined;
}

const blocks = z.looseObject({
  parts: z.record(z.string(), z.unknown()).default({}).describe('backends and behaviours, by name'),
  views: z.record(z.string(), z.unknown()).default({}).describe('feature views, by name'),
  pipelines: z.record(z.string(), z.unknown()).default({}).describe('pipelines, by name'),
  admission: z.unknown().optional().describe('when the server refuses calls'),
  modules: z.unknown().optional().describe('files with services, verbs and layers of your own'),
});

/** Each is checked, compiled and started by itself: more of them take minutes. */
const mostPerBlock = 2_000;

/** Checks the three blocks of a specification, and gathers every mistake. */
export async function checkSpecification(
  spec: unknown,
  {
    directory,
    mistakes,
    override = {},
    environment,
    onFile,
  }: Where & {
    mistakes: Mistakes;
    override?: Readonly<Record<string, PartDeclaration>>;
    environment?: FromEnvironment;
  },
): Promise<Omit<CheckedSpecification, 'throwIfAny'> | undefined> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    mistakes.add(
      [],
      `${valueText(spec)} is not a configuration: write the blocks ${Object.keys(blocks.shape).join(', ')}`,
    );
    return undefined;
  }
  const parsed = parseWith(blocks, spec, { path: [], mistakes });
  if (parsed === undefined) return undefined;
  const names = Object.keys(blocks.shape);
  for (const key of Object.keys(parsed))
    if (!names.includes(key)) mistakes.add([key], `unknown key "${key}"${didYouMean(key, names)}`);
  const meant = misspeltBlocks(spec, names);
  const tooMany = (['parts', 'views', 'pipelines'] as const).filter(
    (block) => Object.keys(parsed[block]).length > mostPerBlock,
  );
  for (const block of tooMany) {
    const count = Object.keys(parsed[block]).length;
    mistakes.add(
      [block],
      `${count} ${block}, and a server has at most ${mostPerBlock}: make several servers of them`,
    );
  }
  if (tooMany.length > 0) return undefined;
  for (const name of Object.keys(override)) {
    if (!Object.hasOwn(parsed.parts, name))
      mistakes.add(
        ['override', name],
        `there is no part "${name}"${didYouMean(name, Object.keys(parsed.parts))}`,
      );
  }
  const env = environment === undefined ? {} : { environment };
  const where = { directory, mistakes, ...(onFile === undefined ? {} : { onFile }) };
  const parts = await resolveParts({ ...parsed.parts, ...override }, { ...where, ...env });
  const described = describeParts(parts, mistakes);
  const broken = new Set(
    Object.keys({ ...parsed.parts, ...override }).filter((name) => !described.has(name)),
  );
  for (const block of ['parts', 'views']) for (const name of namesIn(meant.get(block))) broken.add(name);
  const views = compileViews(parsed.views, parts, { mistakes, broken, ...env });
  for (const name of Object.keys(parsed.views)) if (!views.has(name)) broken.add(name);
  checkAmong(parts, { views, isBroken: (view) => broken.has(view), mistakes });
  const misnamed = misnamedIn(parsed);
  const excused: Excused = (value, issue) => isWrongReference(issue) && refersToOneOf(value, misnamed);
  const specs = parsePipelines(parsed.pipelines, { mistakes, excused, ...env });
  const unparsed = Object.entries(parsed.pipelines).flatMap(([name, value]) =>
    specs.has(name) ? [] : [[name, stepsOf(value)] as const],
  );
  for (const name of specs.keys()) {
    if (!pathNames.pattern.test(name))
      mistakes.add(['pipelines', name], wrongName(name, 'pipeline', pathNames));
  }
  const admission = parseWith(admissionOptions, parsed.admission ?? {}, {
    path: ['admission'],
    mistakes,
    ...env,
  });
  const declaredSteps = [...[...specs].map(([name, spec]) => [name, spec.steps] as const), ...unparsed];
  const steps = await importSteps(declaredSteps, where);
  const container = await createContainer(
    await importModules(parsed.modules ?? meant.get('modules'), where),
    mistakes,
  );
  checkModuleBindings(container, parts.values(), mistakes);
  const planning = withStandIns(container, parts.values());
  checkLayers(planning, mistakes);
  const verbs = boundVerbs(container, mistakes);
  verbs.forEach(({ verb }, i) => {
    if (verbs.findIndex((other) => other.verb === verb) < i)
      mistakes.add(
        ['modules'],
        `the verb "${verb}" is bound twice: rebind its class to replace what it does`,
      );
  });

  const catalogueWith = (signature: Catalogue['signature']): Catalogue => ({
    views,
    parts: described,
    signature,
    broken,
    excused,
    verbs,
    imported: (path) => steps.get(path),
    wrongStep: (node) => wrongStep(planning, node),
  });
  for (const [name, list] of unparsed) {
    const catalogue = catalogueWith(() => undefined);
    checkSteps(list, { catalogue, path: ['pipelines', name], mistakes, ...env });
  }

  function compile(signature: Catalogue['signature'], into: Mistakes): ReadonlyMap<string, Plan> {
    const catalogue = catalogueWith(signature);
    const plans = new Map<string, Plan>();
    for (const [name, pipeline] of specs) {
      const plan = compilePipeline(name, pipeline, {
        catalogue,
        path: ['pipelines', name],
        mistakes: into,
        ...env,
      });
      if (plan !== undefined) plans.set(name, plan);
    }
    return plans;
  }

  // A mistake is one of those that are thrown before anybody asks for the limits.
  const limits = admission ?? admissionOptions.parse({});
  return {
    container,
    parts,
    views,
    admission: limits,
    plans: compile(() => undefined, mistakes),
    compile,
  };
}

/** What stands under misspelt names of blocks, by the names that were meant: what it declares is there, although nothing else is known of it. */
function misspeltBlocks(spec: object, names: readonly string[]): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(spec).flatMap(([key, value]) => {
      const meant = names.includes(key) ? undefined : nearest(key, names);
      return meant === undefined || Object.hasOwn(spec, meant) ? [] : [[meant, value] as const];
    }),
  );
}

function namesIn(block: unknown): readonly string[] {
  return typeof block === 'object' && block !== null ? Object.keys(block) : [];
}

function compileViews(
  declared: Readonly<Record<string, unknown>>,
  parts: ReadonlyMap<string, ResolvedPart>,
  {
    mistakes,
    broken,
    environment,
  }: { mistakes: Mistakes; broken: ReadonlySet<string>; environment?: FromEnvironment },
): ReadonlyMap<string, FeatureView> {
  const views = new Map<string, FeatureView>();
  const named = (port: string, name: string, path: ConfigPath): void => {
    const names = [...parts.values()].flatMap((part) =>
      part.definition.provides.some((provided) => provided.name === port) ? [part.name] : [],
    );
    if (!broken.has(name) && !names.includes(name))
      mistakes.add(path, `there is no ${port} part "${name}"${didYouMean(name, names)}`);
  };
  for (const [name, value] of Object.entries(declared)) {
    const path = ['views', name];
    const spec = parseWith(viewSchema, value, {
      path,
      mistakes,
      ...(environment === undefined ? {} : { environment }),
    });
    if (spec === undefined) continue;
    if (!columnNames.pattern.test(name)) mistakes.add(path, wrongName(name, 'view', columnNames));
    named('online-store', spec.store, [...path, 'store']);
    if (spec.source?.log !== undefined) named('served-log', spec.source.log, [...path, 'source', 'log']);
    const view = mistakes.attempt(path, () => compileView(name, spec));
    if (view !== undefined) views.set(name, view);
  }
  return views;
}

function parsePipelines(
  declared: Readonly<Record<string, unknown>>,
  { mistakes, excused, environment }: { mistakes: Mistakes; excused: Excused; environment?: FromEnvironment },
): ReadonlyMap<string, PipelineSpec> {
  const specs = new Map<string, PipelineSpec>();
  for (const [name, value] of Object.entries(declared)) {
    const spec = parseWith(pipelineSchema, value, {
      path: ['pipelines', name],
      mistakes,
      excused,
      ...(environment === undefined ? {} : { environment }),
    });
    if (spec !== undefined) specs.set(name, spec);
  }
  return specs;
}

/** The steps of a pipeline that has mistakes elsewhere; what is not a step has been reported. */
function stepsOf(pipeline: unknown): readonly Readonly<Record<string, unknown>>[] {
  const steps: unknown =
    typeof pipeline === 'object' && pipeline !== null ? (pipeline as PipelineDeclaration).steps : [];
  return Array.isArray(steps) ? (steps as readonly Readonly<Record<string, unknown>>[]) : [];
}

/** What a part says of itself, its type names checked. */
function describePart(definition: Definition, options: object): unknown {
  try {
    const description = definition.describe?.(options as never);
    if (description === undefined) return undefined;
    if (isThenable(description)) {
      // Nothing awaits it: what it throws must not end the process.
      Promise.resolve(description).catch(() => undefined);
      throw new TypeError('`describe` returned a promise: say it from the options alone, at once');
    }
    const blocks =
      'features' in description
        ? [description.keys, description.features]
        : [description.reads, description.writes];
    for (const declared of blocks) fieldsOf(declared);
    return description;
  } catch (cause) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `${definition.name} does not describe itself: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

function describeParts(
  parts: ReadonlyMap<string, ResolvedPart>,
  mistakes: Mistakes,
): ReadonlyMap<string, CataloguePart> {
  return new Map(
    [...parts.values()].flatMap(({ name, definition, options }) => {
      const ports = definition.provides.map((port) => port.name);
      const before = mistakes.list.length;
      const description = mistakes.attempt(['parts', name], () => describePart(definition, options));
      if (mistakes.list.length > before) return [];
      return [
        [
          name,
          {
            name,
            ports,
            identity: partIdentity(name, parts),
            ...(description === undefined ? {} : { description }),
          },
        ] as const,
      ];
    }),
  );
}
