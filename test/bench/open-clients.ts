import { HttpClient } from './http-client.js';
import { openLoop } from './open-loop.js';

/** What became of one request of an open loop. */
export interface OpenOutcome {
  /** When it was due, milliseconds after the first. */
  readonly dueMs: number;
  /** How late it was begun: this process, too, has only so much of the machine. */
  readonly lateMs: number;
  /** From when it was due to when its answer was there. */
  readonly tookMs: number;
  /** `undefined` where the connection ended without an answer. */
  readonly status: number | undefined;
}

/** As many kept-alive connections as an open loop needs at once. */
export class OpenClients {
  readonly #url: string;
  readonly #idle: HttpClient[] = [];
  readonly #all = new Set<HttpClient>();

  constructor(url: string) {
    this.#url = url;
  }

  /** Sends requests, each in its turn, at a rate that does not ask whether the server keeps up. */
  async send(requests: readonly Buffer[], perSecond: number, seconds: number): Promise<OpenOutcome[]> {
    const outcomes: OpenOutcome[] = [];
    const from = performance.now();
    await openLoop(
      async (i, due) => {
        const lateMs = performance.now() - due;
        const status = await this.#status(requests[i % requests.length]!);
        outcomes.push({ dueMs: due - from, lateMs, tookMs: performance.now() - due, status });
      },
      perSecond,
      seconds,
    );
    return outcomes;
  }

  /**
   * Sends requests from so many callers, each its next when it has its answer.
   *
   * @returns Answers with status 200 per second.
   */
  async saturate(
    requests: readonly Buffer[],
    { clients, seconds }: { readonly clients: number; readonly seconds: number },
  ): Promise<number> {
    const until = performance.now() + seconds * 1000;
    let sent = 0;
    let answered = 0;
    const caller = async (): Promise<void> => {
      while (performance.now() < until) {
        const status = await this.#status(requests[sent++ % requests.length]!);
        if (status === 200) answered++;
      }
    };
    await Promise.all(Array.from({ length: clients }, caller));
    return answered / seconds;
  }

  close(): void {
    for (const client of this.#all) client.close();
  }

  async #status(request: Buffer): Promise<number | undefined> {
    let client = this.#idle.pop();
    try {
      if (client === undefined || client.closed) {
        client = await HttpClient.open(this.#url);
        this.#all.add(client);
      }
      const { status } = await client.exchange(request);
      if (!client.closed) this.#idle.push(client);
      return status;
    } catch {
      if (client !== undefined) this.#all.delete(client);
      return undefined;
    }
  }
}
