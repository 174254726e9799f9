import { VivaceError, type HttpRequestHead } from 'vivace';

/**
 * Checks that a server which lets callers change its models is out of others' reach.
 *
 * @param address Where the server listens; `undefined` where it does not listen itself, and each peer is checked by `checkPeer`.
 * @throws {VivaceError} `INVALID_CONFIG`.
 */
export function checkAdmin(address: string | undefined, part: string): void {
  if (address === undefined || isLoopback(new URL(address).hostname)) return;
  throw new VivaceError(
    'INVALID_CONFIG',
    `parts.${part}.admin: ${address} can be reached from other machines, and \`admin: true\` lets every caller load models: ` +
      'give this part an HTTP server of its own with `host: 127.0.0.1`',
    { path: `parts.${part}.admin` },
  );
}

/** @throws {VivaceError} `PERMISSION_DENIED` for a peer on another machine, or one whose address is not known. */
export function checkPeer({ peer }: HttpRequestHead): void {
  if (!isLoopback(peer))
    throw new VivaceError(
      'PERMISSION_DENIED',
      'the model repository answers callers on its own machine only',
    );
}

/** An address of 127.0.0.0/8, ::1, or the former as an IPv6 address. */
function isLoopback(address: string): boolean {
  return /^(?:(?:\[?::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}\]?|\[?::1\]?)$/i.test(address);
}
