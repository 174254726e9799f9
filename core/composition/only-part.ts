import { didYouMean } from '../config/did-you-mean.js';
import { VivaceError } from '../kernel/errors.js';
import type { Port } from '../ports/port.js';
import type { Server } from './server-interface.js';

/** Which part is meant, where a server may have several of a kind. */
export interface WhichPart {
  /** The name that was given, if any. */
  readonly wanted?: string | undefined;
  /** How the caller's users name one, for the message: `--store`. */
  readonly say?: string;
}

/**
 * The name of the part that provides a port: the one that was named, or the only one.
 *
 * @throws {VivaceError} `NOT_FOUND` where no part, or none of that name, provides the port; `INVALID_ARGUMENT` where several do and none
 *   was named. The message lists their names.
 */
export function onlyPart(server: Server, port: Pick<Port, 'name'>, { wanted, say }: WhichPart = {}): string {
  const names = server.bindings
    .filter((binding) => binding.ports.includes(port.name))
    .map((binding) => binding.name);
  const [only, ...others] = names;
  if (only === undefined)
    throw new VivaceError(
      'NOT_FOUND',
      `this needs a part that provides ${port.name}, but the configuration has none`,
    );
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted;
    throw new VivaceError(
      'NOT_FOUND',
      `there is no ${port.name} part "${wanted}"${didYouMean(wanted, names)}`,
    );
  }
  if (others.length === 0) return only;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `several parts provide ${port.name}: name one of ${names.join(', ')}${say === undefined ? '' : ` with ${say}`}`,
  );
}
