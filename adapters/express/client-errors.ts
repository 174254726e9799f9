import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { errorResponse, recordExchange, VivaceError, type HttpResponse } from 'vivace';
import { startTimer } from 'vivace/kit';
import type { Exchange } from './exchange.js';

/** The last request of a connection, whose answer may still be outstanding. */
export interface LastRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** `undefined` where a host application answers it, and while it waits for the answers before it. */
  exchange?: Exchange | undefined;
  /** Whether it waits for the answers before it. */
  waits?: boolean;
  /** What is wrong with it, where that is known before its turn to be answered. */
  mistake?: VivaceError;
}

const statusOf: Readonly<Record<string, readonly [status: number, message: string] | undefined>> = {
  HPE_HEADER_OVERFLOW: [431, 'the request line and headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the extensions of a chunk are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not arrive in time'],
  HPE_INVALID_EOF_STATE: [400, 'the request ended before it was complete'],
};

/** What node's `clientError` stands for. */
export function clientError(error: NodeJS.ErrnoException): VivaceError {
  const [httpStatus, message] = statusOf[error.code ?? ''] ?? [400, 'this is not a valid HTTP request'];
  return new VivaceError('INVALID_ARGUMENT', message, { httpStatus, cause: error });
}

/** Connections that have had their last answer; the parser reports each further packet of theirs as an error of its own. */
const answered = new WeakSet<Duplex>();
const lingerMs = 1000;

/** Answers on a bare connection, where node has no response object, and closes it. */
export function answerRaw(socket: Duplex, { status, headers, body }: HttpResponse, method = ''): void {
  if (answered.has(socket)) return;
  answered.add(socket);
  recordExchange({ method, status }, { scheme: 'http' });
  const lines = Object.entries({
    ...headers,
    connection: 'close',
    'content-length': Buffer.byteLength(body as string),
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${body as string}`);
  // If the server closed it at once, the unread rest of what the peer sent would reset the connection before the peer has read the answer.
  socket.resume();
  startTimer(() => socket.destroy(), lingerMs).unref();
}

/** Answers what node's parser refused, without disturbing an answer to an earlier request of the connection. */
export function onClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  {
    last,
    fail,
  }: {
    last: LastRequest | undefined;
    fail: (exchange: Exchange, response: ServerResponse, error: VivaceError) => void;
  },
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    if (!answered.has(socket)) socket.destroy();
    return;
  }
  if (answered.has(socket)) return;
  if (last === undefined || (last.response.closed && last.request.complete)) {
    answerRaw(socket, errorResponse(clientError(error), { requestId: randomUUID() }));
  } else if (last.waits === true) {
    // It is not its turn yet: the answers before it are not disturbed.
    answered.add(socket);
    last.response.shouldKeepAlive = false;
    last.response.once('close', () => socket.destroy());
    if (!last.request.complete) last.mistake = clientError(error);
  } else if (last.response.closed || (!last.request.complete && last.exchange === undefined)) {
    socket.destroy();
  } else {
    answered.add(socket);
    last.response.shouldKeepAlive = false;
    last.response.once('close', () => socket.destroy());
    if (!last.request.complete && last.exchange !== undefined)
      fail(last.exchange, last.response, clientError(error));
  }
}
