import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A bare connection, for what a well-behaved client would never send. */
export class RawConnection {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  #received = '';
  #wake: () => void = () => undefined;
  #isOver = false;

  constructor(address: string) {
    const { hostname, port } = new URL(address);
    this.socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      const over = (): void => {
        this.#isOver = true;
        this.#wake();
        this.socket.destroy();
        resolve();
      };
      this.socket.on('end', over).on('close', over);
    });
  }

  send(...parts: (string | Uint8Array)[]): this {
    for (const part of parts) this.socket.write(part);
    return this;
  }

  /** The next answer; `undefined` where the connection ends without one. */
  async answer(): Promise<RawAnswer | undefined> {
    for (;;) {
      const parsed = this.#take();
      if (parsed !== undefined || this.#isOver) return parsed;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** All answers until the server ends the connection. */
  async rest(): Promise<RawAnswer[]> {
    const answers: RawAnswer[] = [];
    for (let next = await this.answer(); next !== undefined; next = await this.answer()) answers.push(next);
    return answers;
  }

  #take(): RawAnswer | undefined {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [first = '', ...lines] = this.#received.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const length = Number(headers['content-length'] ?? 0);
    if (this.#received.length < end + 4 + length) return undefined;
    const body = Buffer.from(this.#received.slice(end + 4, end + 4 + length), 'latin1').toString();
    this.#received = this.#received.slice(end + 4 + length);
    return { status: Number(first.split(' ')[1]), headers, body };
  }
}
