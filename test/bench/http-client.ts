import { connect, type Socket } from 'node:net';

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly answer: Buffer;
}

/**
 * One kept-alive connection that sends requests made beforehand and looks at no more of an answer than its end: the client shares the
 * machine with the server it measures, so it does as little as it can.
 */
export class HttpClient {
  /** Whether the connection has ended. */
  closed = false;
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #size = 0;
  #expected: number | undefined;
  #answered: ((answer: Answer) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#failed?.(new Error('the server closed the connection'));
    });
  }

  static async open(url: string): Promise<HttpClient> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new HttpClient(socket)));
      socket.once('error', reject);
    });
  }

  /**
   * Sends one request.
   *
   * @returns The body of the answer.
   * @throws {Error} For any status but 200.
   */
  async send(request: Buffer): Promise<Buffer> {
    const { status, answer } = await this.exchange(request);
    if (status !== 200) throw new Error(answer.toString());
    return answer.subarray(answer.indexOf(headEnd) + headEnd.length);
  }

  /**
   * Sends one request.
   *
   * @returns The status and the whole answer, head and body.
   * @throws {Error} Where the connection ends before.
   */
  async exchange(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#size += chunk.length;
    this.#expected ??= this.#readHead();
    if (this.#expected === undefined || this.#size < this.#expected) return;
    const answer = Buffer.concat(this.#received);
    this.#received = [];
    this.#size = 0;
    this.#expected = undefined;
    this.#answered!({ status: Number(answer.toString('latin1', 9, 12)), answer });
  }

  /** The size of the whole answer, once its head is there. */
  #readHead(): number | undefined {
    const head = Buffer.concat(this.#received);
    const end = head.indexOf(headEnd);
    if (end < 0) return undefined;
    const length = /\r\ncontent-length: (\d+)/i.exec(head.toString('latin1', 0, end))?.[1];
    if (length === undefined) throw new Error('an answer without content-length');
    return end + headEnd.length + Number(length);
  }
}
const headEnd = '\r\n\r\n';

/** A POST request with a JSON body, ready to be sent. */
export function jsonRequest(
  path: string,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  return request(path, Buffer.from(JSON.stringify(value)), headers);
}

/** A POST request with a body of JSON as it is given, ready to be sent. */
export function request(
  path: string,
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const more = Object.entries(headers).map(([name, text]) => `${name}: ${text}\r\n`);
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n${more.join('')}content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}
