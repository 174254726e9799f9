import type { CallContext } from '../kernel/call.js';
import { asVivaceError, type VivaceError } from '../kernel/errors.js';
import type { Plan } from '../pipeline/plan.js';
import { repositoryOutages } from '../ports/model-repository.js';
import type { LoadAnew } from './check-backends.js';
import { startNeeded, withServer } from './with-server.js';

/** The plans of a configuration, as complete as the models that could be reached make them. */
export interface CheckedSignatures {
  readonly plans: ReadonlyMap<string, Plan>;
  /**
   * Predictors whose repository or runtime did not answer, and why: the columns of their inputs and those they write were not checked. A
   * server may start without them where its disk holds what they last served.
   */
  readonly unchecked: ReadonlyMap<string, VivaceError>;
  /** Predictors that keep a server from starting, and why: a model that is missing or corrupt, or that does not load. */
  readonly failed: ReadonlyMap<string, VivaceError>;
}

/**
 * Loads every model as a server would, and compiles the pipelines with the signatures of those that can be reached. Only predictors and the
 * parts that they use are started, and every server is stopped again. Models are downloaded to the workspaces of the servers that `load`
 * makes.
 *
 * @throws {ConfigError} where a model does not fit its pipelines, or was trained on other views.
 * @throws {VivaceError} Where the signal aborts, its error.
 */
export async function checkSignatures(load: LoadAnew, context: CallContext): Promise<CheckedSignatures> {
  const { bindings, plans } = await load();
  const predictors = bindings.filter(({ ports }) => ports.includes('predictor')).map(({ name }) => name);
  const unchecked = new Map<string, VivaceError>();
  const failed = new Map<string, VivaceError>();
  for (const name of predictors) {
    const error = await unreadBecause(name, load, context);
    if (error !== undefined) (repositoryOutages.includes(error.code) ? unchecked : failed).set(name, error);
  }
  const reached = predictors.filter((name) => !unchecked.has(name) && !failed.has(name));
  if (reached.length === 0) return { plans, unchecked, failed };
  return withServer(await load(), async (server) => {
    await startNeeded(server, reached, context);
    return { plans: await server.compile(), unchecked, failed };
  });
}

/** Asks one predictor for its signature; a server starts once, so each attempt has its own. */
async function unreadBecause(
  name: string,
  load: LoadAnew,
  context: CallContext,
): Promise<VivaceError | undefined> {
  return withServer(await load(), async (server) => {
    try {
      await startNeeded(server, [name], context);
      await server.signatures();
      return undefined;
    } catch (thrown) {
      const error = asVivaceError(thrown);
      // A model that does not fit these views is a mistake, not a signature that could not be read.
      if (context.signal.aborted || error.code === 'INVALID_CONFIG') throw error;
      return error;
    }
  });
}
