import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import type { CollectedVersion, CollectOptions } from '../ports/model-repository.js';
import { startedRepository } from './model-aliases.js';
import { whoAmI } from './who.js';

/** Which versions may go; as the repository's own options, except that versions are named as people name them. */
export interface CollectModelsOptions extends Omit<CollectOptions, 'keep' | 'protect'> {
  /** How many of the newest versions of each model stay in any case; default 10. */
  readonly keep?: number;
  /** Versions that stay, `name@version`, such as those that a deployment names. */
  readonly protect?: readonly string[];
  /** The model-repository part; default: the only one. */
  readonly repository?: string;
}

/**
 * Removes old versions, except those that aliases name or did lately, and what was left of pushes and collections that broke off.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such repository, or no version that is to be protected; `INVALID_ARGUMENT` for an impossible `keep`.
 */
export async function collectModels(
  server: Server,
  { repository, keep = 10, protect = [], ...options }: CollectModelsOptions,
  context: CallContext,
): Promise<readonly CollectedVersion[]> {
  const models = await startedRepository(server, repository, context);
  const kept = await Promise.all(protect.map((model) => models.resolve(model, context)));
  return models.collect(context, { by: whoAmI(), ...options, keep, protect: kept });
}
