import { Agent, request } from 'node:http';

/** Requests at a steady rate, over connections that stay open and over new ones in turn, and what became of them. */
export class SteadyLoad {
  /** What failed: a status other than 200, or the code of a connection's error. */
  readonly failed: string[] = [];
  answered = 0;
  #last = '';
  readonly #body: string;
  readonly #agents = [new Agent({ keepAlive: true, maxSockets: 4 }), new Agent({ keepAlive: false })];
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();
  #sent = 0;
  url: string;

  constructor(url: string, body: unknown, everyMs: number) {
    this.url = url;
    this.#body = JSON.stringify(body);
    this.#timer = setInterval(() => this.#ask(), everyMs);
  }

  /** The text of the latest answer. */
  get last(): string {
    return this.#last;
  }

  /** Ends once all that was sent has been answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    for (const agent of this.#agents) agent.destroy();
  }

  #ask(): void {
    const asked = new Promise<void>((resolve) => {
      const agent = this.#agents[this.#sent++ % 2]!;
      const headers = { 'content-type': 'application/json' };
      const sent = request(this.url, { method: 'POST', agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => {
            this.#last = Buffer.concat(chunks).toString();
            if (response.statusCode === 200) this.answered++;
            else this.failed.push(`${response.statusCode} ${this.#last}`);
            resolve();
          })
          .on('error', (error) => fail(error));
      });
      const fail = (error: Error): void => {
        this.failed.push(`${error.message}${sent.reusedSocket ? ' on an open connection' : ''}`);
        resolve();
      };
      sent.on('error', fail);
      sent.end(this.#body);
    }).finally(() => this.#open.delete(asked));
    this.#open.add(asked);
  }
}
