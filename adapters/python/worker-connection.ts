import type { Socket } from 'node:net';
import { encodeFrame, FrameReader, messageOf, VivaceError, type Frame } from 'vivace/wire';

/** The process at the other end of a connection, as far as the server can see and end it. */
export interface WorkerProcess {
  readonly socket: Socket;
  /** Resolves with what became of it once it has ended: `ended with code 3`. */
  readonly ended: Promise<string>;
  /** Ends it at once, whatever it does. */
  kill(): void;
}

interface Waiting {
  resolve(frame: Frame): void;
  reject(error: VivaceError): void;
}

/** Frames to and from one worker: a frame is answered by the next that comes. */
export class WorkerConnection {
  /** Resolves with the reason once nothing more will come. What waits for an answer fails after that. */
  readonly closed: Promise<string>;
  readonly #worker: WorkerProcess;
  #maxFrameBytes: number;
  #waiting: Waiting | undefined;
  /** Why nothing more is sent. */
  #reason: string | undefined;
  #close: (reason: string) => void = () => undefined;

  constructor(worker: WorkerProcess, maxFrameBytes: number) {
    this.#worker = worker;
    this.#maxFrameBytes = maxFrameBytes;
    this.closed = new Promise((resolve) => (this.#close = resolve));
    const reader = new FrameReader(maxFrameBytes);
    const { socket } = worker;
    socket.on('data', (chunk: Buffer) => {
      if (this.#reason !== undefined) return;
      try {
        for (const frame of reader.push(chunk)) this.#take(frame);
      } catch (error) {
        this.end(`the worker did not keep to the frames: ${messageOf(error)}`);
      }
    });
    // What was sent to a process that has ended; `ended` says why it has.
    socket.on('error', () => undefined);
    void worker.ended.then((how) => this.#finish(`the worker ${how}`));
  }

  /** Why the connection is of no more use; `undefined` while it is. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Sends no longer frames than the worker takes. */
  limitFrames(maxFrameBytes: number): void {
    this.#maxFrameBytes = Math.min(this.#maxFrameBytes, maxFrameBytes);
  }

  /**
   * Sends a frame and waits for the next that comes.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` for a frame that is too large, before anything is sent; `UNAVAILABLE` where the worker ends
   *   first, with `started: false` where it had ended before.
   */
  async exchange(frame: Frame): Promise<Frame> {
    if (this.#reason !== undefined) throw new VivaceError('UNAVAILABLE', this.#reason, { started: false });
    return new Promise((resolve, reject) => {
      this.send(frame);
      this.#waiting = { resolve, reject };
    });
  }

  /** Sends a frame that is not answered. */
  send(frame: Frame): void {
    const pieces = encodeFrame(frame, this.#maxFrameBytes);
    const { socket } = this.#worker;
    if (pieces.length === 1) {
      socket.write(pieces[0]!);
      return;
    }
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
  }

  /** Ends the worker, and fails what waits for an answer with this reason. */
  end(reason: string): void {
    this.#reason ??= reason;
    this.#worker.kill();
  }

  /** Sends no more calls, fails one that waits, and leaves the worker to end by itself. */
  leave(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.send({ type: 'BYE', call: 0, header: { reason }, tensors: [] });
    this.#fail();
  }

  #take(frame: Frame): void {
    const waiting = this.#waiting;
    if (frame.type === 'BYE') return this.end(`the worker left: ${String(frame.header['reason'])}`);
    if (waiting === undefined) return this.end(`the worker sent ${frame.type} without being asked`);
    this.#waiting = undefined;
    waiting.resolve(frame);
  }

  #finish(reason: string): void {
    this.#reason ??= reason;
    this.#close(this.#reason);
    // Those who wait for `closed` hear of it first.
    void this.closed.then(() => this.#fail());
  }

  #fail(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new VivaceError('UNAVAILABLE', this.#reason ?? ''));
  }
}
