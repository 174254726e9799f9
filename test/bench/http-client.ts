import { connect, type Socket } from 'node:net';

/**
 * One kept-alive connection that sends requests made beforehand and looks at no more of an answer than its end: the client shares the
 * machine with the server it measures, so it does as little as it can.
 */
export class HttpClient {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #size = 0;
  #expected: number | undefined;
  #answered: ((body: Buffer) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')));
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
    if (answer.toString('latin1', 9, 12) === '200')
      this.#answered!(answer.subarray(answer.indexOf(headEnd) + headEnd.length));
    else this.#failed!(new Error(answer.toString()));
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
export function jsonRequest(path: string, value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value));
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}
