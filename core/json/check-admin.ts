import { VivaceError } from '../kernel/errors.js';

/**
 * Checks that an HTTP server which lets callers change its models is out of others' reach. An application that Vivace is mounted in is not: it may
 * listen anywhere, and the address of a peer may be what a proxy's header says.
 *
 * @param address Where the server listens; `undefined` where it does not listen itself.
 * @throws {VivaceError} `INVALID_CONFIG`.
 */
export function checkAdmin(address: string | undefined, part: string): void {
  checkLoopback(address, {
    path: `parts.${part}.admin`,
    what: '`admin: true` lets every caller load models',
    instead: 'give this part an HTTP server of its own with `host: 127.0.0.1`',
  });
}

/**
 * Checks that an HTTP server which lets callers change something is out of others' reach, as `checkAdmin` does.
 *
 * @param option.path The option that lets them.
 * @param option.what What it lets them do, as a clause.
 * @param option.instead What to do about it.
 * @throws {VivaceError} `INVALID_CONFIG`.
 */
export function checkLoopback(
  address: string | undefined,
  { path, what, instead }: { readonly path: string; readonly what: string; readonly instead: string },
): void {
  const why = reachedFromOthers(address, { what, instead });
  if (why !== undefined) throw new VivaceError('INVALID_CONFIG', `${path}: ${why}`, { path });
}

/** What is wrong with an address that `checkLoopback` refuses; `undefined` where nothing is. */
export function reachedFromOthers(
  address: string | undefined,
  { what, instead }: { readonly what: string; readonly instead: string },
): string | undefined {
  if (address !== undefined && isLoopback(new URL(address).hostname)) return undefined;
  const reach =
    address === undefined
      ? 'the server does not listen itself, so other machines may reach it'
      : `${address} can be reached from other machines`;
  return `${reach}, and ${what}: ${instead}`;
}

/** An address of 127.0.0.0/8, or ::1. */
function isLoopback(address: string): boolean {
  return /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/.test(address);
}
