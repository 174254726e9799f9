import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { pathName } from '../models/bundle.js';
import {
  defaultAlias,
  modelRepository,
  type AliasMove,
  type ModelRepository,
  type ModelVersion,
} from '../ports/model-repository.js';
import { whoAmI } from './who.js';
import { startNeeded } from './with-server.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** Where an alias points, and where it pointed before. */
export interface MovedAlias extends ModelVersion, AliasMove {
  readonly alias: string;
}

/** How an alias is moved. */
export interface MoveAliasOptions {
  /** Who moves it; default: this user on this machine. */
  readonly by?: string;
  /** Why, at most 1,000 characters. */
  readonly note?: string;
  /** Moves it even where servers that follow it would refuse the version, whose signature or views differ. */
  readonly incompatible?: boolean;
  /** The model-repository part; default: the only one. */
  readonly repository?: string;
}

/**
 * Points an alias at a version that exists.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.model `name@version`, or `name@alias` for the version that another alias has.
 * @param options.alias Default `champion`.
 * @throws {VivaceError} `INVALID_ARGUMENT`, with the option as `path`, where a name cannot be one; `NOT_FOUND` where there is no such
 *   repository, model or version, with those that exist; `FAILED_PRECONDITION` where the version does not fit those who follow the alias; `ABORTED` where
 *   another process moved the alias at the same time, or removes the version.
 */
export async function promoteModel(
  server: Server,
  options: MoveAliasOptions & { readonly model: string; readonly alias?: string },
  context: CallContext,
): Promise<MovedAlias> {
  const { alias = defaultAlias, model } = options;
  parseOption(pathName, alias, 'alias');
  if (!model.includes('@'))
    throw wrongOption('model', `"${model}" does not say which version: write name@version, or name@alias`);
  const models = await startedRepository(server, options.repository, context);
  const { name, version } = await models.resolve(model, context);
  const { before } = await models.setAlias(name, alias, version, context, {
    ...changeOf(options),
    kind: 'promote',
  });
  return { name, version, alias, before };
}

/**
 * Points an alias at the version that it had before. Done again it goes further back: it never comes forth.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.model `name@alias`, or `name` for `champion`.
 * @param options.version One of its earlier versions; default: the last of them.
 * @throws {VivaceError} As `promoteModel`; `FAILED_PRECONDITION` where there is no earlier version, or it is gone, with the next that stands.
 */
export async function rollbackModel(
  server: Server,
  options: MoveAliasOptions & { readonly model: string; readonly version?: string },
  context: CallContext,
): Promise<MovedAlias> {
  const [name = '', alias = defaultAlias] = options.model.split('@');
  parseOption(pathName, name, 'model');
  parseOption(pathName, alias, 'model');
  const models = await startedRepository(server, options.repository, context);
  const moved = await models.rollback(name, alias, context, {
    ...changeOf(options),
    ...(options.version === undefined ? {} : { version: options.version }),
  });
  return { name, alias, ...moved };
}

/** The repository of a server, started where it is new. */
export async function startedRepository(
  server: Server,
  wanted: string | undefined,
  context: CallContext,
): Promise<ModelRepository> {
  const repository = onlyPart(server, modelRepository, { wanted });
  await startNeeded(server, [repository], context);
  return server.part(modelRepository, repository);
}

function changeOf({ by = whoAmI(), note, incompatible = false }: MoveAliasOptions): {
  readonly by: string;
  readonly note?: string;
  readonly incompatible: boolean;
} {
  return { by, incompatible, ...(note === undefined ? {} : { note }) };
}
