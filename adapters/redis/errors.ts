import { messageOf, VivaceError, type ErrorCode } from 'vivace';
import { systemErrorCode } from 'vivace/kit';

/** The first word of an error reply; see https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors. */
const replies: Readonly<Record<string, ErrorCode>> = {
  OOM: 'RESOURCE_EXHAUSTED',
  // The disk: neither a snapshot nor the append-only file can be written, so the server refuses writes.
  MISCONF: 'RESOURCE_EXHAUSTED',
  READONLY: 'UNAVAILABLE',
  LOADING: 'UNAVAILABLE',
  BUSY: 'UNAVAILABLE',
  MASTERDOWN: 'UNAVAILABLE',
  NOREPLICAS: 'UNAVAILABLE',
  CLUSTERDOWN: 'UNAVAILABLE',
  TRYAGAIN: 'UNAVAILABLE',
  MOVED: 'FAILED_PRECONDITION',
  CROSSSLOT: 'FAILED_PRECONDITION',
  WRONGTYPE: 'FAILED_PRECONDITION',
  NOAUTH: 'UNAUTHENTICATED',
  WRONGPASS: 'UNAUTHENTICATED',
  NOPERM: 'PERMISSION_DENIED',
};

/** The SDK hands errors of TLS on as texts. */
const tlsText = /certificate|\bTLS\b|\bSSL\b|wrong version number/i;

/** Other errors, of the server and of the SDK, by their text. */
const texts: readonly (readonly [RegExp, ErrorCode])[] = [
  [/max number of clients reached/, 'RESOURCE_EXHAUSTED'],
  [/unknown command ['`]?HELLO|unsupported protocol version/i, 'UNIMPLEMENTED'],
  [/DB index is out of range|No such master|cluster support disabled/i, 'FAILED_PRECONDITION'],
  [/^The queue is full|sentinels are available|valid master node|Too many Cluster red/, 'UNAVAILABLE'],
  [tlsText, 'UNAVAILABLE'],
];

// Keys: codes of errors.
const connectionErrors: ReadonlySet<string> = new Set([
  'ClientClosedError',
  'ClientOfflineError',
  'ConnectionTimeoutError',
  'DisconnectsClientError',
  'RootNodesUnavailableError',
  'SocketClosedUnexpectedlyError',
  'SocketTimeoutError',
  'SocketTimeoutDuringMaintenanceError',
]);

const advice: Partial<Record<string, string>> = {
  NOAUTH: 'the server wants a password: set `password` (and `username`)',
  WRONGPASS: 'check `username` and `password`',
  NOPERM:
    'the ACL user needs `+mget +get +set +pexpire +eval +evalsha +ping`, for `features gc` `+scan +unlink`, for `check --connect` `+info`, and `~<prefix>*`',
  MOVED: 'this server is part of a cluster: name it in `cluster` instead of `url`',
  CROSSSLOT: 'this server is part of a cluster: name it in `cluster` instead of `url`',
  WRONGTYPE: 'something else writes keys of this `prefix`',
  OOM: "the server's `maxmemory` is used up: raise it, or set `ttlMs` and a policy that evicts",
  MISCONF: 'the server cannot write to its disk, and so refuses writes: see its log, and free space',
};

/** The same for other errors, by their text. */
const textAdvice: readonly (readonly [RegExp, string])[] = [
  [tlsText, 'check `caFile`, `certFile` and `keyFile`, and whether both sides speak TLS'],
  [/^getaddrinfo|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH/, 'check the address, and that the server runs'],
  [
    /^Connection timeout/,
    'check the address, that its port can be reached, and whether both sides speak TLS',
  ],
  [/DB index is out of range/, 'correct `database`, or raise `databases` of the server'],
  [/cluster support disabled/, 'this server is not part of a cluster: name it in `url` instead of `cluster`'],
  [/No such master/, 'correct `name` of `sentinel`'],
];

/** Classifies an error of the server, the SDK or the system below. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const word = replyWord(error);
  if (word !== undefined && Object.hasOwn(replies, word)) return replies[word];
  if (error instanceof Error && connectionErrors.has(error.constructor.name)) return 'UNAVAILABLE';
  const text = messageOf(error);
  return texts.find(([pattern]) => pattern.test(text))?.[1] ?? systemErrorCode(error);
}

/** A server that does not know a command repeats what was sent with it: of HELLO, the password. */
export function withoutArguments(error: unknown): unknown {
  const [text, repeated] = messageOf(error).split(', with args');
  return repeated === undefined ? error : new Error(text);
}

/** True for an error that says that there is no connection, but not why. */
export function isOffline(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name } = error.constructor;
  return (
    name === 'ClientOfflineError' ||
    name === 'RootNodesUnavailableError' ||
    error.message.startsWith('None of the sentinels')
  );
}

/**
 * Makes a `VivaceError` with the address and what to do about it.
 *
 * @param otherwise The code of an unknown error.
 */
export function explain(error: unknown, where: string, otherwise: ErrorCode = 'INTERNAL'): VivaceError {
  const word = replyWord(error);
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  // OpenSSL puts its reason among file names; an attempt at several addresses of a name fails without a text.
  const said = (typeof reason === 'string' && `TLS: ${reason}`) || messageOf(error) || String(code);
  const hint =
    word !== undefined && Object.hasOwn(advice, word)
      ? advice[word]
      : textAdvice.find(([pattern]) => pattern.test(said))?.[1];
  // What a server says about HELLO is meant for the authors of clients.
  const text = word === 'NOAUTH' ? word : said.replace(/\.$/, '');
  return new VivaceError(
    codeOf(error) ?? otherwise,
    `${where}: ${text}${hint === undefined ? '' : `; ${hint}`}`,
    { cause: error },
  );
}

/** The word that an error reply begins with, also where it arose within a script (Redis 6 puts it behind the place). */
function replyWord(error: unknown): string | undefined {
  return /^(?:ERR Error running script.*?: -?)?([A-Z]+)\b/.exec(messageOf(error))?.[1];
}
