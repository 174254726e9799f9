import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A connection whose requests came faster than their answers were taken. */
interface Connection {
  /** The response that is being answered, or was answered last. */
  current: ServerResponse;
  readonly waiting: { readonly response: ServerResponse; readonly begin: () => void }[];
}

/**
 * Begins the requests of a connection one after the other, each when the answer before it has left, and reads no more of them meanwhile.
 * So a peer that sends many requests and takes no answers makes one answer at a time, not all of them.
 */
export class InOrder {
  readonly #connections = new WeakMap<Socket, Connection>();

  /** Calls `begin` at once where nothing of the connection is being answered. */
  run(request: IncomingMessage, response: ServerResponse, begin: () => void): void {
    const { socket } = request;
    const connection = request.httpVersionMajor === 1 ? this.#connections.get(socket) : undefined;
    if (connection === undefined) {
      // The streams of HTTP/2 have flow control of their own.
      if (request.httpVersionMajor === 1) this.#connections.set(socket, { current: response, waiting: [] });
      begin();
    } else if (connection.waiting.length === 0 && connection.current.closed) {
      connection.current = response;
      begin();
    } else {
      if (connection.waiting.length === 0) this.#goOn(socket, connection);
      connection.waiting.push({ response, begin });
      socket.pause();
    }
  }

  #goOn(socket: Socket, connection: Connection): void {
    connection.current.once('close', () => {
      const next = socket.destroyed ? undefined : connection.waiting.shift();
      if (next === undefined) {
        connection.waiting.length = 0;
        return;
      }
      connection.current = next.response;
      if (connection.waiting.length > 0) this.#goOn(socket, connection);
      else socket.resume();
      next.begin();
    });
  }
}
