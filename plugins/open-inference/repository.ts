import { VivaceError, type Call } from 'vivace';
import type { ServedModel } from './served-model.js';

type Options = Readonly<Record<string, unknown>>;

/** The answer to `POST /v2/repository/index`: every model, or those that are ready. */
export function indexOf(
  models: ReadonlyMap<string, ServedModel>,
  { ready: readyOnly = false }: Options,
): object {
  if (typeof readyOnly !== 'boolean')
    throw new VivaceError('INVALID_ARGUMENT', 'ready: true or false', { path: 'ready' });
  return [...models.values()].flatMap(({ name, target }) => {
    const { ready, reason } = target.state();
    if (readyOnly && !ready) return [];
    const version = target.version();
    return [
      { name, ...(version === undefined ? {} : { version }), state: ready ? 'READY' : 'UNAVAILABLE', reason },
    ];
  });
}

/**
 * Looks for the version that the model's repository says should serve; resolves when it serves.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for files or a configuration in the request: models come from their repository only.
 */
export async function load({ target }: ServedModel, { parameters }: Options, call: Call): Promise<void> {
  const given = typeof parameters === 'object' && parameters !== null ? Object.keys(parameters) : [];
  const refused = given.find((name) => name === 'config' || name.startsWith('file:'));
  if (refused !== undefined)
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `the parameter "${refused.slice(0, 50)}" is not taken: models come from their repository only`,
      { path: 'parameters' },
    );
  await target.load(call);
}

/** @throws {VivaceError} `UNIMPLEMENTED`, always. */
export function refuseUnload(name: string): never {
  throw new VivaceError(
    'UNIMPLEMENTED',
    `"${name}" cannot be unloaded: take it out of the configuration, or point its alias at another version`,
  );
}
