import { z } from 'zod';
import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { pathNames } from '../config/names.js';
import type { CallContext } from '../kernel/call.js';
import { modelRepository, type ModelVersion } from '../ports/model-repository.js';
import { startNeeded } from './with-server.js';
import { parseOption } from './wrong-option.js';

const pathName = z.string().regex(pathNames.pattern, `cannot be a name: a name has ${pathNames.text}`);

/** Where an alias points, and where it pointed before. */
export interface MovedAlias extends ModelVersion {
  readonly alias: string;
  /** `undefined` where there was no such alias. */
  readonly before: string | undefined;
}

/**
 * Points an alias at a version that exists: forth, or back to the one before.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.repository The model-repository part; default: the only one.
 * @throws {VivaceError} `INVALID_ARGUMENT`, with the option as `path`, where a name cannot be one; `NOT_FOUND` where there is no such
 *   repository, model or version, with those that exist; `ABORTED` where another process moved the alias at the same time.
 */
export async function moveAlias(
  server: Server,
  options: ModelVersion & { readonly alias: string; readonly repository?: string },
  context: CallContext,
): Promise<MovedAlias> {
  const { name, alias, version } = options;
  for (const option of ['name', 'alias', 'version'] as const) parseOption(pathName, options[option], option);
  const repository = onlyPart(server, modelRepository, { wanted: options.repository });
  await startNeeded(server, [repository], context);
  const models = server.part(modelRepository, repository);
  const known = await models.list(context, { name });
  await models.setAlias(name, alias, version, context);
  return { name, version, alias, before: known.find(({ aliases }) => aliases.includes(alias))?.version };
}
