import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { abortError, messageOf, VivaceError, type Log } from 'vivace';
import { endedWithin, pause } from 'vivace/kit';
import type { WorkerProcess } from './worker-connection.js';

/** How long to wait before the next attempt to connect, milliseconds. */
const retryMs = 200;
/** How long a worker may take to leave after it was told goodbye, milliseconds. */
const goodbyeMs = 5_000;

/** What a process that has not started to listen gives. */
const later: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN']);

interface Waits {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A worker in another container, at the other end of a Unix socket. */
export class ConnectedWorker implements WorkerProcess {
  readonly socket: Socket;
  readonly ended: Promise<string>;

  private constructor(socket: Socket) {
    this.socket = socket;
    // Not `once(socket, 'close')`, which an error would reject: the socket closes after it all the same.
    this.ended = new Promise((resolve) => socket.once('close', () => resolve('closed the connection')));
  }

  /**
   * Connects, and tries again until `signal` aborts: the other container may start later than this one.
   *
   * @throws {VivaceError} `FAILED_PRECONDITION` where nobody may connect there; the signal's error.
   */
  static async connect(path: string, { signal, log }: Waits): Promise<ConnectedWorker> {
    for (let attempts = 1; ; attempts++) {
      const socket = connect(path);
      try {
        await once(socket, 'connect', { signal });
        return new ConnectedWorker(socket);
      } catch (error) {
        socket.destroy();
        if (signal.aborted) throw abortError(signal);
        if (!later.has((error as NodeJS.ErrnoException).code ?? ''))
          throw new VivaceError(
            'FAILED_PRECONDITION',
            `${path} cannot be connected to: ${messageOf(error)}`,
            {
              cause: error,
            },
          );
        if (attempts === 1)
          log.warn(`nobody listens on ${path} yet: trying until the load times out`, { error });
      }
      await pause(retryMs, { signal });
      if (signal.aborted) throw abortError(signal);
    }
  }

  /** Lets it leave after it was told goodbye, and hangs up where it does not. */
  async stop(): Promise<void> {
    await endedWithin(this.ended, goodbyeMs);
    this.kill();
    await this.ended;
  }

  kill(): void {
    this.socket.destroy();
  }
}
