import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createServer } from '../composition/create-server.js';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { isVivaceError, VivaceError } from '../kernel/errors.js';
import { makeDirectory } from '../kit/make-directory.js';
import type { Bundle, BundleManifest } from '../models/bundle.js';
import { predictorRuntime, type ModelCheck, type PredictorRuntime } from '../ports/predictor-runtime.js';
import type { ModelSource } from './model-source.js';
import { usersOf } from './model-users.js';
import { startNeeded, withServer } from './with-server.js';
import { wrongOption } from './wrong-option.js';

/** What a check has found of a model that serves. */
export type PassedCheck = Extract<ModelCheck, { passed: true }>;

/** How far the check of a model is. */
export type CheckStep =
  | { readonly kind: 'begun'; readonly entry: string }
  /** A line that the model printed. */
  | { readonly kind: 'printed'; readonly line: string }
  | { readonly kind: 'ended'; readonly check: ModelCheck };

/** The adapter that checks models of a kind which no part of a server hosts. */
const checkers: Readonly<Record<string, string>> = {
  python: 'python',
  sklearn: 'python',
  lightgbm: 'python',
  xgboost: 'python',
};

/** Who checks a model: a part of the server, or an adapter that is used for this alone. */
export type Checker = { readonly part: string } | { readonly use: string };

/**
 * Who checks a model: the part with which a predictor serves it, another that hosts its kind, or where there is none an adapter for its kind.
 *
 * @param model.hosting The parts that host its kind.
 * @returns `undefined` where its runtime has no check.
 */
export function checkerOf(
  server: Server,
  model: {
    readonly name: string;
    readonly kind: string;
    readonly repository: string;
    readonly hosting: readonly string[];
  },
): Checker | undefined {
  const { hosting, kind } = model;
  const use = checkers[kind];
  if (hosting.length === 0) return use === undefined ? undefined : { use };
  const checking = hosting.filter((part) => server.part(predictorRuntime, part).check !== undefined);
  const serving = usersOf(server, model.repository).flatMap(({ model: used, slots }) =>
    used === model.name ? slots : [],
  );
  const part = checking.find((each) => serving.includes(each)) ?? checking[0];
  return part === undefined ? undefined : { part };
}

/** A model that is about to be pushed. */
interface Unpushed {
  readonly source: ModelSource;
  readonly manifest: BundleManifest;
  /** Files that are made by the push, by their path. */
  readonly made: ReadonlyMap<string, Uint8Array>;
}

/**
 * Checks a model as a server would load it: with its manifest, and no other files than those of its bundle.
 *
 * @param options.checker A part has been started.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the model fails; `FAILED_PRECONDITION` where it cannot be checked here.
 */
export async function checkModel(
  server: Server,
  { checker, model, onCheck }: { checker: Checker; model: Unpushed; onCheck?: (step: CheckStep) => void },
  context: CallContext,
): Promise<PassedCheck> {
  const { entry } = model.manifest;
  onCheck?.({ kind: 'begun', entry });
  const onLine = (line: string): void => onCheck?.({ kind: 'printed', line });
  const check = await withRuntime(server, checker, context, async (runtime) =>
    withBundle(model, async (bundle) => runtime.check!(bundle, { ...context, onLine })),
  );
  onCheck?.({ kind: 'ended', check });
  if (check.passed) return check;
  throw wrongOption(
    'file',
    `${entry} failed its check and was not pushed: ${check.reason}; mend it, or push it unchecked with --no-check`,
  );
}

async function withRuntime<T>(
  server: Server,
  checker: Checker,
  context: CallContext,
  work: (runtime: PredictorRuntime) => Promise<T>,
): Promise<T> {
  try {
    if ('part' in checker) return await work(server.part(predictorRuntime, checker.part));
    const { use } = checker;
    const own = await createServer({ parts: { [use]: { use } }, pipelines: {} });
    return await withServer(own, async () => {
      await startNeeded(own, [use], context);
      return work(own.part(predictorRuntime, use));
    });
  } catch (error) {
    throw asUnchecked(error);
  }
}

/** What to do where a model cannot be checked on this machine. */
export function asUnchecked(error: unknown, instead = '--no-check'): unknown {
  if (!isVivaceError(error) || error.code !== 'FAILED_PRECONDITION') return error;
  const { code, message, part } = error;
  return new VivaceError(
    code,
    `${message}; the model cannot be checked here and was not pushed: push it where it can be checked, or unchecked with ${instead}`,
    { cause: error, ...(part === undefined ? {} : { part }) },
  );
}

/** Lays the files of a bundle out as a server finds them, without a copy of those that are on the disk. */
async function withBundle<T>(
  { source, manifest, made }: Unpushed,
  work: (bundle: Bundle) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'vivace-check-'));
  try {
    for (const { path } of manifest.files) {
      const target = join(directory, path);
      await makeDirectory(dirname(target));
      const content = made.get(path);
      if (content === undefined) await symlink(join(source.directory, path), target);
      else await writeFile(target, content);
    }
    await writeFile(join(directory, 'model.json'), JSON.stringify(manifest));
    return await work({ manifest, directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
