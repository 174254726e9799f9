import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import type { BundleManifest } from '../models/bundle.js';
import { defaultAlias, modelRepository, type TransferProgress } from '../ports/model-repository.js';
import { startedRepository } from './model-aliases.js';
import { repositoryAt } from './repository-at.js';
import { whoAmI } from './who.js';
import { withServer } from './with-server.js';

/** A version that is now in another place. */
export interface PulledModel {
  readonly manifest: BundleManifest;
  /** The alias that points at it there. */
  readonly alias: string | undefined;
}

/**
 * Copies a version, and the alias that names it, to a folder: in the repository's own layout, so that a server may use the folder as its repository. What is
 * there already is verified, and not fetched again where it is whole. The alias moves last, so a copy that breaks off leaves what was there before.
 *
 * A new server starts the repository; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @param options.model `name`, `name@alias` or `name@version`.
 * @param options.to A directory; or `gs://bucket/prefix`, `s3://bucket/prefix`, to copy from store to store.
 * @param options.directory Where a relative directory begins; default: the working directory.
 * @throws {VivaceError} `NOT_FOUND` with what there is; `DATA_LOSS` where a stored file is not what its manifest says; `ABORTED` where the version is there with
 *   another manifest; `RESOURCE_EXHAUSTED` where the disk is full.
 */
export async function pullModel(
  server: Server,
  options: {
    readonly model: string;
    readonly to: string;
    readonly directory?: string;
    readonly repository?: string;
    readonly by?: string;
    readonly onProgress?: (progress: TransferProgress) => void;
  },
  context: CallContext,
): Promise<PulledModel> {
  const { model, to, directory, by = whoAmI(), onProgress } = options;
  const source = await startedRepository(server, options.repository, context);
  const { name, version } = await source.resolve(model, context);
  const manifest = await source.manifest({ name, version }, context);
  const tag = model.split('@')[1] ?? defaultAlias;
  const alias = tag === version ? undefined : tag;
  const place = { option: 'to', ...(directory === undefined ? {} : { directory }) };
  await withServer(await repositoryAt(to, place), async (there) => {
    await startedRepository(there, undefined, context);
    const target = there.part(modelRepository, 'models');
    await target.add(manifest, (path) => source.readFile({ name, version }, path, context), context, {
      repair: true,
      by,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    if (alias !== undefined)
      await target.setAlias(name, alias, version, context, { by, note: 'pulled', incompatible: true });
  });
  return { manifest, alias };
}
