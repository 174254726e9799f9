import { VivaceError } from 'vivace';

/** What keeps a server from listening, and what to do about it. */
export function listenError(
  cause: NodeJS.ErrnoException,
  { port, host }: { port: number; host: string },
): VivaceError {
  const advice: Readonly<Record<string, string | undefined>> = {
    EADDRINUSE: `port ${port} on ${host} is in use: stop what listens there, or set another \`port\` (0 takes any free one)`,
    EACCES: `no permission to listen on port ${port}: ports below 1024 need privileges; set a higher \`port\``,
    EADDRNOTAVAIL: `${host} is not an address of this machine: set \`host\` to 127.0.0.1, or to 0.0.0.0 for every interface`,
    ENOTFOUND: `the host name ${host} is not known: set \`host\` to an address of this machine`,
  };
  const message = advice[cause.code ?? ''] ?? `cannot listen on ${host}:${port}: ${cause.message}`;
  return new VivaceError('FAILED_PRECONDITION', message, { cause });
}
